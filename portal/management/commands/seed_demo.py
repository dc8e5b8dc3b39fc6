"""Seed the demo's company by running the real jobs over simulated weeks, once."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from billing.gateways.sandbox.cards import NAMED_CARDS
from billing.management.base import TimedCommand, progress
from portal import demo


class Command(TimedCommand):
    help = "Seed the demo's company by running the real jobs over simulated weeks, once."

    def handle(self, *_args: Any, **options: Any) -> None:
        if not settings.DEMO:
            raise CommandError("seed_demo: DEMO is not set; this database is not a demo's", returncode=2)
        if demo.has_begun() and not demo.is_finished():
            raise CommandError("seed_demo: the seed was interrupted; run `make clean` and begin anew", returncode=2)
        if options["dry_run"]:
            self.stdout.write("the demo is seeded" if demo.is_finished() else "would seed the demo")
            return
        if not demo.is_finished():
            at = max(at for at, _ in self.moments(options))
            self.stdout.write("Letting some months pass …")
            counts = demo.seed(at=at, watch=progress("seed_demo"))
            self.stdout.write(", ".join(f"{number} {word}" for word, number in counts.items() if number))
        self.introduce()

    def introduce(self) -> None:
        """Say who can sign in, which test cards there are, and where the sent mail is."""
        self.stdout.write(f"\nSign in at {settings.BASE_URL} with the password: {demo.PASSWORD}")
        for person in demo.PEOPLE:
            self.stdout.write(f"  {person.email:<20} {person.shows}")
        self.stdout.write(f"  {demo.STAFF.email:<20} the admin, at {settings.BASE_URL}/{settings.ADMIN_PATH}/")
        names = ", ".join(NAMED_CARDS)
        self.stdout.write(f"\nTest cards on the card page: {names}")
        self.stdout.write(f"Sent mail can be read at {settings.BASE_URL}/demo/mail/\n")
