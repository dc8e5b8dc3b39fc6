"""
Stops that a person must decide about: asked when the stop is announced, so that its date can be kept.

Staff let it stop as announced, or keep the service on with a hold. Without an answer
nothing stops.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from .events import record
from .models import Account, Event, StaffTask, Subscription, TaskKind, User
from .staffing import ask_staff
from .states import Incomplete, SubscriptionState

BEFORE_THE_STOP = timedelta(days=1)


class NothingToDecide(Exception):
    """No stop of the service is announced."""


def ask(subscription: Subscription, *, at: datetime) -> StaffTask:
    """Open the task about the announced stop, due a day before it, or return the open one."""
    if subscription.suspend_at is None:
        raise Incomplete(subscription)
    due_at = max(subscription.suspend_at - BEFORE_THE_STOP, at)
    return ask_staff(
        TaskKind.DECIDE_SUSPENSION,
        key=_key(subscription),
        account=subscription.account,
        at=at,
        within=due_at - at,
        subscription=subscription.pk,
        service=subscription.reference,
        suspend_at=subscription.suspend_at.isoformat(),
    )


@transaction.atomic
def let_stop(subscription: Subscription, *, by: User, at: datetime) -> None:
    """Let the service stop as announced. Raises ``NothingToDecide``; saying it twice is a no-op."""
    account = Account.objects.locked().get(pk=subscription.account_id)
    subscription = Subscription.objects.get(pk=subscription.pk)
    if subscription.state != SubscriptionState.WARNED or subscription.suspend_at is None:
        raise NothingToDecide(f"no stop of {subscription} is announced")
    record(
        "service.stop_approved",
        at=at,
        key=_approval(subscription),
        account=account,
        subscription=subscription,
        actor=by,
    )
    Subscription.objects.filter(pk=subscription.pk).update(next_action_at=subscription.suspend_at)
    StaffTask.objects.filter(key=_key(subscription), done_at=None).update(done_at=at, taken_by=by)


def close(account: Account, *, by: User | None, at: datetime) -> None:
    """A hold has decided for every stop that the account waits with."""
    waiting = StaffTask.objects.filter(account=account, kind=TaskKind.DECIDE_SUSPENSION, done_at=None)
    waiting.update(done_at=at, taken_by=by)


def is_approved(subscription: Subscription) -> bool:
    return Event.objects.filter(key=_approval(subscription)).exists()


def _key(subscription: Subscription) -> str:
    return f"suspend:{subscription.pk}:{subscription.suspend_at:%Y-%m-%d}"


def _approval(subscription: Subscription) -> str:
    return f"{_key(subscription)}:approved"
