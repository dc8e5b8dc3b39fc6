"""System checks: what must be true of the database before money is handled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, Tags, register
from django.db import connections

from . import append_only
from .models import Event


@register(Tags.database)
def append_only_tables(*, databases: Sequence[str] | None = None, **_kwargs: Any) -> list[CheckMessage]:
    """Report append-only tables that the database does not guard."""
    problems: list[CheckMessage] = []
    for alias in databases or []:
        if Event._meta.db_table not in connections[alias].introspection.table_names():
            continue
        problems += [
            Error(f"The trigger {name} is missing on {alias}.", hint="Run manage.py migrate.", id="billing.E001")
            for name in append_only.missing(alias)
        ]
    return problems
