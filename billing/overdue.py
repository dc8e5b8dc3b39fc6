"""I6, checked on live data: nothing waits past its moment without someone being told."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db.models import Q

from . import clock
from .models import (
    Account,
    CardVisit,
    DunningCase,
    ErasureDemand,
    GatewayEvent,
    Hold,
    Invoice,
    Payment,
    Refund,
    RefundDestination,
    StaffTask,
    Subscription,
)
from .states import LIVE_PAYMENT_STATES

LONG_OVERDUE = timedelta(days=2)
GONE_BY = "its moment went by more than two days ago"


def waiting(*, at: datetime) -> Iterator[str]:
    """I6: nothing waits past its moment without someone being told."""
    for account in Account.objects.filter(time_zone__in=_zones() - clock.zones()):
        yield f"I6 account {account.reference}: no clock knows its time zone, so no job can do anything for it"
    long_ago = at - LONG_OVERDUE
    told = StaffTask.objects.filter(done_at__isnull=True, payment__isnull=False).values("payment_id")
    lost = Payment.objects.filter(state__in=LIVE_PAYMENT_STATES).exclude(pk__in=told)
    for payment in lost.filter(Q(next_action_at__isnull=True) | Q(next_action_at__lt=long_ago)):
        yield f"I6 payment {payment}: undecided, and nobody looks at it"
    told_of = set(StaffTask.objects.filter(done_at__isnull=True).values_list("codes__refund", flat=True))
    unsure = Refund.objects.undecided().filter(Q(next_action_at__isnull=True) | Q(next_action_at__lt=long_ago))
    by_hand = Refund.objects.open().filter(destination=RefundDestination.BANK)
    for refund in [*unsure, *by_hand]:
        if refund.reference not in told_of:
            yield f"I6 refund {refund}: undecided, and nobody looks at it"
    for invoice in Invoice.objects.open().filter(Q(next_charge_at__lt=long_ago) | Q(next_action_at__lt=long_ago)):
        yield f"I6 invoice {invoice}: {GONE_BY}"
    for service in Subscription.objects.filter(next_action_at__lt=long_ago):
        yield f"I6 service {service.reference}: {GONE_BY}"
    for service in Subscription.objects.filter(Q(leaves_at__lt=long_ago) | Q(answer_due_at__lt=long_ago)):
        yield f"I6 service {service.reference}: {GONE_BY}"
    for demand in ErasureDemand.objects.due(at=long_ago):
        yield f"I6 erasure demand {demand.reference}: {GONE_BY}"
    for case in DunningCase.objects.due(at=long_ago).select_related("account", "seller"):
        yield f"I6 dunning case {case}: {GONE_BY}"
    for hold in Hold.objects.due(at=long_ago):
        yield f"I6 hold {hold.reference}: {GONE_BY}"
    for visit in CardVisit.objects.filter(next_action_at__lt=long_ago):
        yield f"I6 visit {visit}: {GONE_BY}"
    for webhook in GatewayEvent.objects.waiting(at=long_ago):
        yield f"I6 webhook {webhook}: {GONE_BY}"


def known_zones() -> set[str]:
    """Return the zones of accounts that a clock knows: of the others nothing can be told."""
    return _zones() & clock.zones()


def _zones() -> set[str]:
    return set(Account.objects.values_list("time_zone", flat=True).order_by().distinct())
