"""
The other way: nobody pays, and each step comes on its announced day, never earlier.

Once through the real pieces, day by day; then under many patterns of runs, in process.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pytest

from billing import clock
from billing.models import Account, Event, Subscription
from portal import daily
from tests.factories import MONDAY, AccountFactory, MembershipFactory, PaymentMethodFactory, SubscriptionFactory

DAY, HOUR = dt.timedelta(days=1), dt.timedelta(hours=1)
KEPT = 90 * DAY
# Until the stop, 30 days until cancellation, 90 days until deletion, and some days for weekends and notices.
LONG_ENOUGH = 27 + 30 + 90 + 8


def test_nobody_pays_and_everything_happens_on_the_days_that_the_mails_announced(begin):
    world = begin(LONG_ENOUGH)
    world.pass_from(0)

    [stopped], [canceled], [due] = map(world.days_of, ("service.suspended", "service.canceled", "service.deletion_due"))
    letters = {letter.kind: letter for letter in world.letters}
    assert letters["suspended"].steps()["cancel"].date() == canceled == stopped + 30 * DAY
    deletions = [letter for letter in world.letters if letter.kind == "deletion"]
    delete_on = canceled + KEPT
    assert {day for letter in (letters["canceled"], *deletions) for day in letter.announced()} == {delete_on}
    assert [(delete_on - letter.day).days for letter in deletions] == [60, 30, 7, 1]
    # Ninety days of 24 hours: across the change to summer time, noon of the last day is an hour too early.
    assert delete_on <= due <= delete_on + DAY
    told = [letter for letter in world.letters if not letter.subject.startswith("Credit note")]
    assert len({letter.day for letter in told}) == len(told)
    for letter in told:
        assert min(letter.announced()) >= letter.day, letter.subject
    assert {world.access(service)["level"] for service in world.services} == {"export"}
    world.reconcile()
    world.check_books()


def with_a_card_that_is_declined() -> tuple[Account, Subscription]:
    account = AccountFactory()
    MembershipFactory(account=account)
    PaymentMethodFactory(account=account, card="insufficient_funds")
    return account, SubscriptionFactory(account=account, started_on=MONDAY)


def late_at_night() -> Iterator[dt.datetime]:
    return (moment(day, 23) for day in range(150))


def only_at_midnight() -> Iterator[dt.datetime]:
    return (moment(day, 0) for day in range(160))


def weekly() -> Iterator[dt.datetime]:
    return (moment(day, 12) for day in range(0, 250, 7))


def with_a_week_left_out_each_month() -> Iterator[dt.datetime]:
    return (moment(day, 12) for day in range(220) if day % 28 not in range(11, 18))


def with_months_left_out() -> Iterator[dt.datetime]:
    return (moment(day, 12) for day in range(300) if day not in range(30, 75) and day not in range(100, 190))


def hourly_around_every_step() -> Iterator[dt.datetime]:
    for day in range(146):
        hours = range(24) if day in (0, 1, 13, 14, 20, 21, 50, 51, 52, 140, 141, 142) else (12,)
        yield from (moment(day, hour) for hour in hours)


def moment(day: int, hour: int) -> dt.datetime:
    return clock.local_moment(MONDAY + day * DAY, hour, "Europe/Amsterdam")


@pytest.mark.django_db
@pytest.mark.usefixtures("money_ok")
@pytest.mark.parametrize(
    "pattern",
    [
        late_at_night,
        only_at_midnight,
        weekly,
        with_a_week_left_out_each_month,
        with_months_left_out,
        hourly_around_every_step,
    ],
    ids=lambda pattern: pattern.__name__.replace("_", " "),
)
def test_nothing_comes_earlier_than_announced_whenever_the_jobs_run(pattern):
    account, service = with_a_card_that_is_declined()

    for at in pattern():
        daily.run(at=at)

    assert_stopped_as_warned(account, service)
    assert_canceled_after_30_days(account, service)
    assert_deletion_is_due_after_90_days_and_all_notices(account, service)


def only(event_type: str, service: Subscription) -> Event:
    return Event.objects.get(type=event_type, subscription=service)


def out(event: Event) -> dt.datetime:
    """Return when the mail server took the first mail about an event."""
    return event.followed_by.filter(type="notice.sent").earliest("at").at


def assert_stopped_as_warned(account: Account, service: Subscription) -> None:
    suspended = only("service.suspended", service)
    warned = Event.objects.filter(type="service.warned", subscription=service, at__lt=suspended.at).latest("pk")
    announced = dt.datetime.fromisoformat(warned.codes["suspend_at"])
    assert announced <= suspended.at <= announced + DAY
    assert account.today(suspended.at) - account.today(out(warned)) >= 7 * DAY
    assert account.today(suspended.at) - MONDAY >= 21 * DAY


def assert_canceled_after_30_days(account: Account, service: Subscription) -> None:
    suspended, canceled = only("service.suspended", service), only("service.canceled", service)
    assert account.today(canceled.at) >= dt.date.fromisoformat(suspended.codes["cancel_on"])
    assert canceled.at >= clock.days_later(suspended.at, 30, account.time_zone)
    assert canceled.at >= out(suspended) + 7 * DAY


def assert_deletion_is_due_after_90_days_and_all_notices(account: Account, service: Subscription) -> None:
    canceled, due = only("service.canceled", service), only("service.deletion_due", service)
    service.refresh_from_db()
    assert due.at >= canceled.at + KEPT
    assert account.today(due.at) >= service.delete_on >= dt.date.fromisoformat(canceled.codes["delete_on"])
    announced = Event.objects.filter(type="service.deletion_announced", subscription=service)
    notices = [event for event in announced if event.codes["delete_on"] == service.delete_on.isoformat()]
    assert notices
    assert due.at >= max(map(out, notices)) + DAY
    assert service.delete_on - account.today(min(map(out, announced))) >= 14 * DAY
    assert service.state == "canceled"


@pytest.mark.django_db
def test_deletion_is_due_at_the_hour_and_not_an_hour_earlier():
    _, service = with_a_card_that_is_declined()
    for at in (moment(day, 12) for day in range(141)):
        daily.run(at=at)
    not_before = only("service.canceled", service).at + KEPT

    daily.run(at=not_before - HOUR)
    daily.run(at=not_before - dt.timedelta(seconds=1))
    assert not Event.objects.filter(type="service.deletion_due").exists()

    daily.run(at=not_before)
    assert only("service.deletion_due", service).at == not_before
