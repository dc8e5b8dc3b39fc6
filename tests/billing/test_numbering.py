"""Invoice numbers have no gaps, per seller and year, whatever is rolled back or happens at once."""

from __future__ import annotations

from contextlib import suppress
from datetime import date

import pytest
from django.db import transaction
from hypothesis import given
from hypothesis import strategies as st
from stdnum import iso11649

from billing import invoicing
from billing.models import Invoice, NumberSeries
from tests.billing.acting import together
from tests.factories import MONDAY, AccountFactory, InvoiceFactory, SellerFactory, SubscriptionFactory


def numbers(seller) -> list[str]:
    return list(Invoice.objects.filter(seller=seller).order_by("pk").values_list("number", flat=True))


class Abandoned(Exception):
    """The transaction is given up."""


@pytest.mark.django_db
def test_numbers_count_up_per_seller():
    one, other = SellerFactory(invoice_series="ONE"), SellerFactory(invoice_series="TWO")

    for seller in (one, other, one):
        InvoiceFactory(seller=seller)

    assert numbers(one) == ["ONE-2026-00001", "ONE-2026-00002"]
    assert numbers(other) == ["TWO-2026-00001"]


@pytest.mark.django_db
def test_each_year_begins_at_one():
    seller = SellerFactory(invoice_series="EX")

    for issued in (date(2025, 12, 30), date(2025, 12, 31), date(2026, 1, 1)):
        InvoiceFactory(seller=seller, issued=issued)

    assert numbers(seller) == ["EX-2025-00001", "EX-2025-00002", "EX-2026-00001"]


@pytest.mark.django_db
def test_the_year_is_the_buyer_s_own_at_midnight():
    account = AccountFactory(time_zone="Pacific/Auckland")
    service = SubscriptionFactory(account=account, started_on=date(2026, 1, 1))

    invoicing.run(at=account.moment(date(2026, 1, 1), 6))

    assert account.moment(date(2026, 1, 1), 6).year == 2025
    assert numbers(service.seller)[0].endswith("-2026-00001")


@pytest.mark.django_db
def test_a_rollback_gives_its_number_back():
    seller = SellerFactory(invoice_series="EX")
    InvoiceFactory(seller=seller)
    with suppress(Abandoned), transaction.atomic():
        InvoiceFactory(seller=seller)
        raise Abandoned

    InvoiceFactory(seller=seller)

    assert numbers(seller) == ["EX-2026-00001", "EX-2026-00002"]
    assert NumberSeries.objects.get().last == 2


@pytest.mark.django_db(transaction=True)
def test_ten_invoices_at_once_leave_no_gap():
    seller = SellerFactory(invoice_series="EX")
    accounts = [AccountFactory() for _ in range(10)]

    def issue(account) -> Invoice:
        with transaction.atomic():
            return InvoiceFactory(account=account, seller=seller)

    results = together(*[lambda account=account: issue(account) for account in accounts])

    assert {invoice.number for invoice in results} == {f"EX-2026-{n:05d}" for n in range(1, 11)}


@pytest.mark.django_db
def test_an_invoice_carries_a_valid_creditor_reference():
    invoice = InvoiceFactory(issued=MONDAY)

    assert iso11649.is_valid(invoice.creditor_reference)
    assert invoice.number.replace("-", "") in invoice.creditor_reference


@given(st.text(alphabet="ABCDEFGHIJKLMNOPQRSTUVWXYZabcxyz0123456789-/ ", min_size=1, max_size=21))
def test_every_creditor_reference_is_valid(text: str):
    if not any(character.isalnum() for character in text):
        return

    assert iso11649.is_valid(invoicing.creditor_reference(text))
