"""Every table of billing has pages in the admin: quick lists, amounts as people write them, nothing to delete."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.contrib import admin
from django.db import connection
from django.db.models import BooleanField, DateField
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from billing.models import Account, Invoice
from tests.billing.admin_rows import a_story, billing_admins, superuser

pytestmark = pytest.mark.django_db

TABLES = sorted(billing_admins())


def changelist(table: str) -> str:
    return reverse(f"admin:billing_{table}_changelist")


def change_page(table: str, pk: object) -> str:
    return reverse(f"admin:billing_{table}_change", args=[pk])


def test_every_table_has_pages():
    tables = {model._meta.model_name for model in apps.get_app_config("billing").get_models()}

    assert tables == set(TABLES)


@pytest.mark.parametrize("table", TABLES)
def test_the_list_and_the_page_of_a_row_can_be_read(table):
    a_story()
    row = billing_admins()[table].model._default_manager.first()
    client = superuser()

    assert client.get(changelist(table)).status_code == 200
    assert client.get(changelist(table), {"q": "Contoso 2026"}).status_code == 200
    assert client.get(change_page(table, row.pk)).status_code == 200


def test_a_list_asks_the_same_few_queries_however_long_it_is():
    client = superuser()
    a_story()
    for table in TABLES:
        client.get(changelist(table))
    short = {table: queries(client, table) for table in TABLES}
    for number in range(1, 50):
        a_story(number)

    long = {table: queries(client, table) for table in TABLES}

    assert long == short
    assert max(long.values()) <= 12


def queries(client, table: str) -> int:
    with CaptureQueriesContext(
        connection,
    ) as asked:
        client.get(changelist(table))
    return len(asked)


@pytest.mark.parametrize("table", TABLES)
def test_a_list_stays_quick_when_it_is_long(table):
    model_admin = billing_admins()[table]

    assert model_admin.list_per_page == 50
    assert model_admin.show_full_result_count is False
    assert model_admin.ordering == ["-pk"]
    assert model_admin.date_hierarchy is None
    for entry in model_admin.list_filter:
        assert is_quick(model_admin.model, entry), entry


def is_quick(model, entry) -> bool:
    """Filters know their choices; none reads the table for them."""
    if isinstance(entry, type):
        return issubclass(entry, admin.SimpleListFilter)
    if isinstance(entry, tuple):
        return entry[1] is admin.EmptyFieldListFilter
    field = model._meta.get_field(entry)
    return bool(field.choices) or isinstance(field, (DateField, BooleanField))


@pytest.mark.parametrize("table", TABLES)
def test_nothing_is_deleted_but_a_membership_or_a_contact(table):
    a_story()
    row = billing_admins()[table].model._default_manager.first()
    client = superuser()

    answer = client.get(reverse(f"admin:billing_{table}_delete", args=[row.pk]))
    listed = client.get(changelist(table))

    assert answer.status_code == (200 if table == "contact" else 403)
    assert b"delete_selected" not in listed.content


@pytest.mark.parametrize("table", ["ledgerentry", "event", "allocation"])
def test_append_only_tables_can_only_be_read(table):
    a_story()
    row = billing_admins()[table].model._default_manager.first()
    client = superuser()

    assert client.get(reverse(f"admin:billing_{table}_add")).status_code == 403
    assert client.post(change_page(table, row.pk), {"amount": 1}).status_code == 403


def test_amounts_are_written_as_people_write_them():
    a_story()
    invoice = Invoice.objects.get()
    client = superuser()

    listed = client.get(changelist("invoice")).content.decode()
    page = client.get(change_page("invoice", invoice.pk)).content.decode()

    assert "€121.00" in listed
    assert "€121.00" in page
    assert "21%" in page
    assert "12100" not in listed + page


def test_secrets_of_the_gateway_are_not_shown():
    a_story()
    client = superuser()

    for table, secrets in {"paymentmethod": ["token", "fingerprint"], "gatewayevent": ["body"]}.items():
        row = billing_admins()[table].model._default_manager.get()
        page = client.get(change_page(table, row.pk)).content.decode()
        assert [name for name in secrets if f"field-{name}" in page] == []


def test_the_page_of_an_account_tells_how_it_stands():
    membership = a_story()
    invoice = Invoice.objects.get()

    page = superuser().get(change_page("account", membership.account.pk)).content.decode()

    assert "How it stands" in page
    # 121.00 owed, 21.00 received.
    assert "€100.00" in page
    assert str(invoice) in page
    assert invoice.lines.get().subscription.name in page
    assert "profile.changed" in page


def test_the_page_of_an_account_in_no_time_zone_opens_to_mend_it():
    story = a_story()
    Account.objects.update(time_zone="Nowhere/Atlantis")
    url = change_page("account", story.account.pk)

    assert superuser().get(url).status_code == 200


def test_an_account_that_is_not_there_is_no_error():
    answer = superuser().get(change_page("account", 999))

    assert answer.status_code == 302


def test_the_first_page_shows_what_waits_for_a_person():
    membership = a_story()

    page = superuser().get(reverse("admin:index")).content.decode()

    assert "A notice reaches nobody" in page
    assert Account.objects.get(pk=membership.account.pk).legal_name in page


def test_staff_sign_in_where_everybody_does(client):
    answer = client.get(reverse("admin:login"))

    assert answer.status_code == 302
    assert answer.url.startswith(reverse("account_login"))


def test_whoever_is_not_staff_is_refused():
    client = superuser()
    client.force_login(a_story().user)

    assert client.get(reverse("admin:index")).status_code in (302, 403)
    assert client.get(reverse("admin:login")).status_code == 403
