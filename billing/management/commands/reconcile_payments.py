"""Find out what became of undecided payments, and compare our payments with the gateway's charges."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

from django.core.management.base import CommandParser

from billing import clock, reconciling
from billing.batches import Counts, Watch
from billing.gateways.base import GatewayUnavailable
from billing.management.base import moment
from billing.management.looping import LoopingCommand
from billing.scope import Scope


class Command(LoopingCommand):
    help = "Find out what became of undecided payments, and compare our payments with the gateway's charges."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--since", type=moment, metavar="MOMENT", help="compare charges since MOMENT")

    def handle(self, *args: Any, **options: Any) -> None:
        self.since: datetime | None = options["since"]
        super().handle(*args, **options)

    def tick(self, *, at: datetime) -> Counts:
        """Look at webhooks, payments and visits; the lists are compared by the nightly run."""
        return reconciling.run(at=at)

    def run(self, *, at: datetime, scope: Scope, watch: Watch) -> Counts:
        counts = reconciling.run(at=at, scope=scope, watch=watch)
        try:
            differences = reconciling.compare(at=min(at, clock.now()), since=self.since)
        except GatewayUnavailable as error:
            self.stderr.write(f"reconcile_payments: the gateway cannot be asked: {error}")
            return counts + Counter(failed=1)
        for difference in differences:
            self.stderr.write(difference)
        return counts + Counter(failed=len(differences))

    def waiting(self, *, at: datetime, scope: Scope) -> Counts:
        return reconciling.waiting(at=at, scope=scope)
