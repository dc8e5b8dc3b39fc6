"""
The two phases of a deletion: the product is asked to delete, and says that it has.

From ``begin`` on nothing brings a service back by itself, because its data may be half
gone. Only staff call it off, and only while the product has not acknowledged.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from . import crediting, standing
from .events import record
from .models import Account, Subscription, TaskKind, User
from .staffing import ask_staff

ANSWER_WITHIN = timedelta(days=7)
FRESH_DAYS = 14


class NotPurging(Exception):
    """The product has not been asked to delete this service's data, or has done so already."""


def begin(service: Subscription, *, because: str, at: datetime) -> None:
    """Ask for the deletion and credit what was not delivered, in the caller's transaction with the account locked."""
    Subscription.objects.filter(pk=service.pk).update(deletion_due_at=at, next_action_at=at + ANSWER_WITHIN)
    service.refresh_from_db()
    record(
        "service.deletion_due",
        at=at,
        key=f"subscription:{service.pk}:deletion_due:{service.delete_on}:{at.isoformat()}",
        account=service.account,
        subscription=service,
        because=because,
    )
    stopped_on = service.today(service.suspended_at or service.canceled_at or at)
    crediting.credit_undelivered(service, from_day=stopped_on + timedelta(days=1), by=None, at=at)


@transaction.atomic
def acknowledge(subscription: Subscription, *, at: datetime, by: User | None = None) -> Subscription:
    """Note that the product has deleted the data: the service is gone for good. Raises ``NotPurging``."""
    service = _purging(subscription)
    standing.delete(service, at=at)
    record("service.deleted", at=at, account=service.account, subscription=service, actor=by)
    return service


@transaction.atomic
def call_off(subscription: Subscription, *, by: User, at: datetime) -> Subscription:
    """
    Take back the request to delete, when the product has said that nothing is gone yet.

    The data is kept for two weeks more at least, and every notice is given anew. What is
    paid comes back at once. Raises ``NotPurging``.
    """
    service = _purging(subscription)
    earliest = service.today(at) + timedelta(days=FRESH_DAYS)
    delete_on = max(service.delete_on, earliest) if service.delete_on else earliest
    Subscription.objects.filter(pk=service.pk).update(deletion_due_at=None, delete_on=delete_on, next_action_at=at)
    record(
        "service.deletion_called_off",
        at=at,
        account=service.account,
        subscription=service,
        actor=by,
        delete_on=delete_on.isoformat(),
    )
    standing.refresh(service.account, at=at)
    service.refresh_from_db()
    return service


def remind(service: Subscription, *, at: datetime) -> None:
    """Put a deletion that the product has not acknowledged for a week before staff, and look again in a week."""
    ask_staff(
        TaskKind.PURGE_UNANSWERED,
        key=f"purge:{service.pk}:{service.deletion_due_at:%Y-%m-%d}",
        account=service.account,
        at=at,
        service=service.reference,
    )
    Subscription.objects.filter(pk=service.pk).update(next_action_at=at + ANSWER_WITHIN)


def _purging(subscription: Subscription) -> Subscription:
    account = Account.objects.locked().get(pk=subscription.account_id)
    service = Subscription.objects.purging().filter(pk=subscription.pk, account=account).select_related("account")
    found = service.first()
    if found is None:
        raise NotPurging(subscription)
    return found
