"""
Take back an invoice that nobody has seen; its number stays used.

An invoice counts as sent from the first of these on: a mail server accepted a mail that
names it, somebody opened its page, a bank refused it, or something paid it. From then on
a correction is a credit note and a new invoice.
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from . import ledger, standing
from .events import record
from .models import Account, EntryKind, Event, Invoice, Payment, TaskKind, User
from .staffing import ask_staff
from .states import InvoiceState


class AlreadySent(Exception):
    """Somebody has seen the invoice, or may have."""


class NotOpen(Exception):
    """The invoice is not open."""


@transaction.atomic
def void(invoice: Invoice, *, reason: str, by: User, at: datetime) -> Invoice:
    """Take an unsent invoice back. Raises ``NotOpen``, ``AlreadySent``."""
    account = Account.objects.locked().get(pk=invoice.account_id)
    invoice = Invoice.objects.select_related("account").get(pk=invoice.pk)
    if invoice.state != InvoiceState.OPEN:
        raise NotOpen(f"{invoice} is {invoice.state}")
    if _was_seen(invoice):
        raise AlreadySent(invoice)
    over = {"next_charge_at": None, "next_action_at": None}
    invoice.move(InvoiceState.VOID, void_reason=reason, version=invoice.version + 1, **over)
    ledger.post(EntryKind.VOID, invoice, amount=-invoice.total, at=at)
    record("invoice.voided", at=at, account=account, invoice=invoice, actor=by)
    standing.refresh(account, at=at)
    return invoice


def _was_seen(invoice: Invoice) -> bool:
    """Say whether anything has told of the invoice, or is about to: a charge under way tells of it as well."""
    payments = Payment.objects.for_account(invoice.account).undecided()
    charged = payments.filter(seller=invoice.seller_id, currency=invoice.currency)
    return bool(
        invoice.sent_at
        or invoice.refused_at
        or invoice.allocations.exists()
        or invoice.credit_notes.exists()
        or charged.exists()
    )


def mark_sent(invoice: Invoice, *, at: datetime) -> None:
    """Write down when an invoice was first seen; staff hear of one that was void by then."""
    if invoice.sent_at or not Invoice.objects.filter(pk=invoice.pk, sent_at=None).update(sent_at=at):
        return
    if Invoice.objects.filter(pk=invoice.pk, state=InvoiceState.VOID).exists():
        key = f"void:{invoice.pk}"
        ask_staff(TaskKind.VOID_WAS_SENT, key=key, account=invoice.account, at=at, invoice=invoice.number)


def mark_told(event: Event, *, at: datetime) -> None:
    """Write down that a mail about an event went out: it names the event's invoice, or what is due by then."""
    if event.invoice is not None:
        mark_sent(event.invoice, at=at)
    elif event.account is not None:
        for invoice in Invoice.objects.for_account(event.account).due(on=event.account.today(at)).filter(sent_at=None):
            mark_sent(invoice, at=at)
