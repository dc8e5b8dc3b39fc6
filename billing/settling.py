"""
Settle what an account owes, by consent: quote, consent, charge, result.

Consenting freezes a quote as a ``Settlement``; paying consumes that once. What became
of it is derived from its payments, one per seller and currency.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import groupby

from django.db import transaction

from . import applying, charging, standing
from .events import record
from .models import (
    BY_HAND_TRIGGERS,
    Account,
    Payment,
    PaymentMethod,
    Settlement,
    SettlementLine,
    SettlementPurpose,
    Trigger,
    User,
)
from .passing import tried_again
from .quotes import QuoteGroup, group_key, group_of, payable, quote, urgent_first
from .retries import usable_cards
from .schedule import next_check

CONSENT_VERSION = "2026-11"
QUOTE_LIFE = timedelta(minutes=30)
MOST_BY_HAND_A_DAY = 5


class QuoteChanged(Exception):
    """What is owed is no longer what the person consented to, or the consent is too old."""


class PaymentInProgress(Exception):
    """Another payment of the same debt has not ended yet."""

    def __init__(self, payment: Payment) -> None:
        super().__init__(f"{payment} is in progress")
        self.payment = payment


class TooManyTries(Exception):
    """As many payments by hand were tried today as are allowed for one creditor."""


class CannotCharge(Exception):
    """The chosen card is off file or blocked by the bank meanwhile."""


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
    A second call charges nothing. Raises ``QuoteChanged``, ``PaymentInProgress``,
    ``CannotCharge`` and ``TooManyTries``, all before anything is charged.
    """
    _use_credit(settlement.account_id, at=at)
    for payment in begin(settlement, method=method, by=by, at=at):
        charging.settle(payment, charging.ask(payment), at=at)
    settlement.refresh_from_db()
    return settlement


@tried_again
@transaction.atomic(durable=True)
def begin(settlement: Settlement, *, method: PaymentMethod, by: User | None, at: datetime) -> list[Payment]:
    """Consume the settlement and put down all its payments in one commit; nothing when it was consumed before."""
    account = Account.objects.locked().get(pk=settlement.account_id)
    settlement = Settlement.objects.get(pk=settlement.pk)
    if settlement.consumed_at:
        return []
    method = PaymentMethod.objects.get(pk=method.pk)
    if method.removed_at or method.blocked_reason:
        raise CannotCharge(f"{method} of {account} can no longer be charged")
    lines = list(settlement.lines.select_related("invoice__seller").prefetch_related("invoice__lines__subscription"))
    groups = [group_of(list(m)) for _, m in groupby(urgent_first([line.invoice for line in lines]), key=group_key)]
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
    due = {invoice.pk for invoice in payable(account, at=at)}
    frozen = (line.invoice.version == line.version and line.invoice.amount_due == line.amount for line in lines)
    return not all(frozen) or due != {line.invoice_id for line in lines}


def _clear_the_way(account: Account, groups: list[QuoteGroup], *, at: datetime) -> None:
    """Refuse while another payment is live; one that has been unknown for an hour no longer stands in the way."""
    wanted = {(group.seller.pk, group.currency) for group in groups}
    for payment in Payment.objects.for_account(account).live().select_related("account", "settlement"):
        if (payment.seller_id, payment.currency) not in wanted:
            continue
        if payment.is_in_the_way(at=at):
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
