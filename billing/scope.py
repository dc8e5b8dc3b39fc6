"""Which accounts a job is for: all of them, those of one time zone, or one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

from django.db.models import QuerySet

Rows = TypeVar("Rows", bound=QuerySet[Any])


@dataclass(frozen=True, slots=True)
class Scope:
    """A limit to accounts of one IANA time zone, or to one account's reference; empty means no limit."""

    zone: str = ""
    account: str = ""

    def limit(self, rows: Rows) -> Rows:
        """Keep the rows whose ``account`` is in the scope."""
        if self.zone:
            rows = rows.filter(account__time_zone=self.zone)
        if self.account:
            rows = rows.filter(account__reference=self.account)
        return rows

    def account_pks(self, rows: QuerySet[Any]) -> list[int]:
        """Return the keys of the accounts that the rows in scope belong to, in order."""
        pks = self.limit(rows).order_by("account_id").values_list("account_id", flat=True)
        return list(pks.distinct())


EVERYONE = Scope()
