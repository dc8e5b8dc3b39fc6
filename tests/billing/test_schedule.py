"""Dates of the ladder: anchored on the due date, never sooner than announced."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing import clock
from billing.calendars import is_stop_day
from billing.schedule import CHECKS, Ladder, add_months, next_check, planned_stop_day, stop_day

LADDER = Ladder(notices=(-7, 0), reminders=(3, 7, 12, 18), charges=(1, 3, 6, 9, 13, 20))
DUE = date(2026, 3, 2)
BEGUN = datetime(2026, 3, 2, 9, tzinfo=UTC)

days = st.dates(min_value=date(2020, 1, 1), max_value=date(2035, 12, 31))


def months_on(day: date, count: int) -> list[date]:
    dates = [day]
    for _ in range(count):
        dates.append(add_months(dates[-1], 1, anchor_day=day.day))
    return dates


def test_an_anchor_of_31_stays_31():
    assert months_on(date(2027, 12, 31), 5) == [
        date(2027, 12, 31),
        date(2028, 1, 31),
        date(2028, 2, 29),
        date(2028, 3, 31),
        date(2028, 4, 30),
        date(2028, 5, 31),
    ]


def test_a_year_from_leap_day_ends_on_the_28th_and_comes_back():
    after_one = add_months(date(2028, 2, 29), 12, anchor_day=29)

    assert after_one == date(2029, 2, 28)
    assert add_months(after_one, 36, anchor_day=29) == date(2032, 2, 29)


@given(days, st.integers(min_value=0, max_value=60))
def test_months_are_never_skipped(day: date, months: int):
    later = add_months(day, months, anchor_day=day.day)

    assert (later.year * 12 + later.month) - (day.year * 12 + day.month) == months
    assert later.day <= day.day


@pytest.mark.parametrize(
    ("days_past", "after", "due"),
    [(2, 0, None), (3, 0, 3), (6, 3, None), (7, 3, 7), (13, 0, 12), (40, 0, 18), (40, 18, None)],
)
def test_only_the_highest_reminder_is_due(days_past: int, after: int, due: int | None):
    assert LADDER.reminder_due(days_past, after=after) == due


@pytest.mark.parametrize(("days_past", "following"), [(-3, 1), (0, 1), (1, 3), (13, 20), (20, None)])
def test_tries_are_counted_from_the_due_date(days_past: int, following: int | None):
    assert LADDER.next_charge(days_past) == following


@pytest.mark.parametrize(("days_past", "following"), [(-30, -7), (-7, 0), (-1, 0), (0, None)])
def test_notices_come_before_the_due_date(days_past: int, following: int | None):
    assert LADDER.next_notice(days_past) == following


@pytest.mark.parametrize(
    ("days_left", "given_before", "due"),
    [(61, None, None), (60, None, 60), (59, None, 60), (30, 60, 30), (5, 60, 7), (5, 7, None), (1, 7, 1), (1, 1, None)],
)
def test_the_most_urgent_deletion_notice_is_given_once(days_left: int, given_before: int | None, due: int | None):
    assert LADDER.deletion_notice_due(days_left, given=given_before) == due


def test_a_stop_on_a_friday_moves_to_monday():
    friday, monday = date(2026, 2, 27), date(2026, 3, 2)

    stop = stop_day(LADDER, due_on=friday - timedelta(days=21), announced_on=date(2026, 2, 20), country="NL")

    assert stop == monday


def test_a_stop_is_not_put_on_or_before_a_public_holiday():
    # 21 days after 22 April 2026 is the day before Ascension Day; Friday and the weekend follow.
    stop = stop_day(LADDER, due_on=date(2026, 4, 22), announced_on=date(2026, 5, 6), country="NL")

    assert stop == date(2026, 5, 18)


@given(days, st.integers(min_value=0, max_value=400), st.sampled_from(["NL", "DE", "US", "XX"]))
def test_a_service_never_stops_before_its_lead_or_its_rung(due_on: date, late: int, country: str):
    announced_on = due_on + timedelta(days=late)

    stop = stop_day(LADDER, due_on=due_on, announced_on=announced_on, country=country)

    assert stop >= announced_on + timedelta(days=LADDER.warn_lead)
    assert stop >= due_on + timedelta(days=LADDER.suspend_day)
    assert is_stop_day(stop, country)


@given(days, st.integers(min_value=0, max_value=13))
def test_the_planned_stop_is_the_one_that_is_announced_later(due_on: date, early: int):
    today = due_on + timedelta(days=early)

    planned = planned_stop_day(LADDER, due_on=due_on, warn_on=due_on + timedelta(days=14), today=today, country="NL")

    assert planned == stop_day(LADDER, due_on=due_on, announced_on=due_on + timedelta(days=14), country="NL")


def test_checks_grow_from_seconds_to_days_and_end_after_a_week():
    at, moments = BEGUN, []
    for _ in range(60):
        following = next_check(created_at=BEGUN, at=at)
        if following is None:
            break
        moments.append(following - BEGUN)
        at = following

    assert moments[:4] == list(CHECKS)
    assert moments[4:7] == [timedelta(hours=2), timedelta(hours=3), timedelta(hours=4)]
    assert moments[-1] == timedelta(days=7)
    assert {later - sooner for sooner, later in pairwise(moments[27:])} == {timedelta(days=1)}


@given(st.integers(min_value=0, max_value=10**6))
def test_the_next_check_is_always_ahead(seconds: int):
    at = BEGUN + timedelta(seconds=seconds)

    following = next_check(created_at=BEGUN, at=at)

    assert following is None or following >= at + CHECKS[0]


@pytest.mark.parametrize(
    ("zone", "day", "hour"), [("Europe/Amsterdam", date(2026, 3, 29), 10), ("Europe/Amsterdam", date(2026, 10, 25), 10)]
)
def test_ten_o_clock_is_ten_o_clock_when_the_clocks_change(zone: str, day: date, hour: int):
    before = clock.local_moment(day - timedelta(days=1), hour, zone)
    after = clock.local_moment(day, hour, zone)

    assert clock.days_later(before, 1, zone) == after
    assert abs(after - before - timedelta(hours=24)) == timedelta(hours=1)


def test_the_same_moment_falls_on_different_dates():
    moment = datetime(2026, 3, 2, 11, 30, tzinfo=UTC)

    assert clock.local_date(moment, "Pacific/Auckland") == date(2026, 3, 3)
    assert clock.local_date(moment, "America/Los_Angeles") == date(2026, 3, 2)
