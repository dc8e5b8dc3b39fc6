"""
Give unapplied credit back by bank transfer: asked for by one person, approved by another, paid by hand.

The transfer itself is made at the bank; its reference ends the refund here.
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from stdnum import iban as ibans
from stdnum.exceptions import ValidationError

from . import refundable
from .applying import Credit
from .models import Account, Refund, RefundDestination, StaffTask, TaskKind, User
from .refundable import tell
from .staffing import ask_staff, finish
from .states import RefundState


class InvalidIban(ValueError):
    """The account number has a wrong length, country or check digits."""


class SamePerson(Exception):
    """Whoever asked for a refund cannot approve it as well."""


class NoReference(ValueError):
    """Without the bank's reference nobody can find the transfer again."""


@transaction.atomic(durable=True)
def request(
    credit: Credit, amount: int, *, iban: str, account_holder: str, reason: str, by: User, at: datetime
) -> Refund:
    """
    Set credit aside for a transfer, and ask for a second person.

    ``credit`` is the row as whoever decides has seen it. Raises ``InvalidIban``,
    ``CreditHasChanged`` and ``NotEnoughCredit``.
    """
    number = checked(iban)
    Account.objects.locked().get(pk=credit.account_id)
    refund = refundable.set_aside(
        refundable.unchanged(credit, amount),
        amount,
        at=at,
        by=by,
        destination=RefundDestination.BANK,
        iban=number,
        account_holder=account_holder.strip(),
        reason=reason,
    )
    _ask(refund, at=at)
    return refund


def checked(iban: str) -> str:
    """Return an IBAN without spaces; raises ``InvalidIban``."""
    try:
        return str(ibans.validate(iban))
    except ValidationError as error:
        raise InvalidIban(iban) from error


@transaction.atomic(durable=True)
def approve(refund: Refund, *, by: User, at: datetime) -> Refund:
    """Let the transfer be made; raises ``SamePerson``, and ``InvalidTransition`` when it waits no longer."""
    refund = _locked(refund)
    if refund.requested_by_id == by.pk:
        raise SamePerson(f"{by} asked for {refund}")
    refund.move(RefundState.PENDING, approved_by=by, approved_at=at)
    tell("approved", refund, at=at, actor=by)
    return refund


@transaction.atomic(durable=True)
def reject(refund: Refund, *, by: User, at: datetime) -> Refund:
    """Do not pay it; the credit comes back."""
    refund = _locked(refund)
    refund.move(RefundState.REJECTED, settled_at=at)
    refundable.put_back(refund, at=at)
    tell("rejected", refund, at=at, actor=by)
    _done(refund, by=by, at=at)
    return refund


@transaction.atomic(durable=True)
def paid_out(refund: Refund, *, bank_reference: str, by: User, at: datetime) -> Refund:
    """Say that the transfer was made; raises ``NoReference``."""
    if not bank_reference.strip():
        raise NoReference
    refund = _locked(refund)
    refund.move(RefundState.SUCCEEDED, bank_reference=bank_reference.strip(), settled_at=at)
    tell("succeeded", refund, at=at, actor=by)
    _done(refund, by=by, at=at)
    return refund


@transaction.atomic(durable=True)
def not_payable(refund: Refund, *, by: User, at: datetime) -> Refund:
    """Say that the bank did not take the transfer; the credit comes back."""
    refund = _locked(refund)
    refund.move(RefundState.FAILED, settled_at=at)
    refundable.put_back(refund, at=at)
    tell("failed", refund, at=at, actor=by)
    _done(refund, by=by, at=at)
    return refund


class NotByBank(Exception):
    """The refund goes to a card: the gateway says what becomes of it."""


def _locked(refund: Refund) -> Refund:
    Account.objects.locked().get(pk=refund.account_id)
    row = Refund.objects.select_related("account", "payment", "credit_note__invoice", "through").get(pk=refund.pk)
    if row.destination != RefundDestination.BANK:
        raise NotByBank(f"{row} goes to a card")
    return row


def _ask(refund: Refund, *, at: datetime) -> None:
    ask_staff(
        TaskKind.REFUND_BY_BANK,
        key=f"refund_by_bank:{refund.pk}",
        account=refund.account,
        payment=refund.payment,
        at=at,
        refund=refund.reference,
    )


def _done(refund: Refund, *, by: User, at: datetime) -> None:
    for task in StaffTask.objects.filter(key=f"refund_by_bank:{refund.pk}", done_at=None):
        finish(task, by=by, at=at)
