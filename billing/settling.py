"""
Settle what an account owes, by consent: quote, consent, charge, result.

Consenting freezes a quote as a ``Settlement``; paying consumes that once. What became
of it is derived from its payments, one per seller and currency.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F

from . import applying, charging, standing
from .events import record
from .models import (
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
from .quotes import EVERYTHING, Choice, Quote, QuoteGroup, groups_of, offer, quote
from .retries import GATEWAY_AWAY
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


def consent(
    account: Account, *, purpose: SettlementPurpose, digest: str, by: User, at: datetime, choice: Choice = EVERYTHING
) -> Settlement:
    """
    Freeze what the person chose of what they saw.

    Raises ``QuoteChanged`` when what is due is no longer what they saw, and what ``quotes.quote`` raises.
    """
    _use_credit(account.pk, at=at)
    return _freeze(account, purpose=purpose, digest=digest, choice=choice, by=by, at=at)


@transaction.atomic
def _use_credit(account_pk: int, *, at: datetime) -> None:
    """Apply what was received before, in a commit of its own: a quote that this changes is asked for anew."""
    account = Account.objects.locked().get(pk=account_pk)
    applying.apply_credit(account, at=at)
    standing.refresh(account, at=at)


@transaction.atomic
def _freeze(
    account: Account, *, purpose: SettlementPurpose, digest: str, choice: Choice, by: User, at: datetime
) -> Settlement:
    account = Account.objects.locked().get(pk=account.pk)
    current = quote(account, at=at, choice=choice)
    if current.digest != digest:
        raise QuoteChanged(f"what {account} owes changed before consent")
    current = current.served_by(_places(account, current, purpose, at=at))
    settlement = Settlement.objects.create(
        account=account,
        purpose=purpose,
        is_everything=current.is_everything,
        consent_version=CONSENT_VERSION,
        created_by=by,
        created_at=at,
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


def _places(account: Account, quote: Quote, purpose: SettlementPurpose, *, at: datetime) -> set[str]:
    """
    Return the gateway accounts whose charges are consented to.

    A new card is stored with the one of the most urgent debt; cards on file pay where they
    are. Without any card the consent waits for one.
    """
    everywhere = {group.gateway_account for group in quote.groups}
    if purpose == SettlementPurpose.SAVE_AND_PAY:
        return {quote.groups[0].gateway_account}
    cards = PaymentMethod.objects.for_account(account).usable(on=account.today(at))
    return everywhere & set(cards.values_list("gateway_account", flat=True)) or everywhere


def settle(settlement: Settlement, *, method: PaymentMethod, by: User | None, at: datetime) -> Settlement:
    """
    Charge what was consented to, once, the creditor nearest to a stop first.

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
    cards = _cards(account, method, at=at)
    groups = [group for group in groups_of(settlement) if group.gateway_account in cards]
    _clear_the_way(account, groups, at=at)
    if settlement.created_at + QUOTE_LIFE < at or _has_changed(account, settlement, at=at):
        raise QuoteChanged(f"{settlement} is no longer what is owed")
    _count_tries(settlement, at=at)
    Settlement.objects.filter(pk=settlement.pk).update(consumed_at=at)
    return [_put_down(settlement, group, cards[group.gateway_account], by=by, at=at) for group in groups]


def _cards(account: Account, method: PaymentMethod, *, at: datetime) -> dict[str, PaymentMethod]:
    """Return the card to charge by gateway account: the chosen one, and elsewhere the default or newest on file."""
    on_file = PaymentMethod.objects.for_account(account).usable(on=account.today(at)).order_by("is_default", "pk")
    return {card.gateway_account: card for card in on_file} | {method.gateway_account: method}


def _count_tries(settlement: Settlement, *, at: datetime) -> None:
    exhausted = tried_out(settlement.account, at=at)
    for line in settlement.lines.all():
        if line.invoice_id in exhausted:
            raise TooManyTries(f"{line.invoice} was tried by hand often enough today")


def tried_out(account: Account, *, at: datetime) -> set[int]:
    """Return the invoices, by key, that people have tried to pay as often today as a day allows."""
    midnight = account.moment(account.today(at), 0)
    tried = SettlementLine.objects.filter(
        settlement__account=account,
        settlement__payments__created_at__gte=midnight,
        settlement__payments__seller=F("invoice__seller"),
        settlement__payments__currency=F("invoice__currency"),
    )
    tries = Counter(tried.exclude(settlement__payments__decline_code=GATEWAY_AWAY).values_list("invoice_id", flat=True))
    return {invoice for invoice, number in tries.items() if number >= MOST_BY_HAND_A_DAY}


def _has_changed(account: Account, settlement: Settlement, *, at: datetime) -> bool:
    """Say whether an invoice of the settlement is another than it was, or all was to be paid and more fell due."""
    lines = list(settlement.lines.select_related("invoice__seller"))
    if any(line.invoice.version != line.version or line.invoice.amount_due < line.amount for line in lines):
        return True
    if not settlement.is_everything:
        return False
    places = {line.invoice.seller.gateway_account for line in lines}
    due = [invoice for invoice in offer(account, at=at).due if invoice.seller.gateway_account in places]
    return {invoice.pk for invoice in due} != {line.invoice_id for line in lines}


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
        next_action_at=next_check(created_at=at, at=at),
    )
