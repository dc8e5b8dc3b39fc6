"""The overview: what is owed, with what it is paid, what happens next, and the services."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse

from billing import clock
from billing.declines import advice
from billing.models import Membership
from billing.outlook import outlook, sums
from billing.states import PaymentState

from ..access import members_only
from ..alert import Facts
from .account_page import page_with_outlook

MOST = 3


@members_only
def overview(request: HttpRequest, membership: Membership) -> HttpResponse:
    at = clock.now()
    view = outlook(membership.account, at=at)
    failure = view.last_failure
    payable = Facts(view, membership, at).payable
    return page_with_outlook(
        request,
        "portal/overview.html",
        membership,
        view,
        payable=payable,
        to_pay=sums(invoice.due_money for invoice in payable),
        under_way=sums(invoice.due_money for invoice in view.due if invoice not in payable),
        approvals=[payment for payment in view.live if payment.state == PaymentState.REQUIRES_ACTION],
        invoices=view.due[:MOST] or view.recent,
        failure=failure,
        failure_advice=advice(failure.decline_code) if failure else None,
    )
