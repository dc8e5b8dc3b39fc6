"""Check on live data what must always be true of the books; exit 1 with the rows that break it."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import CommandParser

from billing import books, clock
from billing.management.base import OneLineCommand, moment


class Command(OneLineCommand):
    help = "Check on live data what must always be true of the books; exit 1 with the rows that break it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--at", type=moment, metavar="MOMENT", help="check as at MOMENT")

    def handle(self, *_args: Any, **options: Any) -> None:
        problems = books.check(at=options["at"] or clock.now())
        for problem in problems:
            self.stderr.write(problem)
        if problems:
            sys.exit(1)
        self.stdout.write("the books are right")
