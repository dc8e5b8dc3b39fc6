"""Issue an invoice for every period that has begun."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from billing import invoicing
from billing.batches import Counts, Watch
from billing.management.base import MomentCommand


class Command(MomentCommand):
    help = "Issue an invoice for every period that has begun."

    def run(self, *, at: datetime, zone: str | None, watch: Watch) -> Counts:
        return invoicing.run(at=at, zone=zone, watch=watch)

    def waiting(self, *, at: datetime, zone: str | None) -> Counts:
        return Counter({"accounts": len(invoicing.due_accounts(at=at, zone=zone))})
