"""
Take back part or all of an invoice with a credit note: a numbered document, never an edit.

A credit note pays its own invoice first; what that no longer needs is unapplied credit.
What a service will not deliver any more is credited by the day.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime

from django.db import transaction
from django.db.models import Sum

from . import applying, exchange, ledger, numbering, standing, writing_off
from .credit_parts import MoreThanIsLeft, Part, left, pro_rata
from .events import record
from .models import (
    Account,
    CreditNote,
    CreditNoteLine,
    CreditReason,
    CurrencyFloor,
    DocumentKind,
    EntryKind,
    Invoice,
    Subscription,
    User,
)
from .money import Money
from .states import DisabledReason, InvoiceState

CREDITABLE = (InvoiceState.OPEN, InvoiceState.PAID)
ABOVE_LIMIT = "billing.change_creditnote"


class NotCreditable(Exception):
    """The invoice is a draft, void or written off."""


class NothingToCredit(Exception):
    """The credit note would be of nothing."""


class AboveLimit(Exception):
    """The person may not credit as much."""


@transaction.atomic
def credit_whole(
    invoice: Invoice, *, reason: CreditReason, by: User | None, at: datetime, note: str = ""
) -> CreditNote:
    """Credit everything that is left of an invoice. Raises what ``credit_lines`` raises."""
    invoice = locked(invoice)
    return _credit_by_hand(invoice, left(invoice), reason=reason, by=by, at=at, note=note)


@transaction.atomic
def credit_amount(
    invoice: Invoice, amount: int, *, reason: CreditReason, by: User | None, at: datetime, note: str = ""
) -> CreditNote:
    """Credit an amount with tax, from the first line on. Raises what ``credit_lines`` raises."""
    invoice = locked(invoice)
    parts = []
    for each in left(invoice):
        parts.append(each.of_gross(min(amount, each.gross)))
        amount -= parts[-1].gross
    if amount > 0:
        raise MoreThanIsLeft(f"{invoice} has {amount} less left")
    return _credit_by_hand(invoice, parts, reason=reason, by=by, at=at, note=note)


@transaction.atomic
def credit_lines(
    invoice: Invoice,
    nets: Mapping[int, int],
    *,
    reason: CreditReason,
    by: User | None,
    at: datetime,
    note: str = "",
) -> CreditNote:
    """
    Credit amounts without tax, each of the line with that key.

    Raises ``NotCreditable``, ``NothingToCredit``, ``MoreThanIsLeft``, ``AboveLimit``.
    """
    invoice = locked(invoice)
    parts = [each.of_net(nets.get(each.line.pk, 0)) for each in left(invoice)]
    return _credit_by_hand(invoice, parts, reason=reason, by=by, at=at, note=note)


def credit_undelivered(
    subscription: Subscription, *, from_day: date, by: User | None, at: datetime
) -> list[CreditNote]:
    """
    Credit the days from ``from_day`` on of each period that was invoiced for a service: it will not run in them.

    A service that paying brings back still has all its days to come, so nothing is
    credited before its purge begins. Runs inside the caller's transaction with the
    account row locked.
    """
    if DisabledReason.NONPAYMENT in subscription.disabled_reasons and subscription.deletion_due_at is None:
        return []
    reaching = Invoice.objects.filter(lines__subscription=subscription, lines__period_end__gte=from_day)
    invoices = reaching.filter(state__in=CREDITABLE).select_related("account", "seller", "exchange_rate").distinct()
    parts = {invoice: _undelivered(invoice, subscription, from_day) for invoice in invoices.oldest_first()}
    return [
        issue(invoice, of_it, reason=CreditReason.UNDELIVERED, by=by, at=at)
        for invoice, of_it in parts.items()
        if any(part.gross for part in of_it)
    ]


def _undelivered(invoice: Invoice, subscription: Subscription, from_day: date) -> list[Part]:
    before = CreditNoteLine.objects.filter(credit_note__invoice=invoice, credit_note__reason=CreditReason.UNDELIVERED)
    done = dict(before.values_list("invoice_line").annotate(Sum("net")).order_by())
    of_service = [each for each in left(invoice) if each.line.subscription_id == subscription.pk]
    return [
        each.of_net(min(each.net, max(pro_rata(each.line, from_day) - done.get(each.line.pk, 0), 0)))
        for each in of_service
    ]


def locked(invoice: Invoice) -> Invoice:
    """Lock the invoice's account and read the invoice anew."""
    Account.objects.locked().get(pk=invoice.account_id)
    return Invoice.objects.select_related("account", "seller", "exchange_rate").get(pk=invoice.pk)


def _credit_by_hand(
    invoice: Invoice, parts: Sequence[Part], *, reason: CreditReason, by: User | None, at: datetime, note: str
) -> CreditNote:
    guard_limit(Money(sum(part.gross for part in parts), invoice.currency), by=by)
    return issue(invoice, parts, reason=reason, by=by, at=at, note=note)


def guard_limit(money: Money, *, by: User | None) -> None:
    """Raise ``AboveLimit`` when the person may not credit as much."""
    limit = CurrencyFloor.objects.filter(currency=money.currency).values_list("credit_limit", flat=True).first() or 0
    if by is not None and money.amount > limit and not by.has_perm(ABOVE_LIMIT):
        raise AboveLimit(f"{by} may credit {limit} {money.currency}")


def issue(
    invoice: Invoice, parts: Sequence[Part], *, reason: CreditReason, by: User | None, at: datetime, note: str = ""
) -> CreditNote:
    """
    Write the document, let it pay its invoice, and bring the account's services in line.

    Runs inside the caller's transaction with the account row locked.
    """
    net, tax = sum(part.net for part in parts), sum(part.tax for part in parts)
    if invoice.state not in CREDITABLE:
        raise NotCreditable(f"{invoice} is {invoice.state}")
    if net + tax <= 0:
        raise NothingToCredit(f"nothing of {invoice}")
    today = invoice.account.today(at)
    number = numbering.take(invoice.seller, DocumentKind.CREDIT_NOTE, year=today.year)
    credit_note = CreditNote.objects.create(
        account=invoice.account,
        seller=invoice.seller,
        invoice=invoice,
        number=f"{invoice.seller.invoice_series}-C-{today.year}-{number:05d}",
        currency=invoice.currency,
        net=net,
        tax=tax,
        total=net + tax,
        tax_currency=invoice.tax_currency,
        tax_in_seller_currency=_own_tax(invoice, tax),
        reason=reason,
        note=note,
        buyer=invoice.buyer,
        seller_details=invoice.seller_details,
        issued_on=today,
        created_at=at,
        created_by=by,
    )
    CreditNoteLine.objects.bulk_create(_line(credit_note, part) for part in parts if part.gross)
    ledger.post(EntryKind.CREDIT_NOTE, credit_note, amount=-credit_note.total, at=at)
    # A difference that was not asked for is no money: the credit note pays it first.
    writing_off.ask_again(invoice, at=at)
    applying.apply_to_corrected(credit_note, at=at)
    writing_off.tolerate(Invoice.objects.get(pk=invoice.pk), at=at)
    record(
        "credit_note.issued",
        at=at,
        account=invoice.account,
        invoice=invoice,
        actor=by,
        credit_note=credit_note.reference,
        number=credit_note.number,
        amount=credit_note.total,
        reason=reason,
    )
    standing.refresh(invoice.account, at=at)
    return credit_note


def _line(credit_note: CreditNote, part: Part) -> CreditNoteLine:
    return CreditNoteLine(
        credit_note=credit_note,
        invoice_line=part.line,
        description=part.line.description,
        net=part.net,
        tax_treatment=part.line.tax_treatment,
        tax_rate=part.line.tax_rate,
        tax=part.tax,
    )


def _own_tax(invoice: Invoice, tax: int) -> int:
    """Return the tax in the seller's currency, by the invoice's own rate; all credits together add up to its tax."""
    back = invoice.credit_notes.aggregate(tax=Sum("tax"), own=Sum("tax_in_seller_currency"))
    credited = Money((back["tax"] or 0) + tax, invoice.currency)
    rate = invoice.exchange_rate
    return (exchange.convert(credited, rate).amount if rate else credited.amount) - (back["own"] or 0)
