"""
Apply money and credit to invoices: of the same account, seller and currency, oldest due first.

What a payment or a credit note has left is unapplied credit. Runs inside the caller's
transaction with the account row locked.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Sum

from . import ledger, paused
from .events import record
from .models import Account, Allocation, CreditNote, EntryKind, Invoice, Payment, User, WriteOff, WriteOffKind
from .states import InvoiceState

Credit = Payment | CreditNote


class NotEnoughCredit(Exception):
    """More would be taken than the payment or credit note ever had."""


def apply(payment: Payment, *, at: datetime) -> int:
    """Apply a received payment, first to what it was consented for; returns what is left, in minor units."""
    return _spend(payment, payment.amount, _in_order(payment, at=at), at=at)


def apply_to_corrected(note: CreditNote, *, at: datetime) -> int:
    """Apply a new credit note to the invoice it corrects; returns what the invoice no longer needs."""
    return _spend(note, note.total, Invoice.objects.open().filter(pk=note.invoice_id), at=at)


def apply_rest(credit: Credit, invoice: Invoice, *, at: datetime) -> int:
    """Apply what a payment or credit note has left to one open invoice; returns what is left then."""
    return _spend(credit, credit.unapplied, Invoice.objects.open().filter(pk=invoice.pk), at=at)


def apply_credit(account: Account, *, at: datetime) -> None:
    """Use unapplied money and credit for what is due now."""
    today = account.today(at)
    for credit in unapplied(account):
        due = Invoice.objects.due(on=today).filter(account=account, seller=credit.seller_id, currency=credit.currency)
        _spend(credit, credit.unapplied, due.oldest_first(), at=at)


def unapplied(account: Account) -> list[Credit]:
    """Return what has credit left: credit notes before money, oldest first, so that money stays refundable."""
    notes = CreditNote.objects.for_account(account).unapplied().order_by("pk")
    return [*notes, *Payment.objects.for_account(account).unapplied().order_by("pk")]


def write_off_rest(write_off: WriteOff, *, at: datetime) -> None:
    """Pay what is left of an invoice with the difference that is written off."""
    invoice = Invoice.objects.get(pk=write_off.invoice_id)
    _allocate(write_off, invoice, write_off.amount, at=at)


def reverse_write_off(write_off: WriteOff, *, by: User | None, at: datetime) -> Invoice:
    """Let an invoice be owed again for what was written off of it; the caller has seen that it is in force."""
    invoice = Invoice.objects.select_related("account").get(pk=write_off.invoice_id)
    WriteOff.objects.in_force().filter(pk=write_off.pk).update(reversed_at=at)
    ledger.post(EntryKind.WRITE_OFF_REVERSED, write_off, amount=write_off.amount, at=at)
    if write_off.kind == WriteOffKind.TOLERANCE:
        return _unallocate(write_off, invoice, write_off.amount, at=at)
    invoice.move(InvoiceState.OPEN, version=invoice.version + 1)
    record("invoice.recovered", at=at, account=invoice.account, invoice=invoice, actor=by, write_off=write_off.pk)
    return invoice


def take_back(credit: Credit, amount: int, *, at: datetime) -> list[Invoice]:
    """
    Take money that has gone back off a payment or credit note: what is unapplied first, then the newest invoice paid.

    Returns the invoices that are open again. Raises ``NotEnoughCredit``.
    """
    free = min(amount, credit.unapplied)
    _set_unapplied(credit, credit.unapplied - free)
    amount -= free
    reopened = []
    for invoice in _paid_by(credit):
        share = min(amount, _applied(credit, invoice))
        if share > 0:
            reopened.append(_unallocate(credit, invoice, share, at=at))
            amount -= share
    if amount:
        raise NotEnoughCredit(f"{credit} lacks {amount} of what would be taken back")
    return reopened


def free(credit: Credit, invoice: Invoice, *, at: datetime) -> Invoice:
    """Take what paid an invoice off it again, as unapplied credit; the invoice is open again."""
    amount = _applied(credit, invoice)
    if amount <= 0:
        raise NotEnoughCredit(f"{credit} has paid nothing of {invoice}")
    invoice = _unallocate(credit, invoice, amount, at=at)
    _set_unapplied(credit, credit.unapplied + amount)
    return invoice


def _in_order(payment: Payment, *, at: datetime) -> list[Invoice]:
    """Return the open invoices the payment may pay: consented ones first, then the oldest due, those on hold last."""
    consented = set(payment.settlement.lines.values_list("invoice_id", flat=True)) if payment.settlement else set()
    open_ones = Invoice.objects.open().filter(
        account=payment.account_id, seller=payment.seller_id, currency=payment.currency
    )
    holds = paused.of(payment.account)
    return sorted(
        open_ones.oldest_first(),
        key=lambda invoice: (invoice.pk not in consented, bool(holds.card_waits_until(invoice, at=at))),
    )


def _spend(credit: Credit, left: int, invoices: Iterable[Invoice], *, at: datetime) -> int:
    for invoice in invoices:
        amount = min(left, invoice.amount_due)
        if amount > 0:
            _allocate(credit, invoice, amount, at=at)
            left -= amount
    _set_unapplied(credit, left)
    return left


def _set_unapplied(credit: Credit, amount: int) -> None:
    type(credit)._default_manager.filter(pk=credit.pk).update(unapplied=amount)
    credit.unapplied = amount


def _source(credit: Credit | WriteOff) -> dict[str, Credit | WriteOff]:
    """Return the column of an allocation that names where it comes from."""
    columns = {Payment: "payment", CreditNote: "credit_note", WriteOff: "write_off"}
    return {columns[type(credit)]: credit}


def _allocate(credit: Credit | WriteOff, invoice: Invoice, amount: int, *, at: datetime) -> None:
    Allocation.objects.create(**_source(credit), invoice=invoice, amount=amount, at=at)
    paid = invoice.amount_paid + amount
    if paid < invoice.total:
        invoice.amount_paid, invoice.version = paid, invoice.version + 1
        invoice.save(update_fields=["amount_paid", "version"])
        return
    invoice.move(
        InvoiceState.PAID,
        amount_paid=paid,
        paid_at=at,
        version=invoice.version + 1,
        next_charge_at=None,
        next_action_at=None,
    )
    payment = credit if isinstance(credit, Payment) else None
    record("invoice.paid", at=at, account=invoice.account, invoice=invoice, payment=payment)


def _unallocate(credit: Credit | WriteOff, invoice: Invoice, amount: int, *, at: datetime) -> Invoice:
    if invoice.state == InvoiceState.UNCOLLECTIBLE:
        # More is lacking now than was written off, so the decision is made anew.
        bad_debt = WriteOff.objects.in_force().get(invoice=invoice, kind=WriteOffKind.BAD_DEBT)
        invoice = reverse_write_off(bad_debt, by=None, at=at)
    Allocation.objects.create(**_source(credit), invoice=invoice, amount=-amount, at=at)
    left = {"amount_paid": invoice.amount_paid - amount, "version": invoice.version + 1}
    if invoice.state == InvoiceState.PAID:
        invoice.move(InvoiceState.OPEN, paid_at=None, **left)
        record("invoice.reopened", at=at, account=invoice.account, invoice=invoice)
    else:
        Invoice.objects.filter(pk=invoice.pk).update(**left)
        invoice.refresh_from_db()
    return invoice


def _paid_by(credit: Credit) -> list[Invoice]:
    """Return the invoices a payment or credit note has paid, the last one first."""
    newest = {row.invoice: row.pk for row in Allocation.objects.filter(**_source(credit)).select_related("invoice")}
    return sorted(newest, key=lambda invoice: -newest[invoice])


def _applied(credit: Credit, invoice: Invoice) -> int:
    rows = Allocation.objects.filter(**_source(credit), invoice=invoice)
    return rows.aggregate(sum=Sum("amount"))["sum"] or 0
