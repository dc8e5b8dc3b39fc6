"""Automatic tries: which charges are due, with which card, and when the next one is."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta

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

MOST_IN_30_DAYS = 15


@dataclass(frozen=True, slots=True)
class AutomaticGroup:
    """What is to be charged for one seller in one currency, and to which card."""

    seller: Seller
    currency: str
    amount: int
    method: PaymentMethod
    trigger: str


def usable_cards(account: Account) -> dict[str, PaymentMethod]:
    """Return the cards that are charged automatically, by gateway account; none of which a charge is disputed."""
    cards = PaymentMethod.objects.for_account(account).on_file().filter(is_default=True, blocked_reason="")
    cards = cards.exclude(pk__in=Dispute.objects.open().values("payment__payment_method"))
    return {card.gateway_account: card for card in cards}


def automatic_groups(account: Account, *, at: datetime) -> list[AutomaticGroup]:
    """Return the charges that are due, leaving out creditors with a live payment, no card, or a cap reached."""
    cards = usable_cards(account)
    busy = set(Payment.objects.for_account(account).live().values_list("seller_id", "currency"))
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
    """Return everything due of each creditor for which an automatic charge has come due."""
    groups: dict[tuple[int, str], list[Invoice]] = defaultdict(list)
    for invoice in Invoice.objects.for_account(account).due(on=account.today(at)).select_related("seller"):
        groups[invoice.seller_id, invoice.currency].append(invoice)
    return {
        group: invoices
        for group, invoices in groups.items()
        if any(invoice.next_charge_at and invoice.next_charge_at <= at for invoice in invoices)
        and any(invoice.amount_due for invoice in invoices)
    }


def _is_capped(card: PaymentMethod, seller: Seller, currency: str, *, at: datetime) -> bool:
    """One automatic try per card of the account, seller, currency and local day, fifteen in 30 days."""
    tries = Payment.objects.filter(
        account=card.account_id,
        payment_method__fingerprint=card.fingerprint,
        seller=seller,
        currency=currency,
        trigger__in=AUTOMATIC_TRIGGERS,
        created_at__gt=at - timedelta(days=30),
    )
    moments = list(tries.values_list("created_at", flat=True))
    account = card.account
    return len(moments) >= MOST_IN_30_DAYS or account.today(at) in {account.today(moment) for moment in moments}


def after_refusal(payment: Payment, *, at: datetime) -> bool:
    """
    Note a refusal on what it was for, and set the next try; says whether it is the first of its case.

    What is owed below the floor opens no case, so none of its refusals is. A refusal of a
    payment by hand changes neither the invoices nor the automatic tries.
    """
    method = payment.payment_method
    if method and advice(payment.decline_code).is_hard:
        _block(method, payment.decline_code, at=at)
    if payment.trigger not in AUTOMATIC_TRIGGERS:
        return False
    account = payment.account
    open_ones = Invoice.objects.for_account(account).due(on=account.today(at))
    due = list(open_ones.filter(seller=payment.seller, currency=payment.currency))
    for invoice in due:
        invoice.refused_at = at
        invoice.next_charge_at = None if method and method.blocked_reason else next_charge_at(invoice, at=at)
        invoice.save(update_fields=["refused_at", "next_charge_at"])
    floor = CurrencyFloor.objects.filter(currency=payment.currency).first()
    if floor and sum(invoice.amount_due for invoice in due) < floor.smallest_case:
        return False
    cases = DunningCase.objects.for_account(account).open()
    return not cases.filter(seller=payment.seller, currency=payment.currency).exists()


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


def try_again(account: Account, *, at: datetime) -> None:
    """Set the next automatic try of what is due and had none, because there is a card to charge again."""
    due = Invoice.objects.for_account(account).due(on=account.today(at)).filter(next_charge_at=None)
    for invoice in due.select_related("account"):
        Invoice.objects.filter(pk=invoice.pk).update(next_charge_at=next_charge_at(invoice, at=at))


def _block(method: PaymentMethod, code: str, *, at: datetime) -> None:
    PaymentMethod.objects.filter(pk=method.pk).update(blocked_reason=code)
    method.blocked_reason = code
    record("card.blocked", at=at, account=method.account, payment_method=method, decline_code=code)
