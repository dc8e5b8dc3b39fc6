"""The overview: what is owed, with what it is paid, what happens next, and the services."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse

from billing import clock
from billing.declines import advice
from billing.models import Membership
from billing.outlook import outlook

from ..access import members_only
from .account_page import page_with_outlook

MOST = 3


@members_only
def overview(request: HttpRequest, membership: Membership) -> HttpResponse:
    view = outlook(membership.account, at=clock.now())
    failure = view.last_failure
    return page_with_outlook(
        request,
        "portal/overview.html",
        membership,
        view,
        invoices=view.due[:MOST] or view.recent,
        failure=failure,
        failure_advice=advice(failure.decline_code) if failure else None,
    )
