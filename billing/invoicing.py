"""
Make and finalize invoices: gapless numbers per seller and year, tax per line, parties frozen.

One invoice per account, seller and currency for everything whose period begins; what is
off is not invoiced.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import date, datetime, timedelta

from django.db import transaction
from stdnum.iso11649 import validate as validate_creditor_reference

from . import exchange, ledger, numbering, schedule
from .batches import Counts, Watch, for_each_account, unwatched
from .events import record
from .models import (
    UNTAXED,
    Account,
    DocumentKind,
    DunningPolicy,
    EntryKind,
    Invoice,
    InvoiceLine,
    Seller,
    Subscription,
    TaskKind,
)
from .money import Money, rate_of
from .schedule import CHARGE_HOUR, INVOICE_HOUR, NOTICE_HOUR
from .scope import EVERYONE, Scope
from .staffing import ask_staff
from .states import SERVICE_OFF, InvoiceState
from .subscribing import current_treatment


def run(*, at: datetime, scope: Scope = EVERYONE, watch: Watch = unwatched) -> Counts:
    """Issue an invoice for every period that has begun by ``at``; counts ``issued`` and ``failed``."""
    due = due_accounts(at=at, scope=scope)
    return for_each_account(due, lambda account: _issue_all(account, at=at), job="invoicing", at=at, watch=watch)


def due_accounts(*, at: datetime, scope: Scope = EVERYONE) -> list[int]:
    return scope.account_pks(Subscription.objects.invoiceable(at=at))


def _issue_all(account: Account, *, at: datetime) -> Counts:
    counts: Counts = Counter()
    while issued := issue(account, at=at):
        counts["issued"] += len(issued)
    return counts


@transaction.atomic
def issue(account: Account, *, at: datetime) -> list[Invoice]:
    """
    Issue one invoice per seller and currency for the next period of each service that is due for one.

    What lacks an exchange rate for its tax is held back, and staff are asked for the rate.
    """
    groups: dict[tuple[int, str], list[Subscription]] = defaultdict(list)
    services = Subscription.objects.invoiceable(at=at).for_account(account).select_related("seller", "account")
    for service in services.order_by("pk"):
        groups[service.seller_id, service.currency].append(service)
    ready = [services for _, services in sorted(groups.items()) if not _lacks_rate(account, services, at=at)]
    return [_issue(account, services, at=at) for services in ready]


def _lacks_rate(account: Account, services: list[Subscription], *, at: datetime) -> bool:
    currency, own, today = services[0].currency, services[0].seller.currency, account.today(at)
    tax = sum(rate_of(service.price, _rate(service)) for service in services)
    try:
        exchange.tax_in(own, Money(tax, currency), on=today)
    except exchange.RateMissing:
        key = f"rate:{currency}:{own}"
        ask_staff(TaskKind.RATE_MISSING, key=key, at=at, of=currency, into=own, on=today.isoformat())
        return True
    return False


def _issue(account: Account, services: list[Subscription], *, at: datetime) -> Invoice:
    invoice = Invoice.objects.create(
        account=account,
        seller=services[0].seller,
        currency=services[0].currency,
        tax_currency=services[0].seller.currency,
    )
    InvoiceLine.objects.bulk_create(_line(invoice, service) for service in services)
    for service in services:
        _advance(service)
    return finalize(invoice, at=at)


def _line(invoice: Invoice, service: Subscription) -> InvoiceLine:
    start, rate = service.next_period_on, _rate(service)
    return InvoiceLine(
        invoice=invoice,
        subscription=service,
        description=service.name,
        unit_price=service.price,
        net=service.price,
        tax_treatment=current_treatment(service),
        tax_rate=rate,
        # Tax is rounded per line, half a minor unit away from zero.
        tax=rate_of(service.price, rate),
        period_start=start,
        period_end=period_after(service) - timedelta(days=1),
    )


def _rate(service: Subscription) -> int:
    return 0 if current_treatment(service) in UNTAXED else service.tax_rate


def period_after(service: Subscription) -> date:
    """Return the first day of the period after the next one."""
    return schedule.period_after(service.next_period_on, interval=service.interval, anchor_day=service.anchor_day)


def _advance(service: Subscription) -> None:
    service.next_period_on = period_after(service)
    service.next_invoice_at = service.account.moment(service.next_period_on, INVOICE_HOUR)
    # Only the period moves: the state belongs to standing.
    Subscription.objects.filter(pk=service.pk).exclude(state__in=SERVICE_OFF).update(
        next_period_on=service.next_period_on, next_invoice_at=service.next_invoice_at
    )


def finalize(invoice: Invoice, *, at: datetime, least_terms_days: int = 0) -> Invoice:
    """
    Give a draft its number, dates and frozen parties; from now on it is owed.

    Raises ``RateMissing`` when its tax cannot be told in the seller's own currency.
    """
    account, seller = invoice.account, invoice.seller
    lines = list(invoice.lines.all())
    net, tax = sum(line.net for line in lines), sum(line.tax for line in lines)
    issued_on = account.today(at)
    due_on = issued_on + timedelta(days=max(account.terms_days, least_terms_days))
    own_tax, rate = exchange.tax_in(seller.currency, Money(tax, invoice.currency), on=issued_on)
    number, reference = _next_number(seller, issued_on.year)
    invoice.move(
        InvoiceState.OPEN,
        number=number,
        creditor_reference=reference,
        issued_on=issued_on,
        due_on=due_on,
        net=net,
        tax=tax,
        total=net + tax,
        tax_in_seller_currency=own_tax,
        exchange_rate=rate,
        buyer=_buyer(account),
        seller_details=_seller(seller),
        purchase_order_number=account.purchase_order_number,
        next_charge_at=account.moment(due_on, CHARGE_HOUR) if account.pays_by_card else None,
        next_action_at=next_notice_at(account, due_on, after=issued_on - timedelta(days=1), at=at),
    )
    ledger.post(EntryKind.INVOICE, invoice, amount=invoice.total, at=at)
    record("invoice.finalized", at=at, account=account, invoice=invoice)
    if invoice.total == 0:
        invoice.move(InvoiceState.PAID, paid_at=at, next_charge_at=None, next_action_at=None)
        record("invoice.paid", at=at, account=account, invoice=invoice)
    return invoice


def next_notice_at(account: Account, due_on: date, *, after: date, at: datetime) -> datetime:
    """Return when the invoice is looked at next: at its next notice day, or on the day it becomes past due."""
    notice = DunningPolicy.objects.in_force(account, at=at).ladder().next_notice((after - due_on).days)
    day = due_on + timedelta(days=1 if notice is None else notice)
    return account.moment(day, NOTICE_HOUR)


def _next_number(seller: Seller, year: int) -> tuple[str, str]:
    """Return the seller's next invoice number and the creditor reference made of it."""
    number = numbering.take(seller, DocumentKind.INVOICE, year=year)
    series = seller.invoice_series
    return f"{series}-{year}-{number:05d}", creditor_reference(f"{series}{year}{number:05d}")


def creditor_reference(text: str) -> str:
    """Return the ISO 11649 creditor reference for up to 21 letters and digits."""
    body = "".join(character for character in text.upper() if character.isalnum())
    digits = "".join(str(int(character, 36)) for character in body + "RF00")
    return str(validate_creditor_reference(f"RF{98 - int(digits) % 97:02d}{body}"))


def _buyer(account: Account) -> dict[str, str | list[str]]:
    return {"name": account.legal_name, "address": account.address_lines(), "vat_id": account.vat_id}


def _seller(seller: Seller) -> dict[str, str | list[str]]:
    return {
        "name": seller.name,
        "address": [seller.street, f"{seller.postal_code} {seller.city}", seller.country],
        "vat_id": seller.vat_id,
        "register_number": seller.register_number,
        "iban": seller.iban,
        "bic": seller.bic,
        "account_holder": seller.account_holder,
    }
