"""The overview: what is owed, with what it is paid, what happens next, and the services."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse

from billing import asking_for_time, clock
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
    may_ask = membership.may_manage and bool(view.owed)
    return page_with_outlook(
        request,
        "portal/overview.html",
        membership,
        view,
        payable=payable,
        to_pay=sums(invoice.due_money for invoice in payable),
        under_way=sums(invoice.due_money for invoice in view.due if invoice not in payable),
        may_promise=may_ask and asking_for_time.may_promise(membership.account, at=at),
        may_take_grace=may_ask
        and any(asking_for_time.is_stopping(service) for service in view.services)
        and asking_for_time.grace_again_at(membership.account, at=at) is None,
        approvals=[payment for payment in view.live if payment.state == PaymentState.REQUIRES_ACTION],
        invoices=view.due[:MOST] or view.recent,
        failure=failure,
        failure_advice=advice(failure.decline_code) if failure else None,
    )
