"""
Tables that only grow: the database itself refuses to change or delete their rows.

Triggers are put in place after every migrate and every flush, so that neither a
table rebuild nor a test that empties the tables loses them; a system check looks.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.apps import apps
from django.db import connections

# Table's model -> columns that may be set once, from NULL.
APPEND_ONLY: dict[str, tuple[str, ...]] = {
    "Event": ("dispatched_at",),
    "LedgerEntry": (),
    "Allocation": (),
}

POSTGRES_FUNCTION = """
CREATE OR REPLACE FUNCTION paidup_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE once text[] := TG_ARGV[0]::text[];
BEGIN
  IF TG_OP = 'UPDATE' AND cardinality(once) > 0 AND to_jsonb(NEW) - once = to_jsonb(OLD) - once
     AND NOT EXISTS (SELECT 1 FROM unnest(once) AS c WHERE to_jsonb(OLD)->>c IS NOT NULL) THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END $$
"""


def install(using: str) -> None:
    """Put the triggers in place on one database, replacing those that are there."""
    connection = connections[using]
    with connection.cursor() as cursor:
        for statement in _drop(connection.vendor) + _create(connection.vendor):
            cursor.execute(statement)


def remove(using: str) -> None:
    """Take the triggers away, for the one command that empties every table."""
    connection = connections[using]
    with connection.cursor() as cursor:
        for statement in _drop(connection.vendor):
            cursor.execute(statement)


def missing(using: str) -> list[str]:
    """Return the names of triggers that should be there and are not."""
    connection = connections[using]
    catalog = "sqlite_master WHERE type = 'trigger'" if connection.vendor == "sqlite" else "pg_trigger WHERE true"
    column = "name" if connection.vendor == "sqlite" else "tgname"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {column} FROM {catalog}")  # noqa: S608 - both are constants above
        there = {row[0] for row in cursor.fetchall()}
    return [name for _, _, name in _triggers() if name not in there]


def _models() -> Iterable[tuple[Any, tuple[str, ...]]]:
    return ((apps.get_model("billing", name), once) for name, once in APPEND_ONLY.items())


def _triggers() -> list[tuple[str, str, str]]:
    """Return ``(table, operation, trigger name)`` for each guard."""
    tables = [model._meta.db_table for model, _ in _models()]
    return [(table, verb, f"{table}_no_{verb.lower()}") for table in tables for verb in ("UPDATE", "DELETE")]


def _drop(vendor: str) -> list[str]:
    if vendor == "sqlite":
        return [f"DROP TRIGGER IF EXISTS {name}" for _, _, name in _triggers()]
    return [f"DROP TRIGGER IF EXISTS {name} ON {table}" for table, _, name in _triggers()]


def _create(vendor: str) -> list[str]:
    return _create_sqlite() if vendor == "sqlite" else _create_postgres()


def _create_postgres() -> list[str]:
    statements = [POSTGRES_FUNCTION]
    for model, once in _models():
        table = model._meta.db_table
        statements += [
            f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} FOR EACH ROW "
            f"EXECUTE FUNCTION paidup_append_only('{{{','.join(once)}}}')"
            for verb in ("UPDATE", "DELETE")
        ]
    return statements


def _create_sqlite() -> list[str]:
    statements = []
    for model, once in _models():
        table = model._meta.db_table
        refuse = f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        statements += [
            f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} WHEN NOT ({_unchanged(model, once)}) {refuse}",
            f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} {refuse}",
        ]
    return statements


def _unchanged(model: Any, once: tuple[str, ...]) -> str:
    columns = [field.column for field in model._meta.concrete_fields]
    same = [f'OLD."{column}" IS NEW."{column}"' for column in columns if column not in once]
    unset = [f'OLD."{column}" IS NULL' for column in once]
    return " AND ".join(same + unset) if once else "0"
