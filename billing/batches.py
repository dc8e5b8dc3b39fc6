"""
Work through accounts, one transaction each, with the account row locked.

A poison account costs one account: it is logged, counted and put before staff, and
the others go on. Without a database nobody can be told, so that ends the run.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from django.db import transaction

from .models import Account, TaskKind
from .passing import tried_again
from .staffing import ask_staff

logger = logging.getLogger(__name__)

Counts = Counter[str]
Watch = Callable[[Iterable[int]], Iterable[int]]


def unwatched(pks: Iterable[int]) -> Iterable[int]:
    """Walk without showing progress."""
    return pks


def for_each_account(
    pks: Iterable[int], act: Callable[[Account], Counts], *, job: str, at: datetime, watch: Watch = unwatched
) -> Counts:
    """
    Call ``act`` with each locked account in a transaction of its own and add up what it counts.

    Failures are counted as ``failed``.
    """
    counts: Counts = Counter()
    for pk in watch(pks):
        with guarded(counts, pk, job=job, at=at):
            counts += _act_on(pk, act)
    return counts


@tried_again
@transaction.atomic
def _act_on(pk: int, act: Callable[[Account], Counts]) -> Counts:
    return act(Account.objects.locked().get(pk=pk))


class guarded:
    """Keep one account's failure from stopping the others, and never silently."""

    def __init__(self, counts: Counts, pk: int, *, job: str, at: datetime) -> None:
        self.counts, self.pk, self.job, self.at = counts, pk, job, at

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> bool:
        if not isinstance(error, Exception):
            return False
        # First, as this raises when it is the database that went away: no account is to blame then.
        ask_staff(
            TaskKind.ACCOUNT_FAILED,
            key=f"{self.job}:{self.pk}",
            account=Account.objects.get(pk=self.pk),
            at=self.at,
            job=self.job,
            error=type(error).__name__,
        )
        logger.error("%s failed for account %s", self.job, self.pk, exc_info=error)
        self.counts["failed"] += 1
        return True
