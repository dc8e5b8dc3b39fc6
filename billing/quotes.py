"""
What an account would pay now: everything due, per seller and currency, the most urgent first.

A quote is what a page shows before a person consents; it is derived, never stored.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby

from .models import Account, Invoice, Payment, Seller, Settlement, Subscription
from .money import Money, total
from .states import Incomplete


class NothingDue(Exception):
    """The account owes nothing that is due."""


@dataclass(frozen=True, slots=True)
class QuoteLine:
    """One invoice and what is due on it."""

    invoice: Invoice
    amount: Money


@dataclass(frozen=True, slots=True)
class QuoteGroup:
    """What one seller will charge in one currency, in one charge."""

    seller: Seller
    currency: str
    amount: Money
    invoices: tuple[Invoice, ...]
    services: tuple[str, ...]

    @property
    def gateway_account(self) -> str:
        """Where a card must be stored to be charged for this."""
        return self.seller.gateway_account


@dataclass(frozen=True, slots=True)
class Quote:
    """Everything due on an account; the digest changes with any part of it."""

    lines: tuple[QuoteLine, ...]
    groups: tuple[QuoteGroup, ...]
    totals: tuple[Money, ...]
    digest: str


def quote(account: Account, *, at: datetime) -> Quote:
    """Quote everything due that is not being paid already; raises ``NothingDue``."""
    invoices = payable(account, at=at)
    if not invoices:
        raise NothingDue(f"{account} has nothing due")
    groups = tuple(group_of(list(members)) for _, members in groupby(urgent_first(invoices), key=group_key))
    currencies = sorted({invoice.currency for invoice in invoices})
    return Quote(
        lines=tuple(QuoteLine(invoice, invoice.due_money) for invoice in invoices),
        groups=groups,
        totals=tuple(
            total((group.amount for group in groups if group.currency == currency), currency) for currency in currencies
        ),
        digest=_digest(invoices),
    )


def payable(account: Account, *, at: datetime) -> list[Invoice]:
    """Return what is due, oldest first, leaving out creditors with a payment in the way."""
    live = Payment.objects.for_account(account).live()
    busy = {(payment.seller_id, payment.currency) for payment in live if payment.is_in_the_way(at=at)}
    due = Invoice.objects.due(on=account.today(at)).for_account(account).oldest_first()
    invoices = due.select_related("seller").prefetch_related("lines__subscription")
    return [invoice for invoice in invoices if invoice.amount_due and group_key(invoice) not in busy]


def group_key(invoice: Invoice) -> tuple[int, str]:
    return invoice.seller_id, invoice.currency


def urgent_first(invoices: list[Invoice]) -> list[Invoice]:
    """Order invoices by group, the group nearest to a stop first."""
    urgency: dict[tuple[int, str], tuple[float, date]] = {}
    for invoice in invoices:
        stops = [service.suspend_at.timestamp() for service in _services(invoice) if service.suspend_at]
        if invoice.due_on is None:
            raise Incomplete(invoice)
        mine = (min(stops, default=float("inf")), invoice.due_on)
        urgency[group_key(invoice)] = min(urgency.get(group_key(invoice), mine), mine)
    return sorted(invoices, key=lambda invoice: (urgency[group_key(invoice)], group_key(invoice)))


def _services(invoice: Invoice) -> list[Subscription]:
    return [line.subscription for line in invoice.lines.all() if line.subscription]


def group_of(invoices: list[Invoice]) -> QuoteGroup:
    first = invoices[0]
    names = {service.name: None for invoice in invoices for service in _services(invoice)}
    return QuoteGroup(
        seller=first.seller,
        currency=first.currency,
        amount=total((invoice.due_money for invoice in invoices), first.currency),
        invoices=tuple(invoices),
        services=tuple(names),
    )


def _digest(invoices: list[Invoice]) -> str:
    parts = sorted(f"{invoice.pk}:{invoice.version}:{invoice.amount_due}" for invoice in invoices)
    return hashlib.sha256("|".join(parts).encode()).hexdigest()[:32]


def most_urgent(settlement: Settlement) -> Seller:
    """Return the seller of the settlement whose service is nearest to a stop."""
    rows = settlement.lines.select_related("invoice__seller").prefetch_related("invoice__lines__subscription")
    return urgent_first([row.invoice for row in rows])[0].seller
