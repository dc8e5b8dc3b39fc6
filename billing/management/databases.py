"""The database as a command meets it: away, not migrated yet, or lost on the way; each is one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management.base import CommandError
from django.db import Error, InterfaceError, OperationalError, connection
from django.db.migrations.executor import MigrationExecutor


@contextmanager
def at_hand(name: str) -> Iterator[None]:
    """
    Raise ``CommandError`` when the database is of no use.

    Its code is 2 when nothing could be done for lack of a database or of its tables, and 1
    when the database failed on the way.
    """
    try:
        connection.ensure_connection()
    except Error as error:
        raise CommandError(f"{name}: the database cannot be reached: {in_one_line(error)}", returncode=2) from error
    try:
        yield
    except Error as error:
        if _is_behind():
            raise CommandError(f"{name}: the database is not migrated; run manage.py migrate", returncode=2) from error
        if not isinstance(error, (OperationalError, InterfaceError)):
            raise
        told = f"{name}: the database failed: {in_one_line(error)}; what was done before it stays done"
        raise CommandError(told, returncode=1) from error


def _is_behind() -> bool:
    """Say whether migrations are still to be made; a database that gives no answer is not behind."""
    try:
        executor = MigrationExecutor(connection)
        return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    except Error:
        return False


def in_one_line(error: Error) -> str:
    """Return the first line of what the driver says, without the password."""
    line, *_ = str(error).splitlines() or [type(error).__name__]
    password = connection.settings_dict["PASSWORD"]
    return line.replace(password, "***") if password else line
