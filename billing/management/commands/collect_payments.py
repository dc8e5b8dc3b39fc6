"""Try the card of every account with an automatic charge due."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from billing import charging
from billing.batches import Counts, Watch
from billing.management.base import MomentCommand


class Command(MomentCommand):
    help = "Try the card of every account with an automatic charge due."

    def run(self, *, at: datetime, zone: str | None, watch: Watch) -> Counts:
        return charging.collect(at=at, zone=zone, watch=watch)

    def waiting(self, *, at: datetime, zone: str | None) -> Counts:
        return Counter({"accounts": len(charging.due_accounts(at=at, zone=zone))})
