"""Find out what became of undecided payments, and compare our payments with the gateway's charges."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

from django.core.management.base import CommandParser

from billing import clock, reconciling
from billing.batches import Counts, Watch
from billing.gateways.base import GatewayUnavailable
from billing.management.base import MomentCommand, moment
from billing.models import Payment
from billing.scope import Scope


class Command(MomentCommand):
    help = "Find out what became of undecided payments, and compare our payments with the gateway's charges."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--since", type=moment, metavar="MOMENT", help="compare charges since MOMENT")

    def handle(self, *args: Any, **options: Any) -> None:
        self.since: datetime | None = options["since"]
        super().handle(*args, **options)

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
        payments = Payment.objects.undecided().filter(next_action_at__lte=at)
        return Counter(payments=scope.limit(payments).count())
