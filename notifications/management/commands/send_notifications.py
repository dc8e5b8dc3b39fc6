"""Make mail of what has happened, and send what is due."""

from __future__ import annotations

import argparse
import signal
import threading
from collections import Counter
from datetime import datetime
from typing import Any

from django.core.management.base import CommandParser
from django.db import close_old_connections

from billing import clock
from billing.batches import Counts, Watch
from billing.management.base import MomentCommand
from billing.models import Event
from billing.scope import EVERYONE, Scope
from notifications import delivery, dispatching
from notifications.models import Delivery
from notifications.rules import RULES

PAUSE = 2.0
# Mails in a round of the loop, so that it ends soon after it is told to.
ROUND = 50


def number(text: str) -> int:
    """Read a count."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of mails")
    return int(text)


class Command(MomentCommand):
    help = "Make mail of events and send what is due. Exits 1 when the mail server could not be reached."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--limit", type=number, metavar="N", help="send at most N mails")
        parser.add_argument("--loop", action="store_true", help="go on every two seconds, until stopped")

    def handle(self, *args: Any, **options: Any) -> None:
        self.limit: int | None = options["limit"]
        if options["loop"]:
            self.loop()
        else:
            super().handle(*args, **options)

    def run(self, *, at: datetime, scope: Scope, watch: Watch) -> Counts:
        return dispatching.dispatch(at=at, scope=scope) + delivery.send_due(at=at, scope=scope, limit=self.limit)

    def waiting(self, *, at: datetime, scope: Scope) -> Counts:
        events = scope.limit(Event.objects.undispatched().filter(type__in=RULES))
        mails = scope.limit(Delivery.objects.sendable(at=at))
        return Counter({"events": events.count(), "mails": mails.count()})

    def loop(self) -> None:
        """Work until SIGTERM or SIGINT; the round that has begun is finished first."""
        stop = threading.Event()
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: stop.set())
        self.limit = self.limit or ROUND
        while not stop.is_set():
            close_old_connections()
            counts = self.run(at=clock.now(), scope=EVERYONE, watch=self.watch())
            if counts.total() > counts["waits"]:
                self.say(counts)
            if counts["sent"] < self.limit:
                stop.wait(PAUSE)
