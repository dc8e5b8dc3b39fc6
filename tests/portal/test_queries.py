"""Pages cost the same number of queries for one invoice and for five hundred."""

from __future__ import annotations

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from billing.models import Account, Invoice

from .conftest import owe

BUDGET = 8


def queries(client: Client, address: str) -> int:
    client.get(address)  # the first request of a client makes its session
    with CaptureQueriesContext(connection) as captured:
        assert client.get(address).status_code == 200
    return len(captured)


def addresses(account: Account) -> list[str]:
    pages = [reverse(name, args=[account.reference]) for name in ("overview", "settle", "invoices")]
    return [
        *pages,
        reverse("invoice", args=[account.reference, Invoice.objects.for_account(account).latest("pk").reference]),
    ]


def test_the_number_of_queries_does_not_grow(administrator: Client, account: Account):
    owe(account, services=1, invoices=1)
    few = [queries(administrator, address) for address in addresses(account)]

    owe(account, services=19, invoices=25, card="")
    many = [queries(administrator, address) for address in addresses(account)]

    assert Invoice.objects.for_account(account).count() > 470
    assert few == many
    assert max(many) <= BUDGET
