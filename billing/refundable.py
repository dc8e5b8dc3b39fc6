"""
What may be given back, through which charges, and the credit set aside for it.

Only unapplied credit is given back: money that has paid an invoice is freed of it, or the
invoice credited, by an act of its own. Runs inside the caller's transaction with the
account row locked.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import F, Sum

from . import ledger
from .applying import Credit, NotEnoughCredit
from .events import record
from .models import (
    AUTOMATIC_TRIGGERS,
    CreditNote,
    Dispute,
    EntryKind,
    Payment,
    Refund,
    RefundDestination,
    Return,
    User,
)
from .schedule import next_check
from .states import DisputeState, Incomplete, PaymentState, RefundState


class NotRefundable(Exception):
    """The charges that paid cannot give back as much; ``amount`` is what they can."""

    def __init__(self, message: str, *, amount: int) -> None:
        super().__init__(message)
        self.amount = amount


class CreditHasChanged(Exception):
    """Since it was looked at, some of the credit was given back or used."""


def unchanged(credit: Credit, amount: int) -> Credit:
    """
    Return the locked account's credit anew, if it is as ``credit`` was read and enough.

    So of two that were decided on at the same sight, the second is refused. Raises
    ``CreditHasChanged`` and ``NotEnoughCredit``.
    """
    row: Credit = type(credit)._default_manager.select_related("account").get(pk=credit.pk)
    if row.unapplied != credit.unapplied:
        raise CreditHasChanged(f"{credit} had {credit.unapplied} unapplied and has {row.unapplied}")
    if not 0 < amount <= row.unapplied:
        raise NotEnoughCredit(f"{amount} cannot be given back of {row.unapplied}")
    return row


def parts(credit: Credit, amount: int) -> list[tuple[Payment, int]]:
    """
    Split an amount over the charges it goes back through.

    A payment's goes through itself, a credit note's through what paid its invoice, the
    newest first. Raises ``NotRefundable``.
    """
    shares, left = [], amount
    for payment in _charges(credit):
        share = min(left, by_card(payment))
        if share > 0:
            shares.append((payment, share))
            left -= share
    if left:
        raise NotRefundable(f"the charges behind {credit} cannot give back {amount}", amount=amount - left)
    return shares


def by_card(payment: Payment) -> int:
    """Return how much of a charge may still go back: not what went back already, nor what is disputed or lost."""
    if payment.state != PaymentState.SUCCEEDED or not payment.gateway_reference:
        return 0
    gone = (
        Refund.objects.set_aside().filter(through=payment),
        Return.objects.filter(payment=payment),
        Dispute.objects.filter(payment=payment).exclude(state=DisputeState.WON),
    )
    return max(0, payment.amount - sum(rows.aggregate(sum=Sum("amount"))["sum"] or 0 for rows in gone))


def _charges(credit: Credit) -> list[Payment]:
    if isinstance(credit, Payment):
        return [credit]
    paid = Payment.objects.filter(allocations__invoice=credit.invoice_id, account=credit.account_id)
    return list(paid.distinct().order_by("-settled_at", "-pk"))


def set_aside(credit: Credit, amount: int, *, at: datetime, by: User | None = None, **how: Any) -> Refund:
    """Take credit away for a refund, and put the refund down."""
    type(credit)._default_manager.filter(pk=credit.pk).update(unapplied=F("unapplied") - amount)
    credit.refresh_from_db(fields=["unapplied"])
    refund = Refund.objects.create(
        account=credit.account,
        seller_id=credit.seller_id,
        payment=credit if isinstance(credit, Payment) else None,
        credit_note=credit if isinstance(credit, CreditNote) else None,
        amount=amount,
        currency=credit.currency,
        requested_at=at,
        requested_by=by,
        **how,
    )
    ledger.post(EntryKind.REFUND, refund, amount=amount, at=at)
    tell("requested", refund, at=at, actor=by)
    return refund


def to_card(credit: Credit, amount: int, *, through: Payment, reason: str, at: datetime, by: User | None) -> Refund:
    """Set credit aside that the gateway is asked to send back at once; if that is not to be, by the next job."""
    return set_aside(
        credit,
        amount,
        at=at,
        by=by,
        destination=RefundDestination.ORIGINAL,
        through=through,
        reason=reason,
        state=RefundState.PENDING,
        next_action_at=next_check(created_at=at, at=at),
    )


def put_back(refund: Refund, *, at: datetime) -> None:
    """Make what was set aside for a refund unapplied credit again."""
    credit = source(refund)
    type(credit)._default_manager.filter(pk=credit.pk).update(unapplied=F("unapplied") + refund.amount)
    ledger.post(EntryKind.REFUND_FAILED, refund, amount=-refund.amount, at=at)


def source(refund: Refund) -> Credit:
    credit = refund.payment or refund.credit_note
    if credit is None:
        raise Incomplete(refund)
    return credit


def is_double(payment: Payment) -> bool:
    """
    Say whether what a payment has left was not meant to be kept.

    It was for what was due, whether the card was charged automatically or a person
    consented to a list of invoices, and something else has paid that since. Money that
    was sent without being asked for may be a prepayment.
    """
    if payment.trigger in AUTOMATIC_TRIGGERS or payment.superseded_at:
        return True
    if payment.settlement is None:
        return False
    lines = payment.settlement.lines.filter(invoice__seller=payment.seller_id, invoice__currency=payment.currency)
    return (lines.aggregate(sum=Sum("amount"))["sum"] or 0) >= payment.amount


def give_back_double(payment: Payment, *, at: datetime) -> Refund | None:
    """Begin to send back what is left of a double; ``None`` when the charge cannot give it back."""
    if by_card(payment) < payment.unapplied:
        return None
    return to_card(payment, payment.unapplied, through=payment, reason="double", at=at, by=None)


def tell(what: str, refund: Refund, *, at: datetime, **about: Any) -> None:
    """Record what became of a refund, on the timeline of what it goes back for."""
    note = refund.credit_note
    record(
        f"refund.{what}",
        at=at,
        account=refund.account,
        payment=refund.payment or refund.through,
        invoice=note.invoice if note else None,
        refund=refund.reference,
        amount=refund.amount,
        currency=refund.currency,
        destination=refund.destination,
        **about,
    )
