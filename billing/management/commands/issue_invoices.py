"""Issue an invoice for every period that has begun."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from billing import invoicing
from billing.batches import Counts, Watch
from billing.management.base import MomentCommand
from billing.scope import Scope


class Command(MomentCommand):
    help = "Issue an invoice for every period that has begun."

    def run(self, *, at: datetime, scope: Scope, watch: Watch) -> Counts:
        return invoicing.run(at=at, scope=scope, watch=watch)

    def waiting(self, *, at: datetime, scope: Scope) -> Counts:
        return Counter({"accounts": len(invoicing.due_accounts(at=at, scope=scope))})
