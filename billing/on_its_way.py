"""Whether money may still come in for a debt: while it may, nothing escalates and nothing is deleted."""

from __future__ import annotations

from datetime import datetime

from .models import BY_HAND_TRIGGERS, Account, Payment
from .states import PaymentState


def is_on_its_way(account: Account, seller_id: int, currency: str, *, since: datetime) -> bool:
    """
    Say whether a payment to this creditor may still succeed.

    A person's own unfinished approval counts once: after one that came to nothing, the
    next no longer holds anything back.
    """
    payments = Payment.objects.for_account(account).filter(seller=seller_id, currency=currency)
    undecided = payments.undecided()
    if not undecided.filter(state=PaymentState.REQUIRES_ACTION, trigger__in=BY_HAND_TRIGGERS).exists():
        return undecided.exists()
    given_up = payments.filter(state=PaymentState.CANCELED, trigger__in=BY_HAND_TRIGGERS, created_at__gte=since)
    return not given_up.exists()
