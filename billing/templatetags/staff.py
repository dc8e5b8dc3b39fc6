"""What the staff's templates need: amounts as people write them, and the tasks that wait."""

from __future__ import annotations

from django import template
from django.db.models import QuerySet

from .. import written
from ..models import StaffTask
from ..money import Money

register = template.Library()

FIRST_TASKS = 10


@register.filter
def money(amount: Money) -> str:
    return written.amount(amount)


@register.simple_tag
def open_tasks() -> QuerySet[StaffTask]:
    """Return the tasks nobody has done yet, the most urgent first."""
    waiting = StaffTask.objects.filter(done_at=None).order_by("due_at", "pk")
    return waiting.select_related("account", "taken_by")[:FIRST_TASKS]
