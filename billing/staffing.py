"""What a person must look at: nothing ends silently."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q

from .models import Account, Payment, StaffTask, User


def ask_staff(
    kind: str,
    *,
    key: str,
    at: datetime,
    account: Account | None = None,
    payment: Payment | None = None,
    within: timedelta = timedelta(days=1),
    **codes: Any,
) -> StaffTask:
    """Open a task, or return the one that is open for ``key`` already."""
    task, _ = StaffTask.objects.get_or_create(
        key=key,
        done_at=None,
        defaults={
            "kind": kind,
            "account": account,
            "payment": payment,
            "codes": codes,
            "opened_at": at,
            "due_at": at + within,
        },
    )
    return task


class AlreadyTaken(Exception):
    """Someone else has the task."""


class AlreadyDone(Exception):
    """Nothing is left to do for the task."""


def take(task: StaffTask, *, by: User) -> StaffTask:
    """Put a name on an open task; taking one's own again is a no-op. Raises ``AlreadyTaken``, ``AlreadyDone``."""
    open_task = StaffTask.objects.filter(pk=task.pk, done_at=None)
    taken = open_task.filter(Q(taken_by=None) | Q(taken_by=by)).update(taken_by=by)
    task.refresh_from_db()
    if not taken:
        raise AlreadyDone(task) if task.done_at else AlreadyTaken(task)
    return task


def finish(task: StaffTask, *, by: User, at: datetime) -> StaffTask:
    """Close a task, whoever had taken it: the one who says it is done is named. Raises ``AlreadyDone``."""
    if not StaffTask.objects.filter(pk=task.pk, done_at=None).update(done_at=at, taken_by=by):
        raise AlreadyDone(task)
    task.refresh_from_db()
    return task
