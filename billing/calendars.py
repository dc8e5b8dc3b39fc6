"""
Business days and the days on which a service may be stopped.

Public holidays come from the ``holidays`` package, by ISO 3166-1 country; a country
it does not know has none.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache

import holidays

THURSDAY = 3
FRIDAY = 4
ONE_DAY = timedelta(days=1)


@lru_cache(maxsize=256)
def _public_holidays(country: str, year: int) -> frozenset[date]:
    if country not in holidays.list_supported_countries():
        return frozenset()
    return frozenset(holidays.country_holidays(country, years=year))


def is_public_holiday(day: date, country: str) -> bool:
    return day in _public_holidays(country, day.year)


def is_business_day(day: date, country: str) -> bool:
    return day.weekday() <= FRIDAY and not is_public_holiday(day, country)


def is_stop_day(day: date, country: str) -> bool:
    """Say whether help is at hand: Monday to Thursday, not on or before a public holiday."""
    near_holiday = is_public_holiday(day, country) or is_public_holiday(day + ONE_DAY, country)
    return day.weekday() <= THURSDAY and not near_holiday


def first_stop_day(day: date, country: str) -> date:
    """Return ``day`` or the next day on which a service may be stopped."""
    while not is_stop_day(day, country):
        day += ONE_DAY
    return day


def add_business_days(day: date, days: int, country: str) -> date:
    """Return the date that is ``days`` business days after ``day``."""
    while days:
        day += ONE_DAY
        days -= is_business_day(day, country)
    return day
