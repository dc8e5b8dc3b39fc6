"""Try the card of every account with an automatic charge due."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from billing import charging
from billing.batches import Counts, Watch
from billing.management.base import MomentCommand
from billing.scope import Scope


class Command(MomentCommand):
    help = "Try the card of every account with an automatic charge due."

    def run(self, *, at: datetime, scope: Scope, watch: Watch) -> Counts:
        return charging.collect(at=at, scope=scope, watch=watch)

    def waiting(self, *, at: datetime, scope: Scope) -> Counts:
        return Counter({"accounts": len(charging.due_accounts(at=at, scope=scope))})
