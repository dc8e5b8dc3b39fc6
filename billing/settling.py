"""
Settle what an account owes, by consent: quote, consent, charge, result.

A quote is what a page shows; consenting freezes it as a ``Settlement``; paying consumes
that once. What became of it is derived from its payments, one per seller and currency.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby

from django.db import transaction

from . import applying, charging, standing
from .charging import UNKNOWN_TOO_LONG
from .events import record
from .models import (
    BY_HAND_TRIGGERS,
    Account,
    Invoice,
    Payment,
    PaymentMethod,
    Seller,
    Settlement,
    SettlementLine,
    SettlementPurpose,
    Subscription,
    Trigger,
    User,
)
from .money import Money, total
from .retries import usable_cards
from .schedule import next_check
from .states import PaymentState

CONSENT_VERSION = "2026-11"
QUOTE_LIFE = timedelta(minutes=30)
MOST_BY_HAND_A_DAY = 5


class NothingDue(Exception):
    """The account owes nothing that is due."""


class QuoteChanged(Exception):
    """What is owed is no longer what the person consented to, or the consent is too old."""


class PaymentInProgress(Exception):
    """Another payment of the same debt has not ended yet."""

    def __init__(self, payment: Payment) -> None:
        super().__init__(f"{payment} is in progress")
        self.payment = payment


class TooManyTries(Exception):
    """As many payments by hand were tried today as are allowed for one creditor."""


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
    invoices = _payable(account, at=at)
    if not invoices:
        raise NothingDue(f"{account} has nothing due")
    groups = tuple(_group(list(members)) for _, members in groupby(_urgent_first(invoices), key=_group_key))
    currencies = sorted({invoice.currency for invoice in invoices})
    return Quote(
        lines=tuple(QuoteLine(invoice, invoice.due_money) for invoice in invoices),
        groups=groups,
        totals=tuple(
            total((group.amount for group in groups if group.currency == currency), currency) for currency in currencies
        ),
        digest=_digest(invoices),
    )


def _payable(account: Account, *, at: datetime) -> list[Invoice]:
    """Return what is due, oldest first, leaving out creditors with a payment in the way."""
    live = Payment.objects.for_account(account).live()
    busy = {(payment.seller_id, payment.currency) for payment in live if is_in_the_way(payment, at=at)}
    due = Invoice.objects.due(on=account.today(at)).for_account(account).oldest_first()
    invoices = due.select_related("seller").prefetch_related("lines__subscription")
    return [invoice for invoice in invoices if invoice.amount_due and _group_key(invoice) not in busy]


def is_in_the_way(payment: Payment, *, at: datetime) -> bool:
    """Say whether the debt cannot be paid in another way yet; after an hour without an answer it can."""
    gives_way = payment.state == PaymentState.UNKNOWN and at - payment.created_at >= UNKNOWN_TOO_LONG
    return payment.is_live and not gives_way


def _group_key(invoice: Invoice) -> tuple[int, str]:
    return invoice.seller_id, invoice.currency


def _urgent_first(invoices: list[Invoice]) -> list[Invoice]:
    """Order invoices by group, the group nearest to a stop first."""
    urgency: dict[tuple[int, str], tuple[float, date]] = {}
    for invoice in invoices:
        stops = [service.suspend_at.timestamp() for service in _services(invoice) if service.suspend_at]
        assert invoice.due_on is not None
        mine = (min(stops, default=float("inf")), invoice.due_on)
        urgency[_group_key(invoice)] = min(urgency.get(_group_key(invoice), mine), mine)
    return sorted(invoices, key=lambda invoice: (urgency[_group_key(invoice)], _group_key(invoice)))


def _services(invoice: Invoice) -> list[Subscription]:
    return [line.subscription for line in invoice.lines.all() if line.subscription]


def _group(invoices: list[Invoice]) -> QuoteGroup:
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
    return _urgent_first([row.invoice for row in rows])[0].seller


def consent(account: Account, *, purpose: SettlementPurpose, digest: str, by: User, at: datetime) -> Settlement:
    """Freeze what the person saw; raises ``QuoteChanged`` when it is no longer so, ``NothingDue`` when all is paid."""
    _use_credit(account.pk, at=at)
    return _freeze(account, purpose=purpose, digest=digest, by=by, at=at)


@transaction.atomic
def _use_credit(account_pk: int, *, at: datetime) -> None:
    """Apply what was received before, in a commit of its own: a quote that this changes is asked for anew."""
    account = Account.objects.locked().get(pk=account_pk)
    applying.apply_credit(account, at=at)
    standing.refresh(account, at=at)


@transaction.atomic
def _freeze(account: Account, *, purpose: SettlementPurpose, digest: str, by: User, at: datetime) -> Settlement:
    account = Account.objects.locked().get(pk=account.pk)
    current = quote(account, at=at)
    if current.digest != digest:
        raise QuoteChanged(f"what {account} owes changed before consent")
    settlement = Settlement.objects.create(
        account=account, purpose=purpose, consent_version=CONSENT_VERSION, created_by=by, created_at=at
    )
    SettlementLine.objects.bulk_create(
        SettlementLine(
            settlement=settlement, invoice=line.invoice, version=line.invoice.version, amount=line.amount.amount
        )
        for line in current.lines
    )
    totals = {money.currency: money.amount for money in current.totals}
    record("settlement.consented", at=at, account=account, settlement=settlement, actor=by, totals=totals)
    return settlement


def settle(settlement: Settlement, *, method: PaymentMethod, by: User | None, at: datetime) -> Settlement:
    """
    Charge what was consented to, once, the creditor nearest to a stop first.

    A new card is charged only for what its gateway account serves; the rest stays unpaid.
    A second call charges nothing. Raises ``QuoteChanged``, ``PaymentInProgress`` and
    ``TooManyTries``, all before anything is charged.
    """
    _use_credit(settlement.account_id, at=at)
    for payment in begin(settlement, method=method, by=by, at=at):
        charging.settle(payment, charging.ask(payment), at=at)
    settlement.refresh_from_db()
    return settlement


@transaction.atomic(durable=True)
def begin(settlement: Settlement, *, method: PaymentMethod, by: User | None, at: datetime) -> list[Payment]:
    """Consume the settlement and put down all its payments in one commit; nothing when it was consumed before."""
    account = Account.objects.locked().get(pk=settlement.account_id)
    settlement = Settlement.objects.get(pk=settlement.pk)
    if settlement.consumed_at:
        return []
    lines = list(settlement.lines.select_related("invoice__seller").prefetch_related("invoice__lines__subscription"))
    groups = [_group(list(m)) for _, m in groupby(_urgent_first([line.invoice for line in lines]), key=_group_key)]
    cards = _cards(account, settlement, method)
    groups = [group for group in groups if group.gateway_account in cards]
    _clear_the_way(account, groups, at=at)
    if settlement.created_at + QUOTE_LIFE < at or _has_changed(account, lines, at=at):
        raise QuoteChanged(f"{settlement} is no longer what is owed")
    _count_tries(account, groups, at=at)
    Settlement.objects.filter(pk=settlement.pk).update(consumed_at=at)
    return [_put_down(settlement, group, cards[group.gateway_account], by=by, at=at) for group in groups]


def _cards(account: Account, settlement: Settlement, method: PaymentMethod) -> dict[str, PaymentMethod]:
    """Return the card to charge by gateway account: a new card alone, or the chosen one and those on file elsewhere."""
    chosen = {method.gateway_account: method}
    return chosen if settlement.purpose == SettlementPurpose.SAVE_AND_PAY else usable_cards(account) | chosen


def _count_tries(account: Account, groups: list[QuoteGroup], *, at: datetime) -> None:
    today = account.moment(account.today(at), 0)
    tries = Payment.objects.for_account(account).filter(trigger__in=BY_HAND_TRIGGERS, created_at__gte=today)
    for group in groups:
        if tries.filter(seller=group.seller, currency=group.currency).count() >= MOST_BY_HAND_A_DAY:
            raise TooManyTries(f"{account} has tried to pay {group.seller} by hand often enough today")


def _has_changed(account: Account, lines: list[SettlementLine], *, at: datetime) -> bool:
    """Say whether an invoice of the settlement is another than it was, or another one has fallen due."""
    due = {invoice.pk for invoice in _payable(account, at=at)}
    frozen = (line.invoice.version == line.version and line.invoice.amount_due == line.amount for line in lines)
    return not all(frozen) or due != {line.invoice_id for line in lines}


def _clear_the_way(account: Account, groups: list[QuoteGroup], *, at: datetime) -> None:
    """Refuse while another payment is live; one that has been unknown for an hour no longer stands in the way."""
    wanted = {(group.seller.pk, group.currency) for group in groups}
    for payment in Payment.objects.for_account(account).live().select_related("account", "settlement"):
        if (payment.seller_id, payment.currency) not in wanted:
            continue
        if is_in_the_way(payment, at=at):
            raise PaymentInProgress(payment)
        Payment.objects.filter(pk=payment.pk).update(superseded_at=at)


def _put_down(
    settlement: Settlement, group: QuoteGroup, method: PaymentMethod, *, by: User | None, at: datetime
) -> Payment:
    with_new_card = settlement.purpose == SettlementPurpose.SAVE_AND_PAY
    return Payment.objects.create(
        account=settlement.account,
        seller=group.seller,
        settlement=settlement,
        payment_method=method,
        amount=group.amount.amount,
        currency=group.currency,
        trigger=Trigger.CARD_UPDATE if with_new_card else Trigger.CUSTOMER,
        gateway=method.gateway,
        gateway_account=method.gateway_account,
        created_at=at,
        created_by=by,
        next_action_at=next_check(created_at=at, checks=0, at=at),
    )


@dataclass(frozen=True, slots=True)
class ResultLine:
    """What became of one invoice of a settlement."""

    invoice: Invoice
    amount: Money
    payment: Payment | None
    status: str


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a settlement: ``paid``, ``partly``, ``failed``, ``checking``, ``action`` or ``unpaid``."""

    status: str
    lines: tuple[ResultLine, ...]
    payments: tuple[Payment, ...]


STATUS_OF = {
    PaymentState.SUCCEEDED: "paid",
    PaymentState.FAILED: "failed",
    PaymentState.CANCELED: "failed",
    PaymentState.REQUIRES_ACTION: "action",
    PaymentState.PENDING: "checking",
    PaymentState.UNKNOWN: "checking",
}


def result(settlement: Settlement) -> Result:
    """Derive what became of a settlement from its payments."""
    payments = list(settlement.payments.select_related("seller", "payment_method", "account"))
    by_group: dict[tuple[int, str], Payment] = {(p.seller_id, p.currency): p for p in payments}
    rows = settlement.lines.select_related("invoice__seller", "invoice__account")
    lines = tuple(_result_line(row, by_group.get(_group_key(row.invoice))) for row in rows)
    return Result(status=_overall({line.status for line in lines}), lines=lines, payments=tuple(payments))


def _result_line(row: SettlementLine, payment: Payment | None) -> ResultLine:
    status = STATUS_OF[PaymentState(payment.state)] if payment else "unpaid"
    return ResultLine(row.invoice, row.money, payment, status)


def _overall(statuses: set[str]) -> str:
    for status in ("action", "checking"):
        if status in statuses:
            return status
    if len(statuses) == 1:
        return statuses.pop()
    return "partly" if "paid" in statuses else "failed"
