"""F28: whatever the clock does, no step of dunning is skipped, taken twice or taken before its day."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from billing import schedule
from billing.models import Event, Subscription
from tests.billing.acting import live_through, owing, run_jobs, send_notices
from tests.factories import MONDAY, InvoiceFactory, PaymentMethodFactory, SubscriptionFactory

pytestmark = pytest.mark.django_db

ZONES = ("Europe/Amsterdam", "Pacific/Auckland", "America/Los_Angeles")
LADDER = (
    (3, "dunning.reminded"),
    (7, "dunning.reminded"),
    (12, "dunning.reminded"),
    (14, "service.warned"),
    (18, "dunning.reminded"),
    (21, "service.suspended"),
)
NOTICES = ("dunning.reminded", "service.warned", "service.suspended", "service.canceled", "service.deletion_announced")


def refused(issued: dt.date, zone: str = ZONES[0]) -> Subscription:
    service = SubscriptionFactory(account__time_zone=zone, next_invoice_at=None, started_on=issued)
    InvoiceFactory(subscription=service, issued=issued)
    PaymentMethodFactory(account=service.account, card="stolen")
    return service


def steps(service: Subscription) -> list[tuple[str, dt.date]]:
    """Return what was told to whom it concerns, and on which of their days."""
    events = Event.objects.filter(account=service.account, type__in=NOTICES).order_by("pk")
    return [(event.type, service.account.today(event.at)) for event in events]


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize(
    "issued",
    [dt.date(2026, 10, 5), dt.date(2027, 3, 8), dt.date(2028, 2, 8), dt.date(2026, 12, 14)],
    ids=["over the hour that comes twice", "over the hour that is missing", "over 29 February", "over New Year"],
)
def test_each_step_is_taken_once_on_its_own_day(zone: str, issued: dt.date):
    service = refused(issued, zone)

    live_through(service.account, issued, 50)

    taken = steps(service)
    reminders = [(day - issued).days for kind, day in taken if kind == "dunning.reminded"]
    kinds = [kind for kind, _ in taken]
    assert reminders == [3, 7, 12, 18]
    assert kinds.count("service.warned") == kinds.count("service.suspended") == 1
    assert dict(taken)["service.suspended"] >= dict(taken)["service.warned"] + dt.timedelta(days=7)


@pytest.mark.parametrize("zone", ZONES)
def test_a_stop_is_at_ten_by_the_clock_of_the_account_on_either_side_of_a_change(zone: str):
    for issued in (dt.date(2026, 10, 5), dt.date(2027, 3, 8)):
        service = refused(issued, zone)
        live_through(service.account, issued, 16)
        service.refresh_from_db()

        assert service.suspend_at is not None
        assert service.suspend_at.astimezone(ZoneInfo(zone)).hour == schedule.STOP_HOUR


def test_a_clock_that_goes_back_an_hour_repeats_nothing():
    service = refused(MONDAY)
    live_through(service.account, MONDAY, 13)
    at = service.account.moment(MONDAY + dt.timedelta(days=14), 12)
    run_jobs(at)
    send_notices(at)
    before = steps(service)

    run_jobs(at - dt.timedelta(hours=1))
    run_jobs(at)

    assert steps(service) == before


def test_forty_days_without_a_run_stop_nothing_that_was_not_announced():
    service = refused(MONDAY)
    run_jobs(service.account.moment(MONDAY, 12))

    run_jobs(service.account.moment(MONDAY + dt.timedelta(days=40), 12))

    assert [kind for kind, _ in steps(service)] == ["dunning.reminded", "service.warned"]
    service.refresh_from_db()
    assert service.suspend_at > service.account.moment(MONDAY + dt.timedelta(days=46), 0)


def test_the_thirty_first_stays_the_thirty_first_through_february():
    days = [dt.date(2028, 1, 31)]
    for _ in range(3):
        days.append(schedule.period_after(days[-1], interval="month", anchor_day=31))

    assert days[1:] == [dt.date(2028, 2, 29), dt.date(2028, 3, 31), dt.date(2028, 4, 30)]


@pytest.mark.parametrize(("times", "on_other_days"), [(1, 0), (1, 1), (2, 1), (50, 0)])
def test_a_job_run_never_once_or_fifty_times_a_day_sends_the_same_notices(times: int, on_other_days: int):
    service = owing("stolen")

    for day in range(23):
        at = service.account.moment(MONDAY + dt.timedelta(days=day), 12)
        for n in range(times if day == 0 or day in dict(LADDER) else on_other_days):
            run_jobs(at + dt.timedelta(minutes=n))
        send_notices(at + dt.timedelta(hours=1))

    assert steps(service) == [(kind, MONDAY + dt.timedelta(days=day)) for day, kind in LADDER]
