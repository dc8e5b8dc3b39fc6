"""
Whether a notice may still be told, asked at the moment of sending.

Each function takes the event with its relations freshly read and the moment. A notice
whose fact is gone is canceled; one that announces a date must still announce one that
is far enough ahead, else dunning announces again.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Max

from billing import paused
from billing.models import Act, DunningStep, ErasureDemand, Event, Invoice
from billing.retries import usable_cards
from billing.states import CaseState, InvoiceState, PaymentState, SubscriptionState

# When no case tells its policy's lead: never shorter than the ladders that the product comes with.
LEAD_BY_CARD = 7
LEAD_BY_INVOICE = 14


def always(event: Event, at: datetime) -> bool:
    """A document was issued: nothing takes it back."""
    return True


def invoice_is_open(event: Event, at: datetime) -> bool:
    return event.invoice is not None and event.invoice.state == InvoiceState.OPEN


def invoice_falls_due_later(event: Event, at: datetime) -> bool:
    today = event.account.today(at) if event.account else None
    return invoice_is_open(event, at) and event.invoice.due_on > today  # type: ignore[union-attr,operator]


def invoice_falls_due_today(event: Event, at: datetime) -> bool:
    today = event.account.today(at) if event.account else None
    return invoice_is_open(event, at) and event.invoice.due_on == today  # type: ignore[union-attr]


def invoice_is_owed(event: Event, at: datetime) -> bool:
    if event.invoice is None or event.account is None or superseded(event):
        return False
    if paused.of(event.account).free_at(event.invoice, at=at):
        return False
    return event.invoice.is_owed(on=event.account.today(at))


def held_money_is_owed(event: Event, at: datetime) -> bool:
    """What was promised, or was on its way, is owed and no longer on hold."""
    if event.account is None:
        return False
    owed = Invoice.objects.for_account(event.account).owed(on=event.account.today(at))
    covered = owed.filter(pk=event.invoice_id) if event.invoice_id else owed
    return bool(paused.of(event.account).pressing(covered, at=at))


def no_card_can_pay(event: Event, at: datetime) -> bool:
    """The invoice is due, and no card on file may be charged for it."""
    invoice, account = event.invoice, event.account
    if invoice is None or account is None or not invoice.is_due(on=account.today(at)):
        return False
    return invoice.seller.gateway_account not in usable_cards(account)


def superseded(event: Event) -> bool:
    """A newer notice of the same kind about the same thing says it better; this one came too late."""
    newer = Event.objects.filter(type=event.type, account=event.account_id, pk__gt=event.pk)
    return newer.filter(subscription=event.subscription_id, invoice=event.invoice_id).exists()


def refused_money_is_owed(event: Event, at: datetime) -> bool:
    """Something of the refused payment's seller and currency is still owed."""
    payment, account = event.payment, event.account
    if payment is None or account is None:
        return False
    owed = Invoice.objects.for_account(account).owed(on=account.today(at))
    return owed.filter(seller=payment.seller_id, currency=payment.currency).exists()


def approval_is_awaited(event: Event, at: datetime) -> bool:
    return event.payment is not None and event.payment.state == PaymentState.REQUIRES_ACTION


def money_was_received(event: Event, at: datetime) -> bool:
    return event.payment is not None and event.payment.state == PaymentState.SUCCEEDED


def money_is_owed_again(event: Event, at: datetime) -> bool:
    """What was taken back has not been paid in another way since."""
    return event.invoice is None or event.invoice.state == InvoiceState.OPEN


def card_is_still_good(event: Event, at: datetime) -> bool:
    card, account = event.payment_method, event.account
    if card is None or account is None:
        return False
    return card.removed_at is None and card.is_default and not card.is_expired(on=account.today(at))


def stop_is_far_enough_ahead(event: Event, at: datetime) -> bool:
    """The service will stop, no sooner than the announced number of calendar days after today."""
    service, account = event.subscription, event.account
    if service is None or account is None or service.suspend_at is None:
        return False
    if service.state != SubscriptionState.WARNED or superseded(event):
        return False
    return account.today(service.suspend_at) - account.today(at) >= timedelta(days=announced_lead(event))


def announced_lead(event: Event) -> int:
    """Return how many days ahead of the stop the policy of the service's case wants the notice out."""
    service, account = event.subscription, event.account
    if service is None or account is None:
        return LEAD_BY_INVOICE
    steps = DunningStep.objects.filter(act=Act.WARN, policy__cases__account=account)
    steps = steps.filter(policy__cases__state=CaseState.OPEN, policy__cases__seller=service.seller_id)
    lead = steps.aggregate(lead=Max("lead_days"))["lead"]
    return lead or (LEAD_BY_CARD if account.pays_by_card else LEAD_BY_INVOICE)


def service_is_suspended(event: Event, at: datetime) -> bool:
    return event.subscription is not None and event.subscription.state == SubscriptionState.SUSPENDED


def service_is_canceled(event: Event, at: datetime) -> bool:
    return event.subscription is not None and event.subscription.state == SubscriptionState.CANCELED


def service_is_leaving(event: Event, at: datetime) -> bool:
    return event.subscription is not None and event.subscription.leaves_at is not None and not superseded(event)


def service_is_on(event: Event, at: datetime) -> bool:
    return event.subscription is not None and not event.subscription.is_off


def service_is_deleted(event: Event, at: datetime) -> bool:
    return event.subscription is not None and event.subscription.state == SubscriptionState.DELETED


def erasure_is_demanded(event: Event, at: datetime) -> bool:
    return ErasureDemand.objects.open().filter(pk=event.codes.get("demand")).exists()


def deletion_lies_ahead(event: Event, at: datetime) -> bool:
    service, account = event.subscription, event.account
    if service is None or account is None or service.delete_on is None:
        return False
    return service_is_canceled(event, at) and service.delete_on > account.today(at) and not superseded(event)
