"""Automatic tries: which charges are due, with which card, and when the next one is."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta

from . import network_rules, paused
from .declines import advice
from .events import record
from .models import (
    AUTOMATIC_TRIGGERS,
    Account,
    CurrencyFloor,
    Dispute,
    DunningCase,
    DunningPolicy,
    Invoice,
    Payment,
    PaymentMethod,
    Seller,
    Trigger,
)
from .schedule import CHARGE_HOUR
from .states import PaymentState

MOST_IN_30_DAYS = 15
WINDOW = timedelta(days=30)
GATEWAY_AWAY = "gateway_away"
NOT_ENOUGH_MONEY = "insufficient_funds"


@dataclass(frozen=True, slots=True)
class AutomaticGroup:
    """What is to be charged for one seller in one currency, and to which card."""

    seller: Seller
    currency: str
    amount: int
    method: PaymentMethod
    trigger: str


def usable_cards(account: Account) -> dict[str, PaymentMethod]:
    """
    Return the cards that are charged automatically, by gateway account.

    A card that was refused for good stays so when it is put on file again, and one of which
    a charge is disputed waits for its end.
    """
    ever = PaymentMethod.objects.for_account(account)
    refused = {_same_card(card) for card in ever.exclude(blocked_reason="")}
    cards = ever.on_file().filter(is_default=True, blocked_reason="")
    cards = cards.exclude(pk__in=Dispute.objects.open().values("payment__payment_method"))
    return {card.gateway_account: card for card in cards if _same_card(card) not in refused}


def _same_card(card: PaymentMethod) -> tuple[str, str, int, int]:
    """A renewed card has the same number and another expiry."""
    return card.gateway_account, card.fingerprint, card.exp_year, card.exp_month


def automatic_groups(account: Account, *, at: datetime) -> list[AutomaticGroup]:
    """Return the charges that are due, leaving out creditors with an undecided payment, no card, or a cap reached."""
    cards = usable_cards(account)
    busy = set(Payment.objects.for_account(account).undecided().values_list("seller_id", "currency"))
    groups = []
    for (seller_id, currency), invoices in _due_by_group(account, at=at).items():
        seller = invoices[0].seller
        card = cards.get(seller.gateway_account)
        if card is None or (seller_id, currency) in busy or _is_capped(card, seller, currency, at=at):
            continue
        groups.append(
            AutomaticGroup(
                seller=seller,
                currency=currency,
                amount=sum(invoice.amount_due for invoice in invoices),
                method=card,
                trigger=Trigger.AUTO_RETRY if any(invoice.refused_at for invoice in invoices) else Trigger.CYCLE,
            )
        )
    return groups


def _due_by_group(account: Account, *, at: datetime) -> dict[tuple[int, str], list[Invoice]]:
    """Return everything due and chargeable of each creditor for which an automatic charge has come due."""
    groups: dict[tuple[int, str], list[Invoice]] = defaultdict(list)
    holds = paused.of(account)
    for invoice in Invoice.objects.for_account(account).due(on=account.today(at)).select_related("seller"):
        if holds.card_waits_until(invoice, at=at):
            continue
        groups[invoice.seller_id, invoice.currency].append(invoice)
    return {
        group: invoices
        for group, invoices in groups.items()
        if any(invoice.next_charge_at and invoice.next_charge_at <= at for invoice in invoices)
        and any(invoice.amount_due for invoice in invoices)
    }


def _is_capped(card: PaymentMethod, seller: Seller, currency: str, *, at: datetime) -> bool:
    """
    One automatic try per card of the account, seller, currency and local day, fifteen in 30 days.

    And no more declines than the network allows, those of payments by hand among them.
    """
    account = card.account
    recent = Payment.objects.filter(
        account=account, payment_method__fingerprint=card.fingerprint, created_at__gt=at - WINDOW
    )
    automatic = recent.filter(seller=seller, currency=currency, trigger__in=AUTOMATIC_TRIGGERS)
    moments = list(automatic.exclude(decline_code=GATEWAY_AWAY).values_list("created_at", flat=True))
    today = account.today(at)
    if len(moments) >= MOST_IN_30_DAYS or today in {account.today(moment) for moment in moments}:
        return True
    declines = recent.filter(state=PaymentState.FAILED).values_list("created_at", flat=True)
    return network_rules.is_exhausted(declines, network=card.brand, on=today, at=at)


def after_refusal(payment: Payment, *, at: datetime) -> bool:
    """
    Note a refusal on what it was for, and set the next try; says whether it is the first of its case.

    What is owed below the floor opens no case, so none of its refusals is. A refusal of a
    payment by hand changes neither the invoices nor the automatic tries.
    """
    method = payment.payment_method
    if method and _is_final(payment, method, at=at):
        _block(method, payment.decline_code, at=at)
    if payment.trigger not in AUTOMATIC_TRIGGERS:
        return False
    account = payment.account
    open_ones = Invoice.objects.for_account(account).due(on=account.today(at))
    due = list(open_ones.filter(seller=payment.seller, currency=payment.currency))
    for invoice in due:
        invoice.refused_at = at
        blocked = method is not None and method.blocked_reason
        invoice.next_charge_at = None if blocked else _after(payment.decline_code, invoice, at=at)
        invoice.save(update_fields=["refused_at", "next_charge_at"])
    floor = CurrencyFloor.objects.filter(currency=payment.currency).first()
    if floor and sum(invoice.amount_due for invoice in due) < floor.smallest_case:
        return False
    cases = DunningCase.objects.for_account(account).open()
    return not cases.filter(seller=payment.seller, currency=payment.currency).exists()


def _is_final(payment: Payment, method: PaymentMethod, *, at: datetime) -> bool:
    today = payment.account.today(at)
    code = payment.decline_code
    return advice(code).is_hard or network_rules.forbids_another_try(code, network=method.brand, on=today)


def _after(code: str, invoice: Invoice, *, at: datetime) -> datetime | None:
    """Return the next try after a refusal; where there was not enough money it may wait for the payday."""
    following = next_charge_at(invoice, at=at)
    if following is None or code != NOT_ENOUGH_MONEY or invoice.due_on is None:
        return following
    account = invoice.account
    stop_on = invoice.due_on + timedelta(days=DunningPolicy.objects.in_force(account, at=at).ladder().suspend_day)
    day = network_rules.moved_to_payday(account.today(following), country=account.country, before=stop_on)
    return account.moment(day, CHARGE_HOUR)


def next_charge_at(invoice: Invoice, *, at: datetime) -> datetime | None:
    """Return the next rung of automatic tries after ``at``, counted from the invoice's due date."""
    account, due_on = invoice.account, invoice.due_on
    if due_on is None or not account.pays_by_card:
        return None
    ladder = DunningPolicy.objects.in_force(account, at=at).ladder()
    day = ladder.next_charge((account.today(at) - due_on).days)
    return None if day is None else account.moment(due_on + timedelta(days=day), CHARGE_HOUR)


def stop_trying_without_card(account: Account, *, at: datetime) -> None:
    """Give up the automatic charges that no card on file can pay, and say so; a new card starts them again."""
    ready = Invoice.objects.for_account(account).open().filter(next_charge_at__lte=at)
    for invoice in ready.exclude(seller__gateway_account__in=usable_cards(account)):
        Invoice.objects.filter(pk=invoice.pk).update(next_charge_at=None)
        record("card.missing", at=at, key=f"invoice:{invoice.pk}:card_missing", account=account, invoice=invoice)


def put_off(account: Account, *, at: datetime) -> None:
    """Let the automatic charges wait of what is on hold, until the hold lets them."""
    holds = paused.of(account)
    for invoice in Invoice.objects.for_account(account).open().filter(next_charge_at__lte=at):
        if waits_until := holds.card_waits_until(invoice, at=at):
            Invoice.objects.filter(pk=invoice.pk).update(next_charge_at=waits_until)


def resume(account: Account, *, at: datetime) -> None:
    """Set the next automatic try anew of what is due and was put off by a hold that has changed."""
    holds = paused.of(account)
    for invoice in Invoice.objects.for_account(account).due(on=account.today(at)).filter(next_charge_at__gt=at):
        waits_until = holds.card_waits_until(invoice, at=at)
        following = waits_until or next_charge_at(invoice, at=at)
        Invoice.objects.filter(pk=invoice.pk).update(next_charge_at=following)


def try_again(account: Account, *, at: datetime) -> None:
    """Set the next automatic try of what is due and had none, because there is a card to charge again."""
    due = Invoice.objects.for_account(account).due(on=account.today(at)).filter(next_charge_at=None)
    for invoice in due.select_related("account"):
        Invoice.objects.filter(pk=invoice.pk).update(next_charge_at=next_charge_at(invoice, at=at))


def _block(method: PaymentMethod, code: str, *, at: datetime) -> None:
    PaymentMethod.objects.filter(pk=method.pk).update(blocked_reason=code)
    method.blocked_reason = code
    record("card.blocked", at=at, account=method.account, payment_method=method, decline_code=code)
