"""What a person must look at: nothing ends silently."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from .models import Account, Payment, StaffTask


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
