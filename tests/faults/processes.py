"""Processes of their own that see what the test sees: its database and its gateway."""

from __future__ import annotations

from django.conf import settings
from django.db import connection


def environment() -> dict[str, str]:
    """Return the variables that lead a process to the test's database and gateway."""
    database = connection.settings_dict
    if connection.vendor == "sqlite":
        url = f"sqlite:///{database['NAME']}"
    else:
        url = f"postgres://{database['USER']}@{database['HOST']}:{database['PORT']}/{database['NAME']}"
    return {"DATABASE_URL": url, "SANDBOX_FILE": str(settings.SANDBOX_FILE)}
