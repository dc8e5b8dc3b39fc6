"""Empty every table, append-only ones too; the guards and default rows are put back right after."""

from __future__ import annotations

from typing import Any

from django.core.management.commands import flush

from billing import append_only


class Command(flush.Command):
    def handle(self, **options: Any) -> None:
        append_only.remove(options["database"])
        super().handle(**options)
        append_only.install(options["database"])
