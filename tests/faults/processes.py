"""Processes of their own that see what the test sees: its database and its gateway."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from django.conf import settings
from django.db import connection

ROOT = Path(__file__).parents[2]


def environment() -> dict[str, str]:
    """Return the variables that lead a process to the test's database and gateway."""
    database = connection.settings_dict
    if connection.vendor == "sqlite":
        url = f"sqlite:///{database['NAME']}"
    else:
        url = f"postgres://{database['USER']}@{database['HOST']}:{database['PORT']}/{database['NAME']}"
    return {"DATABASE_URL": url, "SANDBOX_FILE": str(settings.SANDBOX_FILE)}


def run(module: str, *arguments: str) -> int:
    """Run a module to its end and return its exit code: minus the signal, when one killed it."""
    ended = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env=os.environ | environment() | {"DJANGO_SETTINGS_MODULE": "portal.settings"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if ended.returncode > 0:
        raise AssertionError(ended.stderr)
    return ended.returncode
