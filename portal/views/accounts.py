"""The account chooser: what each account owes, and its most urgent alert in a word."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from billing import clock
from billing.models import Membership
from billing.outlook import Outlook, outlook

from ..access import memberships, reader
from ..alert import Alert
from ..alerts import alerts_of_account


@dataclass(frozen=True, slots=True)
class Choice:
    """An account that the reader may open."""

    membership: Membership
    outlook: Outlook
    alert: Alert | None


def start(request: HttpRequest) -> HttpResponse:
    return redirect("accounts")


def choose(request: HttpRequest) -> HttpResponse:
    """Show the reader's accounts; whoever has one goes straight to it."""
    own = list(memberships(reader(request)))
    if len(own) == 1:
        return redirect("overview", own[0].account.reference)
    return render(request, "portal/accounts.html", {"choices": [_choice(membership) for membership in own]})


def _choice(membership: Membership) -> Choice:
    at = clock.now()
    view = outlook(membership.account, at=at)
    found = alerts_of_account(view, membership=membership, at=at)
    return Choice(membership, view, found[0] if found else None)
