"""Write a mail with sample data to files, to look at it. The database is not touched."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from billing.management.base import OneLineCommand
from notifications import envelopes, rendering, samples
from notifications.letters import Letter
from notifications.models import Delivery
from notifications.rules import RULES


class Command(OneLineCommand):
    help = "Write a mail as .html, .txt and .eml with sample data."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("event", choices=[*RULES, "all"], help="event type, or all")
        parser.add_argument("--language", choices=[code for code, _ in settings.LANGUAGES], default="en")
        parser.add_argument("--out", type=Path, required=True, metavar="DIR")

    def needs_database(self, options: dict[str, Any]) -> bool:
        return False

    def handle(self, *args: Any, event: str, language: str, out: Path, **options: Any) -> None:
        try:
            out.mkdir(parents=True, exist_ok=True)
            for letter in samples.every() if event == "all" else [samples.rich(event)]:
                self.write(letter, language=language, out=out)
        except OSError as error:
            raise CommandError(f"preview_email: {error.strerror}: {error.filename or out}", returncode=2) from error

    def write(self, letter: Letter, *, language: str, out: Path) -> None:
        """Write one mail as a browser, a text reader and a mail program take it."""
        mail = rendering.render(letter, language=language)
        sample = Delivery(
            recipient="reader@contoso.example",
            language=language,
            message_id="<sample@localhost>",
            **dataclasses.asdict(mail),
        )
        name = f"{letter.type}.{language}"
        (out / f"{name}.html").write_text(mail.html, encoding="utf-8")
        (out / f"{name}.txt").write_text(mail.text, encoding="utf-8")
        (out / f"{name}.eml").write_bytes(envelopes.message(sample).message().as_bytes())
        self.stdout.write(f"{name}: {mail.subject}")
