"""The database itself refuses to change history, whichever way the tables came to be."""

from __future__ import annotations

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction

from billing import append_only, charging
from billing.checks import append_only_tables
from billing.models import Allocation, DunningPolicy, Event, LedgerEntry
from tests.billing.acting import owing
from tests.factories import MONDAY, InvoiceFactory

TABLES = [model._meta.db_table for model in (Event, LedgerEntry, Allocation)]


def fill() -> None:
    """Put a row into each guarded table."""
    service = owing("good")
    charging.collect(at=service.account.moment(MONDAY, 12))


def refused(sql: str, *parameters: object) -> bool:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql, parameters)
    except DatabaseError as error:
        return "append-only" in str(error)
    return False


def set_dispatched(moment: str | None) -> bool:
    return refused("UPDATE billing_event SET dispatched_at = %s", moment)


@pytest.mark.django_db
@pytest.mark.parametrize("table", TABLES)
def test_rows_are_neither_changed_nor_deleted(table: str):
    fill()

    assert refused(f"UPDATE {table} SET at = '2020-01-01 00:00:00+00:00'")
    assert refused(f"UPDATE {table} SET id = id + 1000")
    assert refused(f"DELETE FROM {table}")


@pytest.mark.django_db
@pytest.mark.parametrize("table", TABLES[1:])
def test_a_change_that_changes_nothing_is_refused_too(table: str):
    fill()

    assert refused(f"UPDATE {table} SET amount = amount")


@pytest.mark.django_db
def test_an_event_is_marked_as_dispatched_once():
    InvoiceFactory()
    first, second = "2026-03-02 12:00:00+00:00", "2026-03-03 12:00:00+00:00"

    assert not set_dispatched(first)
    assert set_dispatched(second)
    assert set_dispatched(None)
    assert Event.objects.get().dispatched_at.day == 2


@pytest.mark.django_db
def test_nothing_else_changes_along_with_the_mark():
    InvoiceFactory()

    assert refused("UPDATE billing_event SET dispatched_at = '2026-03-02 12:00:00+00:00', type = 'invoice.paid'")


@pytest.mark.django_db(transaction=True)
def test_flushing_empties_every_table_and_leaves_the_guards():
    fill()

    call_command("flush", interactive=False, verbosity=0)

    assert not Event.objects.exists()
    assert append_only.missing("default") == []
    assert DunningPolicy.objects.count() == 2
    fill()
    assert refused("DELETE FROM billing_event")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("round_", [1, 2])
def test_the_guards_are_there_after_another_test_was_flushed(round_: int):
    fill()

    assert refused("DELETE FROM billing_ledgerentry"), round_


@pytest.mark.django_db
def test_the_system_check_names_a_trigger_that_is_gone():
    table = connection.ops.quote_name("billing_event")
    on_table = "" if connection.vendor == "sqlite" else f" ON {table}"
    before = append_only_tables(databases=["default"])

    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER billing_event_no_delete{on_table}")
    problems = append_only_tables(databases=["default"])

    assert before == []
    assert [(problem.id, "billing_event_no_delete" in problem.msg) for problem in problems] == [("billing.E001", True)]


@pytest.mark.django_db
def test_migrating_puts_back_what_is_gone():
    append_only.remove("default")
    gone = append_only.missing("default")

    call_command("migrate", verbosity=0)

    assert len(gone) == 6
    assert append_only.missing("default") == []
