"""Check on live data what must always be true of the books; exit 1 with the rows that break it."""

from __future__ import annotations

import sys
from typing import Any

from billing import books
from billing.management.base import TimedCommand


class Command(TimedCommand):
    help = "Check on live data what must always be true of the books; exit 1 with the rows that break it."

    def handle(self, *_args: Any, **options: Any) -> None:
        problems = books.check(at=max(at for at, _ in self.moments(options)))
        for problem in problems:
            self.stderr.write(problem)
        if problems:
            sys.exit(1)
        self.stdout.write("the books are right")
