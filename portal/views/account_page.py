"""What every page of an account shows: whose it is, and the one thing the reader must know now."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from billing import clock
from billing.models import Membership
from billing.outlook import Outlook, outlook

from ..alerts import alerts


def account_page(request: HttpRequest, template: str, membership: Membership, **context: Any) -> HttpResponse:
    """Render a page of the account with its alert on top."""
    return page_with_outlook(request, template, membership, outlook(membership.account, at=clock.now()), **context)


def page_with_outlook(
    request: HttpRequest, template: str, membership: Membership, view: Outlook, **context: Any
) -> HttpResponse:
    found = alerts(view, membership=membership, at=clock.now())
    shared = {
        "membership": membership,
        "account": membership.account,
        "outlook": view,
        "alert": found[0] if found else None,
        "further_alerts": found[1:],
    }
    return render(request, template, shared | context)


def plain_page(request: HttpRequest, template: str, membership: Membership, **context: Any) -> HttpResponse:
    """Render a page, or a step of a flow, that says what matters itself, without the account's alert."""
    return render(request, template, {"membership": membership, "account": membership.account} | context)
