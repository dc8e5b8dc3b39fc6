"""The only place that reads the clock; everything below the edges takes time as an argument."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones


def now() -> datetime:
    """Return the present moment, aware, in UTC."""
    return datetime.now(UTC)  # noqa: TID251


@lru_cache(maxsize=1)
def zones() -> frozenset[str]:
    """Return the IANA names of the time zones known here."""
    return frozenset(available_timezones())


def local_date(moment: datetime, zone: str) -> date:
    """Return the date that people in ``zone`` (an IANA name) read at ``moment``."""
    return moment.astimezone(ZoneInfo(zone)).date()


def local_moment(day: date, hour: int, zone: str) -> datetime:
    """Return ``hour`` o'clock of ``day`` as people in ``zone`` read it, in UTC."""
    return datetime.combine(day, time(hour), tzinfo=ZoneInfo(zone)).astimezone(UTC)


def noon(day: date, zone: str) -> datetime:
    """Return noon of ``day`` in ``zone``: what ``--on`` means."""
    return local_moment(day, 12, zone)


def days_later(moment: datetime, days: int, zone: str) -> datetime:
    """Return the same time of day, as people in ``zone`` read it, ``days`` later; summer time may come between."""
    return (moment.astimezone(ZoneInfo(zone)) + timedelta(days=days)).astimezone(UTC)
