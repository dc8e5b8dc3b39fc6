"""Business days, public holidays, and the days on which a service may stop."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.calendars import (
    add_business_days,
    first_stop_day,
    is_business_day,
    is_public_holiday,
    is_stop_day,
)

days = st.dates(min_value=date(2020, 1, 1), max_value=date(2035, 12, 31))
countries = st.sampled_from(["NL", "DE", "US", "JP", "XX"])

MONDAY = date(2026, 3, 2)


@pytest.mark.parametrize(
    ("offset", "allowed"), [(0, True), (1, True), (2, True), (3, True), (4, False), (5, False), (6, False)]
)
def test_services_stop_from_monday_to_thursday(offset: int, allowed: bool):  # noqa: FBT001
    assert is_stop_day(MONDAY + timedelta(days=offset), "NL") is allowed


def test_services_do_not_stop_on_a_public_holiday():
    kings_day = date(2026, 4, 27)

    assert is_public_holiday(kings_day, "NL")
    assert not is_stop_day(kings_day, "NL")


def test_services_do_not_stop_the_day_before_a_public_holiday():
    day_before_ascension = date(2026, 5, 13)

    assert not is_stop_day(day_before_ascension, "NL")
    assert is_stop_day(day_before_ascension - timedelta(days=1), "NL")


def test_a_holiday_of_another_country_does_not_count():
    kings_day = date(2026, 4, 27)

    assert is_stop_day(kings_day, "DE")


def test_new_year_counts_on_the_eve_of_it():
    assert not is_stop_day(date(2026, 12, 31), "NL")


def test_an_unknown_country_has_no_holidays():
    assert is_stop_day(date(2026, 12, 24), "XX")


@given(days, countries)
def test_the_first_stop_day_is_a_stop_day_within_two_weeks(day: date, country: str):
    stop = first_stop_day(day, country)

    assert is_stop_day(stop, country)
    assert day <= stop <= day + timedelta(days=14)


def test_good_friday_is_no_business_day_where_it_is_a_holiday():
    good_friday = date(2026, 4, 3)

    assert is_public_holiday(good_friday, "DE")
    assert not is_business_day(good_friday, "DE")
    assert is_business_day(good_friday - timedelta(days=1), "DE")


def test_business_days_skip_weekends_and_holidays():
    thursday_before_easter = date(2026, 4, 2)

    assert add_business_days(thursday_before_easter, 1, "DE") == date(2026, 4, 7)


@given(days, st.integers(min_value=0, max_value=20), countries)
def test_business_days_are_counted(day: date, count: int, country: str):
    end = add_business_days(day, count, country)

    passed = [day + timedelta(days=n) for n in range(1, (end - day).days + 1)]
    assert sum(is_business_day(each, country) for each in passed) == count
