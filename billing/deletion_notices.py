"""The notices before a deletion: which one is due, what it announces, and whether it was out in time."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from django.db.models import QuerySet

from .events import record
from .models import Event, Subscription
from .notices import first_out
from .schedule import NOTICE_HOUR, Ladder
from .states import Incomplete

LAST_NOTICE_OUT = timedelta(hours=24)
FRESH_NOTICE_DAYS = 14
ON_TIME = timedelta(days=1)


def date_of(service: Subscription) -> date:
    """Return the day on which the data goes. Raises ``Incomplete``."""
    if service.delete_on is None:
        raise Incomplete(service)
    return service.delete_on


def announcements(service: Subscription) -> list[Event]:
    """Return the announcements of the present date, oldest first."""
    present = date_of(service).isoformat()
    return [notice for notice in _all_announcements(service) if notice.codes["delete_on"] == present]


def _all_announcements(service: Subscription) -> QuerySet[Event]:
    """Return what was announced since the cancellation, of dates that have moved since too."""
    announced = Event.objects.filter(subscription=service, type="service.deletion_announced")
    return announced.filter(at__gte=service.canceled_at).order_by("pk")


def rung_due(service: Subscription, ladder: Ladder, *, at: datetime) -> int | None:
    """Return the most urgent notice that is due, if none as urgent was given."""
    given = [notice.codes["days"] for notice in announcements(service)]
    return ladder.deletion_notice_due(days_left(service, at=at), given=min(given, default=None))


def days_left(service: Subscription, *, at: datetime) -> int:
    return (date_of(service) - service.today(at)).days


def announce(service: Subscription, ladder: Ladder, rung: int, *, at: datetime) -> None:
    """
    Announce the date.

    When the rung was missed by more than a day, the date moves so that the notice is a
    fresh one; a job that runs once a day is on time, whatever its hour. After a week's
    notice in time, the last one needs its day and no more.
    """
    rung_at = service.account.moment(date_of(service) - timedelta(days=rung), NOTICE_HOUR)
    is_missed = at > rung_at + ON_TIME and not _has_only_the_last_to_come(service, ladder)
    put_off(service, FRESH_NOTICE_DAYS if is_missed else 1, at=at)
    left = days_left(service, at=at)
    Subscription.objects.filter(pk=service.pk).update(next_action_at=next_moment(service, ladder, left))
    record(
        "service.deletion_announced",
        at=at,
        key=f"subscription:{service.pk}:deletion:{service.delete_on}:{left}",
        account=service.account,
        subscription=service,
        delete_on=date_of(service).isoformat(),
        days=left,
    )


def put_off(service: Subscription, days: int, *, at: datetime) -> None:
    """Leave at least ``days`` until the date, which only ever moves later."""
    service.delete_on = max(date_of(service), service.today(at) + timedelta(days=days))
    Subscription.objects.filter(pk=service.pk).update(delete_on=service.delete_on)


def _has_only_the_last_to_come(service: Subscription, ladder: Ladder) -> bool:
    if len(ladder.deletion_notices) < 2:
        return False
    *_, before_last, last = ladder.deletion_notices
    given = min((notice.codes["days"] for notice in announcements(service)), default=None)
    return given is not None and last < given <= before_last


def next_moment(service: Subscription, ladder: Ladder, left: int) -> datetime:
    """Return when the next notice is due, or else when the data may go."""
    rung = ladder.next_deletion_notice(left)
    if rung is None:
        return earliest_deletion(service)
    return service.account.moment(date_of(service) - timedelta(days=rung), NOTICE_HOUR)


def earliest_deletion(service: Subscription) -> datetime:
    """
    Return the moment before which nothing is deleted: whole days since cancellation, and the date itself.

    Both stand on the row, so that neither a policy with fewer days nor another time zone brings it nearer.
    """
    if service.keep_until is None:
        raise Incomplete(service)
    return max(service.keep_until, service.account.moment(date_of(service), 0))


def goes_at(service: Subscription) -> datetime | None:
    """Return from when the data may go; ``None`` while the notices of its date were not out in time."""
    of_this_date = [first_out(notice) for notice in announcements(service)]
    out = [moment for moment in of_this_date if moment]
    ever_out = [moment for moment in map(first_out, _all_announcements(service)) if moment]
    if not out or len(out) < len(of_this_date):
        return None
    if (date_of(service) - service.today(min(ever_out))).days < FRESH_NOTICE_DAYS:
        return None
    return max(earliest_deletion(service), max(out) + LAST_NOTICE_OUT)
