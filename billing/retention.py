"""
Keep the data of a canceled service until its date, and say so in time.

``delete_on`` stands on the row and only ever moves later. ``service.deletion_due`` is
written when 90 days of 24 hours have passed, the date has come, and the notices have
been out: the last for a day, the first for two weeks.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import QuerySet

from . import crediting, standing
from .batches import Counts, Watch, for_each_account, guarded, unwatched
from .brakes import AbnormalRun, usual_limit
from .events import record
from .models import Account, Event, Subscription, TaskKind
from .notices import first_out
from .schedule import NOTICE_HOUR, Ladder
from .scope import EVERYONE, Scope
from .staffing import ask_staff
from .states import SubscriptionState

LAST_NOTICE_OUT = timedelta(hours=24)
FRESH_NOTICE_DAYS = 14
ON_TIME = timedelta(days=1)


def run(*, at: datetime, scope: Scope = EVERYONE, watch: Watch = unwatched) -> Counts:
    """
    Announce deletions and ask for those that are due; counts ``announced``, ``deletion_due`` and ``failed``.

    Raises ``AbnormalRun`` when too many would be due.
    """
    _stop_if_abnormal(at=at, scope=scope)
    pks = due_accounts(at=at, scope=scope)
    return for_each_account(pks, lambda account: _keep(account, at=at), job="retention", at=at, watch=watch)


def due_accounts(*, at: datetime, scope: Scope = EVERYONE) -> list[int]:
    return scope.account_pks(Subscription.objects.escalating(at=at).filter(state=SubscriptionState.CANCELED))


def _stop_if_abnormal(*, at: datetime, scope: Scope = EVERYONE) -> None:
    # East of Greenwich the date may be tomorrow's already; each account's own decides in ``_goes_at``.
    tomorrow = at.date() + timedelta(days=1)
    due = Subscription.objects.escalating(at=at).filter(state=SubscriptionState.CANCELED, delete_on__lte=tomorrow)
    due = scope.limit(due).select_related("account")
    # Those whose notices were not out get a new date instead, so they are no part of the night.
    wanted = 0
    for service in due:
        with guarded(Counts(), service.account_id, job="retention", at=at):
            moment = _goes_at(service, _ladder(service, at=at))
            wanted += moment is not None and moment <= at
    limit = usual_limit("service.deletion_due", at=at)
    if wanted > limit:
        record("dunning.stopped", at=at, job="deleting", wanted=wanted, limit=limit)
        ask_staff(TaskKind.ABNORMAL_NIGHT, key=f"deleting:{at:%Y-%m-%d}", at=at, wanted=wanted, limit=limit)
        raise AbnormalRun(f"{wanted} deletions would be due, {limit} is usual", Counts())


def _keep(account: Account, *, at: datetime) -> Counts:
    standing.refresh(account, at=at)
    counts: Counts = Counts()
    services = Subscription.objects.escalating(at=at).for_account(account).filter(state=SubscriptionState.CANCELED)
    for service in services.select_related("account"):
        counts[_step(service, _ladder(service, at=at), at=at)] += 1
    del counts["waits"]
    return counts


def _ladder(service: Subscription, *, at: datetime) -> Ladder:
    owed = standing.owed_by_service(service, on=service.today(at))
    return standing.ladder_of(service.account, owed, at=at)


def _step(service: Subscription, ladder: Ladder, *, at: datetime) -> str:
    assert service.delete_on is not None
    today = service.today(at)
    days_left = (service.delete_on - today).days
    given = [notice.codes["days"] for notice in announcements(service)]
    rung = ladder.deletion_notice_due(days_left, given=min(given, default=None))
    if rung is not None:
        return _announce(service, ladder, rung, at=at)
    if days_left > 0:
        return _wait(service, _next_moment(service, ladder, days_left), at=at)
    return _finish(service, ladder, at=at)


def announcements(service: Subscription) -> list[Event]:
    """Return the announcements of the present date, oldest first."""
    assert service.delete_on is not None
    present = service.delete_on.isoformat()
    return [notice for notice in _all_announcements(service) if notice.codes["delete_on"] == present]


def _all_announcements(service: Subscription) -> QuerySet[Event]:
    """Return what was announced since the cancellation, of dates that have moved since too."""
    announced = Event.objects.filter(subscription=service, type="service.deletion_announced")
    return announced.filter(at__gte=service.canceled_at).order_by("pk")


def _announce(service: Subscription, ladder: Ladder, rung: int, *, at: datetime) -> str:
    """
    Announce the date.

    When the rung was missed by more than a day, the date moves so that the notice is a
    fresh one; a job that runs once a day is on time, whatever its hour. After a week's
    notice in time, the last one needs its day and no more.
    """
    assert service.delete_on is not None
    today = service.today(at)
    rung_at = service.account.moment(service.delete_on - timedelta(days=rung), NOTICE_HOUR)
    is_missed = at > rung_at + ON_TIME and not _has_only_the_last_to_come(service, ladder)
    at_least = FRESH_NOTICE_DAYS if is_missed else 1
    service.delete_on = max(service.delete_on, today + timedelta(days=at_least))
    days_left = (service.delete_on - today).days
    Subscription.objects.filter(pk=service.pk).update(
        delete_on=service.delete_on, next_action_at=_next_moment(service, ladder, days_left)
    )
    record(
        "service.deletion_announced",
        at=at,
        key=f"subscription:{service.pk}:deletion:{service.delete_on}:{days_left}",
        account=service.account,
        subscription=service,
        delete_on=service.delete_on.isoformat(),
        days=days_left,
    )
    return "announced"


def _has_only_the_last_to_come(service: Subscription, ladder: Ladder) -> bool:
    *_, before_last, last = ladder.deletion_notices
    given = min((notice.codes["days"] for notice in announcements(service)), default=None)
    return given is not None and last < given <= before_last


def _next_moment(service: Subscription, ladder: Ladder, days_left: int) -> datetime:
    """Return when the next notice is due, or else when the data may go."""
    assert service.delete_on is not None
    rung = ladder.next_deletion_notice(days_left)
    if rung is None:
        return earliest_deletion(service, ladder)
    return service.account.moment(service.delete_on - timedelta(days=rung), NOTICE_HOUR)


def earliest_deletion(service: Subscription, ladder: Ladder) -> datetime:
    """Return the moment before which nothing is deleted: whole days since cancellation, and the date itself."""
    assert service.delete_on is not None
    assert service.canceled_at is not None
    kept_long_enough = service.canceled_at + timedelta(days=ladder.delete_after)
    return max(kept_long_enough, service.account.moment(service.delete_on, 0))


def _finish(service: Subscription, ladder: Ladder, *, at: datetime) -> str:
    earliest = _goes_at(service, ladder)
    if earliest is None:
        return _announce(service, ladder, FRESH_NOTICE_DAYS, at=at)
    if at < earliest:
        return _wait(service, earliest, at=at)
    Subscription.objects.filter(pk=service.pk).update(deletion_due_at=at, next_action_at=None)
    record(
        "service.deletion_due",
        at=at,
        key=f"subscription:{service.pk}:deletion_due:{service.delete_on}",
        account=service.account,
        subscription=service,
    )
    service.refresh_from_db()
    stopped_on = service.today(service.suspended_at or service.canceled_at or at)
    crediting.credit_undelivered(service, from_day=stopped_on + timedelta(days=1), by=None, at=at)
    return "deletion_due"


def _goes_at(service: Subscription, ladder: Ladder) -> datetime | None:
    """Return from when the data may go; ``None`` while the notices of its date were not out in time."""
    assert service.delete_on is not None
    of_this_date = [first_out(notice) for notice in announcements(service)]
    out = [moment for moment in of_this_date if moment]
    ever_out = [moment for moment in map(first_out, _all_announcements(service)) if moment]
    if not out or len(out) < len(of_this_date):
        return None
    if (service.delete_on - service.today(min(ever_out))).days < FRESH_NOTICE_DAYS:
        return None
    return max(earliest_deletion(service, ladder), max(out) + LAST_NOTICE_OUT)


def _wait(service: Subscription, until: datetime, *, at: datetime) -> str:
    Subscription.objects.filter(pk=service.pk).update(next_action_at=max(until, at + timedelta(minutes=1)))
    return "waits"
