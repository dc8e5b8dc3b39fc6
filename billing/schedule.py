"""
When what is due: pure functions of a ladder and dates.

Everything is anchored on a due date, never on a chain of timers, so a late run or a
repeated one comes to the same answer.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from .calendars import first_stop_day

INVOICE_HOUR = 6
NOTICE_HOUR = 8
CHARGE_HOUR = 9
STOP_HOUR = 10


@dataclass(frozen=True, slots=True)
class Ladder:
    """The rungs of one policy version, in days; see ``billing.models.dunning.Act`` for what they count from."""

    notices: tuple[int, ...] = ()
    reminders: tuple[int, ...] = ()
    charges: tuple[int, ...] = ()
    warn_day: int = 14
    warn_lead: int = 7
    suspend_day: int = 21
    cancel_after: int = 30
    card_expiry: tuple[int, ...] = ()
    deletion_notices: tuple[int, ...] = (60, 30, 7, 1)
    delete_after: int = 90

    def reminder_due(self, days: int, *, after: int) -> int | None:
        """Return the highest reminder due ``days`` after the due date, if it is above ``after``."""
        due = [day for day in self.reminders if after < day <= days]
        return max(due, default=None)

    def next_reminder(self, days: int) -> int | None:
        return min((day for day in self.reminders if day > days), default=None)

    def next_charge(self, days: int) -> int | None:
        return min((day for day in self.charges if day > days), default=None)

    def next_notice(self, days: int) -> int | None:
        """Return the next notice day (negative before the due date) after ``days``."""
        return min((day for day in self.notices if day > days), default=None)

    def expiry_notice_due(self, days_left: int) -> int | None:
        """Return the most urgent notice of a card's expiry due with ``days_left``."""
        return min((day for day in self.card_expiry if day >= days_left), default=None)

    def next_expiry_notice(self, days_left: int) -> int | None:
        return max((day for day in self.card_expiry if day < days_left), default=None)

    def deletion_notice_due(self, days_left: int, *, given: int | None) -> int | None:
        """Return the most urgent deletion notice due with ``days_left``, unless one as urgent was given."""
        due = min((day for day in self.deletion_notices if day >= days_left), default=None)
        return due if due is not None and (given is None or due < given) else None

    def next_deletion_notice(self, days_left: int) -> int | None:
        return max((day for day in self.deletion_notices if day < days_left), default=None)


def stop_day(ladder: Ladder, *, due_on: date, announced_on: date, country: str) -> date:
    """Return the first day allowed for the stop: its rung, its notice's lead, and a day with help at hand."""
    rung = due_on + timedelta(days=ladder.suspend_day)
    lead = announced_on + timedelta(days=ladder.warn_lead)
    return first_stop_day(max(rung, lead), country)


def planned_stop_day(ladder: Ladder, *, due_on: date, warn_on: date, today: date, country: str) -> date:
    """Return the day the service will stop if nobody pays, before it is announced."""
    announced_on = max(warn_on, today)
    return stop_day(ladder, due_on=due_on, announced_on=announced_on, country=country)


def days_covered(spells: Iterable[tuple[date, date]], *, since: date) -> int:
    """Return how many days from ``since`` on the spells cover; days in several of them count once."""
    covered, reached = 0, since
    for start, end in sorted(spells):
        begin = max(start, reached)
        if end > begin:
            covered += (end - begin).days
            reached = end
    return covered


# From then on a payment without an answer no longer stands in the way of another.
UNKNOWN_TOO_LONG = timedelta(hours=1)
CHECKS = (timedelta(seconds=30), timedelta(minutes=2), timedelta(minutes=10), timedelta(hours=1))
CHECKED_HOURLY = timedelta(hours=24)
CHECKED_DAILY = timedelta(days=7)


def next_check(*, created_at: datetime, at: datetime) -> datetime | None:
    """
    Return when to ask the gateway again about a payment without an end; ``None`` after a week.

    At 30 s, 2 min, 10 min and 1 h of its age, then hourly for a day, then daily: by its age
    alone, so that people who look for themselves make nothing rarer.
    """
    age = at - created_at
    following = next((created_at + rung for rung in CHECKS if rung > age), None)
    if following is not None:
        return max(following, at + CHECKS[0])
    if age < CHECKED_HOURLY:
        return at + timedelta(hours=1)
    if age < CHECKED_DAILY:
        return at + timedelta(days=1)
    return None


MONTHS = {"month": 1, "year": 12}


def period_after(start: date, *, interval: str, anchor_day: int) -> date:
    """Return the first day of the period after the one that begins on ``start``; anchor day 31 stays 31."""
    return add_months(start, MONTHS[interval], anchor_day=anchor_day)


def add_months(day: date, months: int, *, anchor_day: int) -> date:
    """Return the date ``months`` later that falls on ``anchor_day``, or on the month's last day when shorter."""
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    first_of_next = date(year + (month + 1) // 12, (month + 1) % 12 + 1, 1)
    last = (first_of_next - timedelta(days=1)).day
    return date(year, month + 1, min(anchor_day, last))
