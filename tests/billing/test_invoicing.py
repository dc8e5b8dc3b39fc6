"""One invoice per period, with tax per line and the parties as they were."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from billing import charging, invoicing
from billing.models import Account, Event, Invoice, InvoiceLine, Subscription, TaxTreatment
from billing.states import SubscriptionState
from tests.billing.acting import together
from tests.factories import (
    MONDAY,
    AccountFactory,
    InvoiceFactory,
    PaymentMethodFactory,
    PlanFactory,
    SellerFactory,
    SubscriptionFactory,
    a_rate,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("money_ok")]


def test_a_period_is_invoiced_when_it_begins():
    service = SubscriptionFactory()
    six = service.account.moment(MONDAY, 6)

    before = invoicing.run(at=six - timedelta(seconds=1))
    counts = invoicing.run(at=six)

    assert (before["issued"], counts["issued"]) == (0, 1)
    line = InvoiceLine.objects.get()
    assert (line.period_start, line.period_end) == (MONDAY, date(2026, 4, 1))
    assert (line.net, line.tax, line.invoice.total) == (100_00, 21_00, 121_00)


def test_running_again_issues_nothing():
    service = SubscriptionFactory()
    at = service.account.moment(MONDAY, 12)

    first, again = invoicing.run(at=at), invoicing.run(at=at)

    assert (first["issued"], again["issued"]) == (1, 0)


@pytest.mark.django_db(transaction=True)
def test_two_runs_at_once_issue_one_invoice_each():
    services = [SubscriptionFactory() for _ in range(4)]
    at = services[0].account.moment(MONDAY, 12)

    results = together(*[lambda: invoicing.run(at=at)] * 2)

    assert Invoice.objects.count() == 4
    assert sum(counts["failed"] for counts in results) == 0


def test_missed_periods_are_caught_up_one_by_one():
    service = SubscriptionFactory(started_on=date(2026, 1, 31))

    counts = invoicing.run(at=service.account.moment(date(2026, 4, 1), 12))

    starts = list(InvoiceLine.objects.order_by("pk").values_list("period_start", flat=True))
    assert counts["issued"] == 3
    assert starts == [date(2026, 1, 31), date(2026, 2, 28), date(2026, 3, 31)]


def test_services_of_one_seller_and_currency_share_an_invoice():
    account, plan = AccountFactory(), PlanFactory()
    SubscriptionFactory(account=account, plan=plan)
    SubscriptionFactory(account=account, plan=plan)
    SubscriptionFactory(account=account, plan=PlanFactory(seller=plan.seller, currency="USD"))
    SubscriptionFactory(account=account)
    a_rate("USD", "EUR", on=MONDAY)

    invoicing.run(at=account.moment(MONDAY, 12))

    lines = sorted(invoice.lines.count() for invoice in Invoice.objects.all())
    assert lines == [1, 1, 2]


@pytest.mark.parametrize("state", ["suspended", "canceled", "deleted"])
def test_what_is_off_is_not_invoiced(state: str):
    service = SubscriptionFactory()
    at = service.account.moment(MONDAY, 5)
    Subscription.objects.update(
        state=state,
        disabled_reasons=["staff"],
        suspended_at=at,
        canceled_at=at,
        delete_on=date(2026, 6, 1),
        keep_until=at,
        deleted_at=at,
    )

    invoicing.run(at=service.account.moment(date(2026, 5, 1), 12))

    assert not Invoice.objects.exists()


@pytest.mark.parametrize("state", [SubscriptionState.PAST_DUE, SubscriptionState.WARNED])
def test_what_still_runs_is_invoiced_while_something_is_owed(state: str):
    service = SubscriptionFactory()
    InvoiceFactory(subscription=service, issued=MONDAY - timedelta(days=30))
    Subscription.objects.update(state=state)

    invoicing.run(at=service.account.moment(MONDAY, 12))

    assert InvoiceLine.objects.filter(period_start=MONDAY).exists()


@pytest.mark.parametrize(
    ("treatment", "country", "rate", "tax"),
    [
        (TaxTreatment.STANDARD, "NL", 210_000, 21_00),
        (TaxTreatment.REDUCED, "NL", 90_000, 9_00),
        (TaxTreatment.REVERSE_CHARGE, "BE", 210_000, 0),
        (TaxTreatment.EXEMPT, "NL", 210_000, 0),
        (TaxTreatment.OUTSIDE_SCOPE, "US", 210_000, 0),
    ],
)
def test_tax_follows_the_treatment_of_the_line(treatment: str, country: str, rate: int, tax: int):
    account = AccountFactory(country=country, vat_id="set")
    service = SubscriptionFactory(account=account, tax_treatment=treatment, tax_rate=rate)

    invoicing.run(at=service.account.moment(MONDAY, 12))

    line = InvoiceLine.objects.get()
    assert (line.tax, line.tax_treatment, bool(line.tax_rate)) == (tax, treatment, bool(tax))


def test_tax_is_rounded_per_line_and_then_summed():
    account, plan = AccountFactory(), PlanFactory(price=50)
    for _ in range(3):
        SubscriptionFactory(account=account, plan=plan)

    invoicing.run(at=account.moment(MONDAY, 12))

    invoice = Invoice.objects.get()
    assert (invoice.net, invoice.tax, invoice.total) == (150, 33, 183)
    assert invoice.tax_by_rate() == [{"tax_treatment": "standard", "tax_rate": 210_000, "net_sum": 150, "tax_sum": 33}]


def test_yen_have_no_decimals_to_round():
    service = SubscriptionFactory(plan=PlanFactory(price=1_005, currency="JPY", tax_rate=100_000))
    a_rate("EUR", "JPY", on=MONDAY, parts_per_million=160_000_000)

    invoicing.run(at=service.account.moment(MONDAY, 12))

    invoice = Invoice.objects.get()
    assert (invoice.net, invoice.tax, str(invoice.total_money)) == (1_005, 101, "¥1,106")
    assert invoice.tax_in_seller_currency == 63


def test_parties_are_frozen_as_they_were():
    account = AccountFactory(legal_name="Old name B.V.", vat_id="NL1", purchase_order_number="PO 7")
    seller = SellerFactory(iban="NL91ABNA0417164300")
    invoice = InvoiceFactory(account=account, seller=seller)

    account.legal_name, account.vat_id, account.purchase_order_number = "New name B.V.", "NL2", "PO 8"
    account.save()
    seller.iban, seller.name = "NL02RABO0123456789", "Other B.V."
    seller.save()

    invoice.refresh_from_db()
    assert (invoice.buyer["name"], invoice.buyer["vat_id"]) == ("Old name B.V.", "NL1")
    assert invoice.purchase_order_number == "PO 7"
    assert invoice.seller_details["iban"] == "NL91ABNA0417164300"
    assert "Other" not in str(invoice.seller_details)


def test_terms_set_the_due_date_and_who_charges():
    by_card = InvoiceFactory(account=AccountFactory(terms_days=0))
    by_invoice = InvoiceFactory(account=AccountFactory(by_invoice=True, terms_days=14))

    assert by_card.due_on == MONDAY
    assert by_card.next_charge_at == by_card.account.moment(MONDAY, 9)
    assert by_invoice.due_on == MONDAY + timedelta(days=14)
    assert by_invoice.next_charge_at is None
    assert by_invoice.next_action_at == by_invoice.account.moment(MONDAY + timedelta(days=7), 8)


def test_an_invoice_is_told_and_booked_once():
    invoice = InvoiceFactory()

    assert [event.type for event in Event.objects.filter(invoice=invoice)] == ["invoice.finalized"]
    assert [entry.amount for entry in invoice.ledger_entries.all()] == [121_00]


def test_an_invoice_of_nothing_is_paid_at_once():
    service = SubscriptionFactory(price=0)
    at = service.account.moment(MONDAY, 12)
    PaymentMethodFactory(account=service.account)

    invoicing.run(at=at)

    assert Invoice.objects.get().state == "paid"
    assert charging.collect(at=at)["failed"] == 0


def test_tax_follows_the_account_as_it_is_on_the_day():
    service = SubscriptionFactory(account__country="DE")
    Account.objects.update(vat_id="DE136695976")
    at = service.account.moment(MONDAY, 12)

    invoicing.run(at=at)

    line = InvoiceLine.objects.get()
    assert (line.tax_treatment, line.tax) == (TaxTreatment.REVERSE_CHARGE, 0)
