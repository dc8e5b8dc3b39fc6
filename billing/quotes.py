"""
What an account may pay now: everything due, or what a person chooses of it.

A quote is what a page shows before a person consents; it is derived, never stored. It is
split by seller and currency, the most urgent first, because each is a charge of its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Container
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import groupby

from .models import Account, CurrencyFloor, Invoice, Payment, Seller, Settlement, Subscription
from .money import Money, total


class NothingDue(Exception):
    """The account owes nothing that is due and not being paid already."""


class NothingChosen(Exception):
    """None of the invoices that may be paid was chosen."""


class TooLittle(Exception):
    """Less was offered than may be paid at once; ``smallest`` is the least."""

    def __init__(self, smallest: Money) -> None:
        super().__init__(f"at least {smallest}")
        self.smallest = smallest


class TooMuch(Exception):
    """More was offered than what was chosen comes to; ``most`` is that."""

    def __init__(self, most: Money) -> None:
        super().__init__(f"at most {most}")
        self.most = most


@dataclass(frozen=True, slots=True)
class Choice:
    """
    What a person wants to pay of what may be paid.

    ``invoices`` are references; none means everything due. With an ``amount``, only
    invoices of its currency are paid, the oldest first, until it is used up.
    """

    invoices: frozenset[str] = field(default=frozenset())
    amount: Money | None = None


EVERYTHING = Choice()


@dataclass(frozen=True, slots=True)
class QuoteLine:
    """One invoice and what is paid of it."""

    invoice: Invoice
    amount: Money

    @property
    def is_part(self) -> bool:
        return self.amount < self.invoice.due_money


@dataclass(frozen=True, slots=True)
class QuoteGroup:
    """What one seller will charge in one currency, in one charge."""

    seller: Seller
    currency: str
    amount: Money
    lines: tuple[QuoteLine, ...]
    services: tuple[str, ...]

    @property
    def gateway_account(self) -> str:
        """Where a card must be stored to be charged for this."""
        return self.seller.gateway_account


@dataclass(frozen=True, slots=True)
class Quote:
    """What will be paid, oldest first; the digest changes with anything that is due."""

    lines: tuple[QuoteLine, ...]
    groups: tuple[QuoteGroup, ...]
    totals: tuple[Money, ...]
    digest: str
    is_everything: bool

    def served_by(self, gateway_accounts: Container[str]) -> Quote:
        """Return the part of it that cards stored with these gateway accounts can pay."""
        lines = [line for line in self.lines if line.invoice.seller.gateway_account in gateway_accounts]
        return _quote(lines, digest=self.digest, is_everything=self.is_everything)


def quote(account: Account, *, at: datetime, choice: Choice = EVERYTHING) -> Quote:
    """
    Quote what is chosen of what may be paid now.

    Raises ``NothingDue``, ``NothingChosen``, ``TooLittle`` and ``TooMuch``.
    """
    offered = offer(account, at=at)
    lines = [QuoteLine(invoice, invoice.due_money) for invoice in _chosen(account, offered, choice)]
    if choice.amount is not None:
        lines = _spread(choice.amount, lines)
    everything = lines == [QuoteLine(invoice, invoice.due_money) for invoice in offered.due]
    return _quote(lines, digest=offered.digest, is_everything=everything)


def _quote(lines: list[QuoteLine], *, digest: str, is_everything: bool) -> Quote:
    groups = tuple(group_of(list(members)) for _, members in groupby(urgent_first(lines), key=_line_key))
    currencies = sorted({line.amount.currency for line in lines})
    return Quote(
        lines=tuple(lines),
        groups=groups,
        totals=tuple(
            total((group.amount for group in groups if group.currency == currency), currency) for currency in currencies
        ),
        digest=digest,
        is_everything=is_everything,
    )


@dataclass(frozen=True, slots=True)
class Offer:
    """What may be paid now: what is due, and what falls due later; each oldest first."""

    due: list[Invoice]
    coming: list[Invoice]

    @property
    def digest(self) -> str:
        """Return what changes with anything that is due."""
        parts = sorted(f"{invoice.pk}:{invoice.version}:{invoice.amount_due}" for invoice in self.due)
        return hashlib.sha256("|".join(parts).encode()).hexdigest()[:32]


def offer(account: Account, *, at: datetime) -> Offer:
    """Return the open invoices, leaving out creditors with a payment in the way."""
    live = Payment.objects.for_account(account).live()
    busy = {(payment.seller_id, payment.currency) for payment in live if payment.is_in_the_way(at=at)}
    found = Invoice.objects.open().for_account(account).oldest_first().select_related("seller")
    named = found.prefetch_related("lines__subscription")
    free = [invoice for invoice in named if invoice.amount_due and group_key(invoice) not in busy]
    today = account.today(at)
    return Offer(
        due=[invoice for invoice in free if invoice.is_due(on=today)],
        coming=[invoice for invoice in free if not invoice.is_due(on=today)],
    )


def _chosen(account: Account, offered: Offer, choice: Choice) -> list[Invoice]:
    if not choice.invoices:
        if not offered.due:
            raise NothingDue(f"{account} has nothing due")
        return offered.due
    chosen = [invoice for invoice in (*offered.due, *offered.coming) if invoice.reference in choice.invoices]
    if not chosen:
        raise NothingChosen(f"{account} may pay nothing of what was chosen")
    return chosen


def _spread(amount: Money, lines: list[QuoteLine]) -> list[QuoteLine]:
    """Pay the oldest first with an amount, until it is used up."""
    wanted = [line for line in lines if line.amount.currency == amount.currency]
    if not wanted:
        raise NothingChosen(f"nothing chosen is in {amount.currency}")
    most = total((line.amount for line in wanted), amount.currency)
    smallest = min(smallest_payment(amount.currency), most, key=lambda money: money.amount)
    if amount < smallest or not amount:
        raise TooLittle(smallest)
    if most < amount:
        raise TooMuch(most)
    paid: list[QuoteLine] = []
    left = amount.amount
    for line in wanted:
        share = min(left, line.amount.amount)
        if share:
            paid.append(QuoteLine(line.invoice, Money(share, amount.currency)))
            left -= share
    return paid


def smallest_payment(currency: str) -> Money:
    """Return the least that may be paid at once in a currency, when more is owed."""
    floor = CurrencyFloor.objects.filter(currency=currency).first()
    return Money(floor.smallest_payment if floor else 1, currency)


def group_key(invoice: Invoice) -> tuple[int, str]:
    return invoice.seller_id, invoice.currency


def _line_key(line: QuoteLine) -> tuple[int, str]:
    return group_key(line.invoice)


def urgent_first(lines: list[QuoteLine]) -> list[QuoteLine]:
    """Order lines by group, the group nearest to a stop first."""
    urgency: dict[tuple[int, str], tuple[float, date]] = {}
    for line in lines:
        key, mine = _line_key(line), _urgency(line.invoice)
        urgency[key] = min(urgency.get(key, mine), mine)
    return sorted(lines, key=lambda line: (urgency[_line_key(line)], _line_key(line)))


def _urgency(invoice: Invoice) -> tuple[float, date]:
    stops = [service.suspend_at.timestamp() for service in _services(invoice) if service.suspend_at]
    return min(stops, default=float("inf")), invoice.due_on or date.max


def _services(invoice: Invoice) -> list[Subscription]:
    return [line.subscription for line in invoice.lines.all() if line.subscription]


def group_of(lines: list[QuoteLine]) -> QuoteGroup:
    first = lines[0].invoice
    names = {service.name: None for line in lines for service in _services(line.invoice)}
    return QuoteGroup(
        seller=first.seller,
        currency=first.currency,
        amount=total((line.amount for line in lines), first.currency),
        lines=tuple(lines),
        services=tuple(names),
    )


def groups_of(settlement: Settlement) -> list[QuoteGroup]:
    """Return the charges that a settlement was consented to make, the most urgent first."""
    rows = settlement.lines.select_related("invoice__seller").prefetch_related("invoice__lines__subscription")
    lines = urgent_first([QuoteLine(row.invoice, row.money) for row in rows])
    return [group_of(list(members)) for _, members in groupby(lines, key=_line_key)]
