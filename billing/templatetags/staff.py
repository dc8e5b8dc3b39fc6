"""What the staff's templates need: amounts as people write them, the tasks that wait, and what stops tomorrow."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django import template
from django.db.models import Count, Q, QuerySet

from .. import clock, tomorrow, written
from ..models import StaffTask
from ..money import Money
from ..tomorrow import Stop

register = template.Library()

FIRST_TASKS = 10


@register.filter
def money(amount: Money) -> str:
    return written.amount(amount)


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many tasks are open at a moment, and how many of those should have been done."""

    open: int
    overdue: int
    at: datetime


@register.simple_tag
def count_tasks() -> Waiting:
    at = clock.now()
    counted = StaffTask.objects.filter(done_at=None).aggregate(
        open=Count("pk"), overdue=Count("pk", filter=Q(due_at__lt=at))
    )
    return Waiting(at=at, **counted)


@register.simple_tag
def open_tasks() -> QuerySet[StaffTask]:
    """Return the tasks nobody has done yet, the most urgent first."""
    waiting = StaffTask.objects.filter(done_at=None).order_by("due_at", "pk")
    return waiting.select_related("account", "taken_by")[:FIRST_TASKS]


@register.simple_tag
def stops_tomorrow() -> list[Stop]:
    return tomorrow.stops(at=clock.now())
