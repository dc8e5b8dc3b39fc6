"""
Correct an invoice that was sent: credit it in full and issue it anew, under a new number and on new terms.

The old one is paid by its credit note, so nobody is reminded of it any more; money that
paid it pays the new one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from . import applying, crediting, invoicing, standing
from .credit_parts import left
from .models import UNTAXED, CreditNote, CreditReason, Invoice, InvoiceLine, Payment, TaxTreatment, User
from .money import Money, rate_of

# Whoever has to look at a corrected invoice gets time to.
LEAST_TERMS_DAYS = 14


class AlreadyCredited(Exception):
    """Part of the invoice was credited before; what is left is no longer the whole."""


class PaymentUnderWay(Exception):
    """A payment that may pay the invoice is not decided yet."""


@dataclass(frozen=True, slots=True)
class Corrected:
    """What a line should have been; prices are without tax."""

    unit_price: int
    tax_treatment: TaxTreatment
    tax_rate: int


@transaction.atomic
def correct_and_reissue(
    invoice: Invoice, corrections: Mapping[int, Corrected], *, by: User, at: datetime, note: str = ""
) -> tuple[CreditNote, Invoice]:
    """
    Replace an invoice; lines without a correction stay as they were, and buyer and seller are those of today.

    Raises ``NotCreditable``, ``AlreadyCredited``, ``PaymentUnderWay``, ``AboveLimit`` and ``RateMissing``.
    """
    invoice = crediting.locked(invoice)
    _guard(invoice, by=by)
    credit_note = crediting.issue(invoice, left(invoice), reason=CreditReason.CORRECTION, by=by, at=at, note=note)
    new = invoicing.finalize(_draft(invoice, corrections), at=at, least_terms_days=LEAST_TERMS_DAYS)
    applying.apply_rest(credit_note, new, at=at)
    standing.refresh(invoice.account, at=at)
    return credit_note, Invoice.objects.get(pk=new.pk)


def _guard(invoice: Invoice, *, by: User) -> None:
    if invoice.credit_notes.exists():
        raise AlreadyCredited(invoice)
    payments = Payment.objects.for_account(invoice.account).undecided()
    if payments.filter(seller=invoice.seller_id, currency=invoice.currency).exists():
        raise PaymentUnderWay(invoice)
    crediting.guard_limit(Money(invoice.total, invoice.currency), by=by)


def _draft(invoice: Invoice, corrections: Mapping[int, Corrected]) -> Invoice:
    draft = Invoice.objects.create(
        account=invoice.account,
        seller=invoice.seller,
        currency=invoice.currency,
        tax_currency=invoice.seller.currency,
    )
    InvoiceLine.objects.bulk_create(
        _line(draft, line, corrections.get(line.pk) or _as_it_was(line)) for line in invoice.lines.all()
    )
    return draft


def _as_it_was(line: InvoiceLine) -> Corrected:
    return Corrected(line.unit_price, TaxTreatment(line.tax_treatment), line.tax_rate)


def _line(draft: Invoice, line: InvoiceLine, corrected: Corrected) -> InvoiceLine:
    rate = 0 if corrected.tax_treatment in UNTAXED else corrected.tax_rate
    net = corrected.unit_price * line.quantity
    return InvoiceLine(
        invoice=draft,
        subscription=line.subscription,
        description=line.description,
        quantity=line.quantity,
        unit_price=corrected.unit_price,
        net=net,
        tax_treatment=corrected.tax_treatment,
        tax_rate=rate,
        tax=rate_of(net, rate),
        period_start=line.period_start,
        period_end=line.period_end,
        replaces=line,
    )
