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
    verified = getattr(membership, "email_verified", True)
    found = alerts(view, membership=membership, user_email_verified=verified, at=clock.now())
    shared = {
        "membership": membership,
        "account": membership.account,
        "outlook": view,
        "alert": found[0] if found else None,
        "further_alerts": found[1:],
    }
    return render(request, template, shared | context)


def plain_page(request: HttpRequest, template: str, membership: Membership, **context: Any) -> HttpResponse:
    """Render a page that says what matters in the page itself, without the account's alert."""
    return render(request, template, {"membership": membership, "account": membership.account} | context)


def flow_page(request: HttpRequest, template: str, membership: Membership, **context: Any) -> HttpResponse:
    """Render a step of a flow: its template has no menu either, only the matter in hand."""
    return plain_page(request, template, membership, **context)
