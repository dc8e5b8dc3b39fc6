"""
Apply money to invoices: of the same account, seller and currency, oldest due first.

What is left of a payment is unapplied credit. Runs inside the caller's transaction
with the account row locked.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from .events import record
from .models import Account, Allocation, Invoice, Payment
from .states import InvoiceState


def apply(payment: Payment, *, at: datetime) -> int:
    """Apply a received payment, first to what it was consented for; returns what is left, in minor units."""
    return _spend(payment, payment.amount, _in_order(payment), at=at)


def apply_credit(account: Account, *, at: datetime) -> None:
    """Use unapplied money for what is due now."""
    today = account.today(at)
    for payment in Payment.objects.for_account(account).unapplied().order_by("pk"):
        due = Invoice.objects.due(on=today).filter(account=account, seller=payment.seller_id, currency=payment.currency)
        _spend(payment, payment.unapplied, due.oldest_first(), at=at)


def _in_order(payment: Payment) -> list[Invoice]:
    """Return the open invoices the payment may pay: consented ones first, then the oldest due."""
    consented = set(payment.settlement.lines.values_list("invoice_id", flat=True)) if payment.settlement else set()
    open_ones = Invoice.objects.open().filter(
        account=payment.account_id, seller=payment.seller_id, currency=payment.currency
    )
    return sorted(open_ones.oldest_first(), key=lambda invoice: invoice.pk not in consented)


def _spend(payment: Payment, left: int, invoices: Iterable[Invoice], *, at: datetime) -> int:
    for invoice in invoices:
        amount = min(left, invoice.amount_due)
        if amount > 0:
            _allocate(payment, invoice, amount, at=at)
            left -= amount
    Payment.objects.filter(pk=payment.pk).update(unapplied=left)
    payment.unapplied = left
    return left


def _allocate(payment: Payment, invoice: Invoice, amount: int, *, at: datetime) -> None:
    Allocation.objects.create(payment=payment, invoice=invoice, amount=amount, at=at)
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
    record("invoice.paid", at=at, account=payment.account, invoice=invoice, payment=payment)
