"""Commands that can go on and on, as a service beside the web server."""

from __future__ import annotations

import logging
import signal
import threading
from collections import Counter
from datetime import datetime
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import close_old_connections

from billing import clock
from billing.batches import Counts, unwatched
from billing.scope import EVERYONE

from .base import MomentCommand

logger = logging.getLogger(__name__)

PAUSE_SECONDS = 2.0
NOT_IN_A_LOOP = ("on", "at", "account", "dry_run")


class LoopingCommand(MomentCommand):
    """
    A command with ``--loop``: every two seconds it does what is due, until it is told to stop.

    SIGTERM and SIGINT let the work in hand finish first.
    """

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--loop", action="store_true", help="go on every two seconds, until stopped")

    def needs_database(self, options: dict[str, Any]) -> bool:
        """A loop waits for a database that is away."""
        return not options["loop"]

    def handle(self, *args: Any, **options: Any) -> None:
        if options["loop"]:
            self.refuse_limits(options)
            self.loop()
        else:
            super().handle(*args, **options)

    def refuse_limits(self, options: dict[str, Any]) -> None:
        """A loop is for everyone and for now; what it would pass over in silence is bad input."""
        given = [f"--{name.replace('_', '-')}" for name in NOT_IN_A_LOOP if options[name]]
        if given:
            raise CommandError(f"{self.name}: --loop is for everyone and now; without {', '.join(given)}", returncode=2)

    def tick(self, *, at: datetime) -> Counts:
        """Do what is due, once."""
        return self.run(at=at, scope=EVERYONE, watch=unwatched)

    def is_busy(self, counts: Counts) -> bool:
        """Say whether there is more to do at once."""
        return False

    def loop(self) -> None:
        stop = threading.Event()
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: stop.set())
        while not stop.is_set():
            close_old_connections()
            counts = self.round()
            if counts.total() > counts["waits"]:
                self.say(counts)
            if not self.is_busy(counts):
                stop.wait(PAUSE_SECONDS)

    def round(self) -> Counts:
        """Do what is due; a database that is away for a moment must not end the loop."""
        try:
            return self.tick(at=clock.now())
        except Exception:
            logger.exception("%s: a round failed; the next one follows", self.name)
            return Counter()
