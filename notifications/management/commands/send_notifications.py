"""Make mail of what has happened, and send what is due."""

from __future__ import annotations

import argparse
from datetime import datetime
from typing import Any

from django.core.management.base import CommandParser

from billing.batches import Counts, Watch
from billing.management.looping import LoopingCommand
from billing.scope import Scope
from notifications import delivery, dispatching

# Mails in a round of the loop, so that it ends soon after it is told to.
ROUND = 50


def number(text: str) -> int:
    """Read a count."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of mails")
    return int(text)


class Command(LoopingCommand):
    help = "Make mail of events and send what is due. Exits 1 when the mail server could not be reached."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--limit", type=number, metavar="N", help="send at most N mails")

    def handle(self, *args: Any, **options: Any) -> None:
        self.limit: int | None = options["limit"]
        super().handle(*args, **options)

    def run(self, *, at: datetime, scope: Scope, watch: Watch) -> Counts:
        return dispatching.dispatch(at=at, scope=scope) + delivery.send_due(at=at, scope=scope, limit=self.limit)

    def waiting(self, *, at: datetime, scope: Scope) -> Counts:
        return delivery.waiting(at=at, scope=scope)

    def tick(self, *, at: datetime) -> Counts:
        """Do a round, so that the loop ends soon after it is told to."""
        return dispatching.dispatch(at=at) + delivery.send_due(at=at, limit=self.limit or ROUND)

    def is_busy(self, counts: Counts) -> bool:
        return counts["sent"] >= (self.limit or ROUND)
