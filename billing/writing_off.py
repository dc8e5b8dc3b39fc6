"""
Stop asking for what will not be paid: bad debts, with a second person above a limit, and small differences.

A bad debt makes its invoice uncollectible; it keeps off what it has stopped. Money that
comes after all reverses the write-off, so that it pays what it was for.
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from . import applying, ledger, standing
from .events import record
from .models import (
    Account,
    CurrencyFloor,
    EntryKind,
    Invoice,
    Payment,
    StaffTask,
    TaskKind,
    User,
    WriteOff,
    WriteOffKind,
)
from .staffing import ask_staff
from .states import InvoiceState


class NothingToWriteOff(Exception):
    """The invoice is not open."""


class MoneyMayCome(Exception):
    """A payment that may pay the invoice is not decided yet."""


class AlreadyAsked(Exception):
    """A write-off of the invoice waits already."""


class AlreadyDecided(Exception):
    """The write-off was approved, rejected or reversed before."""


class SamePerson(Exception):
    """Whoever asked for a write-off does not approve it."""


class NoLongerTheSame(Exception):
    """Something else is due on the invoice than when the write-off was asked for."""


@transaction.atomic
def request(invoice: Invoice, *, reason: str, by: User, at: datetime) -> WriteOff:
    """
    Write an open invoice off as a bad debt: at once up to the currency's limit, above it when another approves.

    Raises ``NothingToWriteOff``, ``MoneyMayCome``, ``AlreadyAsked``.
    """
    invoice = _locked(invoice)
    _guard(invoice)
    if WriteOff.objects.waiting().filter(invoice=invoice).exists():
        raise AlreadyAsked(invoice)
    write_off = WriteOff.objects.create(
        invoice=invoice,
        kind=WriteOffKind.BAD_DEBT,
        amount=invoice.amount_due,
        reason=reason,
        requested_at=at,
        requested_by=by,
    )
    if write_off.amount <= _floor(invoice.currency, "write_off_limit"):
        return _write_off(write_off, invoice, by=by, at=at)
    ask_staff(TaskKind.WRITE_OFF_WAITS, key=_key(write_off), account=invoice.account, at=at, invoice=invoice.number)
    return write_off


@transaction.atomic
def approve(write_off: WriteOff, *, by: User, at: datetime) -> WriteOff:
    """
    Write off what another person asked for.

    Raises ``AlreadyDecided``, ``SamePerson``, ``NothingToWriteOff``, ``MoneyMayCome``, ``NoLongerTheSame``.
    """
    invoice = _locked(write_off.invoice)
    write_off = _waiting(write_off)
    if write_off.requested_by_id == by.pk:
        raise SamePerson(write_off)
    _guard(invoice)
    if invoice.amount_due != write_off.amount:
        raise NoLongerTheSame(f"{invoice} has {invoice.amount_due} due, not {write_off.amount}")
    return _write_off(write_off, invoice, by=by, at=at)


@transaction.atomic
def reject(write_off: WriteOff, *, by: User, at: datetime) -> WriteOff:
    """Leave the invoice owed. Raises ``AlreadyDecided``."""
    _locked(write_off.invoice)
    write_off = _waiting(write_off)
    write_off.rejected_at, write_off.rejected_by = at, by
    write_off.save(update_fields=["rejected_at", "rejected_by"])
    _close_task(write_off, by=by, at=at)
    return write_off


@transaction.atomic
def reverse(write_off: WriteOff, *, by: User | None, at: datetime) -> WriteOff:
    """Ask for what was written off after all. Raises ``AlreadyDecided``."""
    _locked(write_off.invoice)
    if not WriteOff.objects.in_force().filter(pk=write_off.pk).exists():
        raise AlreadyDecided(write_off)
    invoice = applying.reverse_write_off(write_off, by=by, at=at)
    standing.refresh(invoice.account, at=at)
    write_off.refresh_from_db()
    return write_off


def recover(payment: Payment, *, at: datetime) -> int:
    """
    Let what a payment has left pay what was written off, oldest first; returns what is still left.

    Runs inside the caller's transaction with the account row locked.
    """
    written_off = Invoice.objects.uncollectible().filter(
        account=payment.account_id, seller=payment.seller_id, currency=payment.currency
    )
    for invoice in written_off.oldest_first():
        if payment.unapplied == 0:
            break
        bad_debt = WriteOff.objects.in_force().get(invoice=invoice, kind=WriteOffKind.BAD_DEBT)
        applying.apply_rest(payment, applying.reverse_write_off(bad_debt, by=None, at=at), at=at)
    return payment.unapplied


def tolerate(invoice: Invoice, *, at: datetime) -> WriteOff | None:
    """
    Take an invoice of which less than the tolerance is left for paid; ``None`` when more is left, or nothing was paid.

    Runs inside the caller's transaction with the account row locked.
    """
    tolerance = _floor(invoice.currency, "tolerance")
    if not 0 < invoice.amount_due <= tolerance or invoice.amount_paid == 0:
        return None
    write_off = WriteOff.objects.create(
        invoice=invoice, kind=WriteOffKind.TOLERANCE, amount=invoice.amount_due, requested_at=at, approved_at=at
    )
    ledger.post(EntryKind.WRITE_OFF, write_off, amount=-write_off.amount, at=at)
    applying.write_off_rest(write_off, at=at)
    return write_off


def tolerate_rests(payment: Payment, *, at: datetime) -> None:
    """Take the invoices that a payment has paid but for less than the tolerance for paid."""
    for invoice in Invoice.objects.open().filter(allocations__payment=payment).distinct():
        tolerate(invoice, at=at)


def ask_again(invoice: Invoice, *, at: datetime) -> None:
    """Take back a tolerated difference of an invoice; the caller says what pays it instead."""
    for write_off in WriteOff.objects.in_force().filter(invoice=invoice, kind=WriteOffKind.TOLERANCE):
        applying.reverse_write_off(write_off, by=None, at=at)


def _locked(invoice: Invoice) -> Invoice:
    Account.objects.locked().get(pk=invoice.account_id)
    return Invoice.objects.select_related("account").get(pk=invoice.pk)


def _guard(invoice: Invoice) -> None:
    if invoice.amount_due == 0:
        raise NothingToWriteOff(f"{invoice} is {invoice.state}")
    payments = Payment.objects.for_account(invoice.account).undecided()
    if payments.filter(seller=invoice.seller_id, currency=invoice.currency).exists():
        raise MoneyMayCome(invoice)


def _waiting(write_off: WriteOff) -> WriteOff:
    found = WriteOff.objects.waiting().filter(pk=write_off.pk).first()
    if found is None:
        raise AlreadyDecided(write_off)
    return found


def _write_off(write_off: WriteOff, invoice: Invoice, *, by: User, at: datetime) -> WriteOff:
    write_off.approved_at, write_off.approved_by = at, by
    write_off.save(update_fields=["approved_at", "approved_by"])
    invoice.move(InvoiceState.UNCOLLECTIBLE, version=invoice.version + 1, next_charge_at=None, next_action_at=None)
    ledger.post(EntryKind.WRITE_OFF, write_off, amount=-write_off.amount, at=at)
    record("invoice.written_off", at=at, account=invoice.account, invoice=invoice, actor=by, write_off=write_off.pk)
    _close_task(write_off, by=by, at=at)
    standing.refresh(invoice.account, at=at)
    return write_off


def _floor(currency: str, field: str) -> int:
    return CurrencyFloor.objects.filter(currency=currency).values_list(field, flat=True).first() or 0


def _key(write_off: WriteOff) -> str:
    return f"write_off:{write_off.pk}"


def _close_task(write_off: WriteOff, *, by: User, at: datetime) -> None:
    StaffTask.objects.filter(key=_key(write_off), done_at=None).update(done_at=at, taken_by=by)
