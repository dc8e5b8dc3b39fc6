"""
The customer's own leaving and coming back: cancel now or when the paid period ends, stay, reactivate.

What is owed stays due. The card goes on being tried for it, or is left alone, as the
person chose on the page. Data is kept as after any other cancellation.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import transaction
from django.db.models import TextChoices

from . import standing
from .batches import Counts, Watch, for_each_account, unwatched
from .events import record
from .models import Account, DunningPolicy, Invoice, InvoiceLine, Subscription, User
from .money import Money
from .schedule import INVOICE_HOUR
from .scope import EVERYONE, Scope
from .states import DisabledReason, SubscriptionState


class Tries(TextChoices):
    """What becomes of the automatic tries for what is owed for a service that is canceled."""

    GO_ON = "go_on"
    STOP = "stop"


class NothingToCancel(Exception):
    """The service is canceled already, or has no paid period ahead that could end."""


class NotLeaving(Exception):
    """The service was not canceled by the customer, so there is nothing to take back."""


class StillOwed(Exception):
    """Something is owed for the service; it comes back after that is paid."""


class KeptOff(Exception):
    """Another reason keeps the service off, which is not the customer's to take away."""


class PurgeBegun(Exception):
    """The product has been asked to delete the data; nothing brings the service back by itself any more."""


@dataclass(frozen=True, slots=True)
class Return:
    """What reactivating a service costs: at once, and from when its next invoice is."""

    now: Money
    next_invoice_on: date


@transaction.atomic
def cancel_now(subscription: Subscription, *, tries: Tries, by: User, at: datetime) -> Subscription:
    """Cancel a service at once. Raises ``NothingToCancel``."""
    service = _locked(subscription)
    if service.state in (SubscriptionState.CANCELED, SubscriptionState.DELETED):
        raise NothingToCancel(service)
    _leave(service, by=by, at=at)
    if tries == Tries.STOP:
        _stop_tries(service)
    return service


@transaction.atomic
def cancel_at_period_end(subscription: Subscription, *, tries: Tries, by: User, at: datetime) -> Subscription:
    """Let a service run until what is paid for ends; it is not invoiced again. Raises ``NothingToCancel``."""
    service = _locked(subscription)
    if service.is_off or service.leaves_at or not has_period_ahead(service, at=at):
        raise NothingToCancel(service)
    leaves_at = service.account.moment(service.next_period_on, 0)
    Subscription.objects.filter(pk=service.pk).update(leaves_at=leaves_at, next_invoice_at=None)
    service.refresh_from_db()
    record(
        "service.leaving",
        at=at,
        account=service.account,
        subscription=service,
        actor=by,
        leaves_on=service.next_period_on.isoformat(),
    )
    if tries == Tries.STOP:
        _stop_tries(service)
    return service


def has_period_ahead(service: Subscription, *, at: datetime) -> bool:
    """Say whether the service has been invoiced for days that are still to come."""
    return service.next_period_on > service.today(at)


@transaction.atomic
def stay(subscription: Subscription, *, by: User, at: datetime) -> Subscription:
    """Take back a cancellation that was to come; the service is invoiced as before. Raises ``NotLeaving``."""
    service = _locked(subscription)
    if service.leaves_at is None:
        raise NotLeaving(service)
    next_invoice_at = service.account.moment(service.next_period_on, INVOICE_HOUR)
    Subscription.objects.filter(pk=service.pk).update(leaves_at=None, next_invoice_at=next_invoice_at)
    service.refresh_from_db()
    record("service.staying", at=at, account=service.account, subscription=service, actor=by)
    return service


@transaction.atomic
def reactivate(subscription: Subscription, *, by: User, at: datetime) -> Subscription:
    """
    Bring back a service that the customer had canceled, until its purge begins.

    Days that are paid for are used up first; after them a new period begins today.
    Raises ``NotLeaving``, ``PurgeBegun``, ``StillOwed`` and ``KeptOff``.
    """
    service = _locked(subscription)
    standing.refresh(service.account, at=at)
    service.refresh_from_db()
    refuse_to_return(service, at=at)
    today = service.today(at)
    if service.next_period_on <= today:
        Subscription.objects.filter(pk=service.pk).update(next_period_on=today, anchor_day=today.day)
        service.refresh_from_db()
    standing.turn_on(service, without=DisabledReason.CUSTOMER_CANCEL, at=at)
    record("service.reactivated", at=at, account=service.account, subscription=service, actor=by)
    return service


def refuse_to_return(service: Subscription, *, at: datetime) -> None:
    """Raise what keeps a person from reactivating the service, if anything does."""
    if not service.is_canceled_by_customer:
        raise NotLeaving(service)
    if service.is_purging:
        raise PurgeBegun(service)
    if owed(service, at=at):
        raise StillOwed(service)
    if service.disabled_reasons != [DisabledReason.CUSTOMER_CANCEL]:
        raise KeptOff(service)


def kept_until(service: Subscription, *, left_on: date, at: datetime) -> date:
    """Return until when the data is kept if the service is canceled on a day, as the policy stands."""
    ladder = DunningPolicy.objects.in_force(service.account, at=at).ladder()
    return left_on + timedelta(days=ladder.delete_after)


def unpaid(service: Subscription) -> list[Invoice]:
    """Return every open invoice that names the service, oldest due first; canceling changes none of them."""
    return list(Invoice.objects.open().naming(service).select_related("seller").oldest_first())


def owed(service: Subscription, *, at: datetime) -> list[Invoice]:
    """Return what counts against the service, oldest first."""
    return standing.owed_by_service(service, on=service.today(at))


def cost_of_return(service: Subscription, *, at: datetime) -> Return:
    """Return what reactivating costs now, without tax, and the day of the next invoice."""
    starts_on = max(service.next_period_on, service.today(at))
    begins_today = starts_on == service.today(at)
    return Return(now=service.price_money if begins_today else Money(0, service.currency), next_invoice_on=starts_on)


def run(*, at: datetime, scope: Scope = EVERYONE, watch: Watch = unwatched) -> Counts:
    """Cancel every service whose last paid period is over; counts ``left`` and ``failed``."""
    pks = due_accounts(at=at, scope=scope)
    return for_each_account(pks, lambda account: _leave_all(account, at=at), job="leaving", at=at, watch=watch)


def due_accounts(*, at: datetime, scope: Scope = EVERYONE) -> list[int]:
    return scope.account_pks(Subscription.objects.leaving(at=at))


def _leave_all(account: Account, *, at: datetime) -> Counts:
    leaving = list(Subscription.objects.leaving(at=at).for_account(account).select_related("account"))
    for service in leaving:
        _leave(service, by=None, at=at)
    return Counts(left=len(leaving))


def _leave(service: Subscription, *, by: User | None, at: datetime) -> None:
    """Cancel for the customer; a service that was canceled for its debt meanwhile has one reason more."""
    Subscription.objects.filter(pk=service.pk).update(leaves_at=None)
    if service.state == SubscriptionState.CANCELED:
        standing.turn_off(service, because=DisabledReason.CUSTOMER_CANCEL, at=at)
        return
    ladder = DunningPolicy.objects.in_force(service.account, at=at).ladder()
    standing.cancel(service, ladder=ladder, at=at, because=DisabledReason.CUSTOMER_CANCEL, by=by)
    record("service.left", at=at, account=service.account, subscription=service, actor=by)


def _stop_tries(service: Subscription) -> None:
    """Leave the card alone for what is owed for this service and for nothing else."""
    naming = Invoice.objects.open().naming(service).values_list("pk", flat=True)
    of_others = InvoiceLine.objects.filter(invoice__in=list(naming)).exclude(subscription=service)
    alone = set(naming) - set(of_others.values_list("invoice", flat=True))
    Invoice.objects.filter(pk__in=alone).update(next_charge_at=None)


def _locked(subscription: Subscription) -> Subscription:
    account = Account.objects.locked().get(pk=subscription.account_id)
    return Subscription.objects.select_related("account", "seller").get(pk=subscription.pk, account=account)
