"""
What every batch command shares: which moment it runs for, and how it ends.

``--on D`` means noon of D in each account's zone, ``--at`` one moment. A moment in the
future is refused outside of ``DEBUG``, one of days ago where weeks are not played
(``PAST_RUNS``), except with ``--dry-run``. Exit codes: 0 done,
1 something could not be processed, 2 bad input or settings.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from typing import Any, NoReturn

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.dateparse import parse_datetime
from rich.console import Console
from rich.progress import track

from billing import clock
from billing.batches import Counts, Watch
from billing.brakes import AbnormalRun
from billing.models import Account
from billing.scope import Scope

from . import databases

YEARS = range(2000, 3000)


# How far back a job may be run where time is not played with: ``--on`` of today, in the evening.
PLAYED_AGO = timedelta(days=1)


class OneLineParser(CommandParser):
    """Says what is wrong in one line, without the usage text."""

    def error(self, message: str) -> NoReturn:
        if self.called_from_command_line:
            self.exit(2, f"{self.prog}: {message}\n")
        raise CommandError(message, returncode=2)


def day(text: str) -> date:
    """Read a date such as 2026-11-23."""
    try:
        parsed = date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a date such as 2026-11-23") from None
    refuse_other_ages(text, parsed.year)
    return parsed


def moment(text: str) -> datetime:
    """Read a moment with its zone, such as 2026-11-23T09:00+01:00."""
    try:
        parsed = parse_datetime(text)
    except ValueError:
        parsed = None
    if parsed is None or parsed.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a moment such as 2026-11-23T09:00+01:00")
    refuse_other_ages(text, parsed.year)
    return parsed


def refuse_other_ages(text: str, year: int) -> None:
    """Refuse years so far off that a month before them, or their date elsewhere, cannot be told."""
    if year not in YEARS:
        raise argparse.ArgumentTypeError(f"{text!r} is not in the years {YEARS[0]} to {YEARS[-1]}")


def reference(text: str) -> str:
    """Read an account's reference; an empty one would mean everyone."""
    if not text:
        raise argparse.ArgumentTypeError("an empty text is no account's reference")
    return text


def noon(on: date, zone: str) -> datetime:
    """Return noon of a date in a zone; a name that no clock knows must fail where it costs its accounts alone."""
    return clock.noon(on, zone if zone in clock.zones() else settings.TIME_ZONE)


class OneLineCommand(BaseCommand):
    """A command that answers bad input, or a database that is of no use, with one line and an exit code."""

    def execute(self, *args: Any, **options: Any) -> str | None:
        if not self.needs_database(options):
            return super().execute(*args, **options)
        with databases.at_hand(self.name):
            return super().execute(*args, **options)

    def needs_database(self, options: dict[str, Any]) -> bool:
        return True

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        parser = OneLineParser(
            prog=f"paidup: {subcommand}",
            description=self.help or None,
            called_from_command_line=getattr(self, "_called_from_command_line", None),
            **kwargs,
        )
        self.add_base_argument(parser, "--settings", help="The settings module.")
        self.add_base_argument(parser, "--pythonpath", help="A folder to add to the path.")
        self.add_base_argument(parser, "--traceback", action="store_true", help="Show tracebacks.")
        self.add_base_argument(parser, "--no-color", action="store_true", help="No colours.")
        self.add_base_argument(parser, "--force-color", action="store_true", help="Colours always.")
        self.add_base_argument(parser, "--skip-checks", action="store_true", help="No system checks.")
        parser.add_argument("-v", "--verbosity", default=1, type=int, choices=[0, 1, 2, 3])
        parser.add_argument("--version", action="version", version=self.get_version())
        self.add_arguments(parser)
        return parser

    @property
    def name(self) -> str:
        return type(self).__module__.rpartition(".")[2]


class TimedCommand(OneLineCommand):
    """A command that is given a moment, refuses one in the future, and can be tried without effect."""

    def add_arguments(self, parser: CommandParser) -> None:
        when = parser.add_mutually_exclusive_group()
        when.add_argument("--on", type=day, metavar="DATE", help="run as at noon of DATE in each account's zone")
        when.add_argument("--at", type=moment, metavar="MOMENT", help="run as at MOMENT")
        parser.add_argument("--dry-run", action="store_true", help="only say what is waiting; change nothing")
        parser.set_defaults(account=None)

    def moments(self, options: dict[str, Any]) -> Iterator[tuple[datetime, Scope]]:
        """Yield each moment to run for, with the accounts it is for."""
        now = clock.now()
        for at, scope in self._asked_for(options, now):
            if at > now and not (settings.DEBUG or options["dry_run"]):
                raise CommandError(f"{self.name}: {at:%Y-%m-%d %H:%M %Z} is in the future", returncode=2)
            yield at, scope

    def _asked_for(self, options: dict[str, Any], now: datetime) -> list[tuple[datetime, Scope]]:
        accounts, account = Account.objects.order_by("time_zone"), options["account"] or ""
        if account:
            accounts = accounts.filter(reference=account)
            if not accounts:
                raise CommandError(f"{self.name}: there is no account {account}", returncode=2)
        if not options["on"]:
            return [(options["at"] or now, Scope(account=account))]
        zones = list(accounts.values_list("time_zone", flat=True).distinct()) or [settings.TIME_ZONE]
        return [(noon(options["on"], zone), Scope(zone, account)) for zone in zones]


class MomentCommand(TimedCommand):
    """
    A command that does what is due at a moment.

    Subclasses give ``run(at, scope, watch)``, which returns counts, and ``waiting(at, scope)``,
    which says what would be looked at. Both are called once, or once per time zone with ``--on``.
    """

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--account", type=reference, metavar="REFERENCE", help="only this account")

    def moments(self, options: dict[str, Any]) -> Iterator[tuple[datetime, Scope]]:
        """
        Refuse days gone by, too: what a job writes then counts as said and done long ago.

        A notice sent now would seem to have been out for weeks, and what it announces would follow
        at once. A job that is late is run for now: it catches up and announces new dates.
        """
        oldest = clock.now() - PLAYED_AGO
        for at, scope in super().moments(options):
            if at < oldest and not (settings.PAST_RUNS or options["dry_run"]):
                raise CommandError(
                    f"{self.name}: {at:%Y-%m-%d %H:%M %Z} is more than a day ago; run it for now, it catches up",
                    returncode=2,
                )
            yield at, scope

    def handle(self, *_args: Any, **options: Any) -> None:
        moments = list(self.moments(options))
        if options["dry_run"]:
            self.say(
                sum((self.waiting(at=at, scope=scope) for at, scope in moments), start=Counter()), "would look at: "
            )
            return
        counts: Counts = Counter()
        stopped: list[AbnormalRun] = []
        for at, scope in moments:
            try:
                counts += self.run(at=at, scope=scope, watch=self.watch())
            except AbnormalRun as abnormal:
                counts += abnormal.counts
                stopped.append(abnormal)
        self.say(counts)
        for reason in stopped:
            self.stderr.write(f"{self.name}: stopped itself: {reason}; staff have been told")
        if stopped:
            sys.exit(1)
        if counts["failed"]:
            self.stderr.write(f"{self.name}: {counts['failed']} could not be processed")
            sys.exit(1)

    def run(self, *, at: datetime, scope: Scope, watch: Watch) -> Counts:
        raise NotImplementedError

    def waiting(self, *, at: datetime, scope: Scope) -> Counts:
        raise NotImplementedError

    def say(self, counts: Counts, prefix: str = "") -> None:
        """Print counts in one line: ``12 reminded, 1 suspended``."""
        parts = [f"{number} {word}" for word, number in counts.items() if number]
        self.stdout.write(prefix + (", ".join(parts) or "nothing to do"))

    def watch(self) -> Watch:
        """Return a progress bar on a terminal, and nothing elsewhere."""
        return progress(self.name)


def progress(label: str) -> Watch:
    """Return a watch that shows how far a job is when the output is a terminal."""
    console = Console(stderr=True)

    def watch(pks: Iterable[int]) -> Iterable[int]:
        return track(list(pks), description=label, console=console, transient=True, disable=not console.is_terminal)

    return watch
