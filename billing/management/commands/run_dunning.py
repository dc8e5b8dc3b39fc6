"""Notify, remind, warn, suspend and cancel, as due."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from billing import dunning
from billing.batches import Counts, Watch
from billing.management.base import MomentCommand
from billing.scope import Scope


class Command(MomentCommand):
    help = "Notify, remind, warn, suspend and cancel, as due."

    def run(self, *, at: datetime, scope: Scope, watch: Watch) -> Counts:
        return dunning.run(at=at, scope=scope, watch=watch)

    def waiting(self, *, at: datetime, scope: Scope) -> Counts:
        return Counter({"accounts": len(dunning.due_accounts(at=at, scope=scope))})
