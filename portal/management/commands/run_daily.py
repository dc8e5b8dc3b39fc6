"""Run the whole night: reconcile, issue, collect, dun, retain, send."""

from __future__ import annotations

from datetime import datetime

from billing.batches import Counts, Watch
from billing.management.base import MomentCommand
from portal import daily


class Command(MomentCommand):
    help = "Run the whole night: reconcile, issue, collect, dun, retain, send."

    def run(self, *, at: datetime, zone: str | None, watch: Watch) -> Counts:
        return daily.run(at=at, zone=zone, watch=watch)

    def waiting(self, *, at: datetime, zone: str | None) -> Counts:
        return daily.waiting(at=at, zone=zone)
