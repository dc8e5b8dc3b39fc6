"""What an administrator may do who cannot pay today: promise a day, or take the emergency grace."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from django.db import transaction

from . import holding, standing
from .models import Account, DunningCase, Hold, HoldKind, Subscription, User
from .schedule import NOTICE_HOUR
from .states import DisabledReason, SubscriptionState

MOST_DAYS = 14
GRACE = timedelta(hours=72)
ONCE_IN = timedelta(days=365)


class NothingOwed(Exception):
    """Nothing is past due, so there is nothing to promise."""


class PromisedBefore(Exception):
    """A day was promised for this debt already; that is possible once."""


class DayNotAllowed(Exception):
    """The day is not tomorrow or later, or too far off."""


class NothingStops(Exception):
    """No service has stopped or is about to, so there is nothing to be graced."""


class GraceUsed(Exception):
    """The emergency grace was taken within the year; ``again_at`` is when it may be again."""

    def __init__(self, again_at: datetime) -> None:
        super().__init__(f"used already, possible again at {again_at}")
        self.again_at = again_at


@transaction.atomic
def promise(account: Account, *, day: date, by: User, at: datetime) -> Hold:
    """
    Promise to pay all that is owed by a day; it is over the morning after.

    Raises ``NothingOwed``, ``PromisedBefore`` and ``DayNotAllowed``.
    """
    account = Account.objects.locked().get(pk=account.pk)
    standing.refresh(account, at=at)
    if not may_promise(account, at=at):
        raise PromisedBefore(account) if _oldest_case(account) else NothingOwed(account)
    if not 0 < (day - account.today(at)).days <= MOST_DAYS:
        raise DayNotAllowed(day)
    until = account.moment(day + timedelta(days=1), NOTICE_HOUR)
    return holding.place(HoldKind.PROMISE, on=account, until=until, reason=f"to pay by {day}", by=by, at=at)


def may_promise(account: Account, *, at: datetime) -> bool:
    """Say whether something is past due for which no day was promised yet."""
    case = _oldest_case(account)
    promised = Hold.objects.for_account(account).filter(kind=HoldKind.PROMISE)
    return case is not None and not promised.filter(starts_at__gte=case.opened_at).exists()


@transaction.atomic
def take_grace(account: Account, *, by: User, at: datetime) -> Hold:
    """
    Turn what has stopped for non-payment on again for 72 hours, in which nothing else stops, once a year.

    Raises ``NothingStops`` and ``GraceUsed``.
    """
    account = Account.objects.locked().get(pk=account.pk)
    standing.refresh(account, at=at)
    if again_at := grace_again_at(account, at=at):
        raise GraceUsed(again_at)
    if not any(is_stopping(service) for service in Subscription.objects.for_account(account)):
        raise NothingStops(account)
    return holding.place(HoldKind.GRACE, on=account, until=at + GRACE, reason="emergency grace", by=by, at=at)


def is_stopping(service: Subscription) -> bool:
    """Say whether grace would help the service: its stop is announced, or was made for want of payment alone."""
    return service.state == SubscriptionState.WARNED or (
        service.state == SubscriptionState.SUSPENDED and service.disabled_reasons == [DisabledReason.NONPAYMENT]
    )


def grace_again_at(account: Account, *, at: datetime) -> datetime | None:
    """Return when the grace may be taken again; ``None`` when it may be now."""
    taken = Hold.objects.for_account(account).filter(kind=HoldKind.GRACE, starts_at__gt=at - ONCE_IN)
    last = taken.order_by("-starts_at").first()
    return last.starts_at + ONCE_IN if last else None


def _oldest_case(account: Account) -> DunningCase | None:
    return DunningCase.objects.for_account(account).open().order_by("opened_at").first()
