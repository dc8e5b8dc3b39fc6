"""Run the whole night: reconcile, issue, collect, dun, retain, send."""

from __future__ import annotations

from datetime import datetime

from billing.batches import Counts, Watch
from billing.management.base import MomentCommand
from billing.scope import Scope
from portal import daily


class Command(MomentCommand):
    help = "Run the whole night: reconcile, issue, collect, dun, retain, send."

    def run(self, *, at: datetime, scope: Scope, watch: Watch) -> Counts:
        return daily.run(at=at, scope=scope, watch=watch)

    def waiting(self, *, at: datetime, scope: Scope) -> Counts:
        return daily.waiting(at=at, scope=scope)
