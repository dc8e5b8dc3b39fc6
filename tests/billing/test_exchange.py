"""Tax of a foreign currency is told in the seller's own as well, at a published rate; without one nothing is issued."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing import crediting, exchange, invoicing
from billing.models import CreditReason, ExchangeRate, Invoice, NumberSeries, StaffTask, TaxTreatment
from billing.money import Money, exchanged
from tests.factories import MONDAY, AccountFactory, PlanFactory, SellerFactory, SubscriptionFactory, a_rate

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("money_ok")]


def foreign(currency: str = "USD", *, seller=None, **plan):
    about = {"currency": currency, "seller": seller or SellerFactory()} | plan
    return SubscriptionFactory(plan=PlanFactory(**about))


def issued(service, *, day=MONDAY) -> Invoice:
    invoicing.issue(service.account, at=service.account.moment(day, 12))
    return Invoice.objects.get(account=service.account)


@pytest.mark.parametrize(
    ("currency", "own", "base", "rate", "price", "tax", "own_tax"),
    [
        # 1 EUR = 1.0876 USD: 21.00 USD are 19.3086... EUR.
        ("USD", "EUR", "EUR", 1_087_600, 100_00, 21_00, 19_31),
        # 1 EUR = 163.25 JPY: 210 yen are 1.2863... EUR.
        ("JPY", "EUR", "EUR", 163_250_000, 1_000, 210, 1_29),
        # 1 KWD = 2.9 EUR: 2.100 dinar are 6.09 EUR.
        ("KWD", "EUR", "KWD", 2_900_000, 10_000, 2_100, 6_09),
        # 1 EUR = 0.345 KWD: 21.00 EUR are 7.245 dinar.
        ("EUR", "KWD", "EUR", 345_000, 100_00, 21_00, 7_245),
        # 1 KWD = 478.5 JPY: 105 yen are 0.219 dinar.
        ("JPY", "KWD", "KWD", 478_500_000, 500, 105, 219),
        ("EUR", "JPY", "EUR", 163_250_000, 100_00, 21_00, 3_428),
    ],
)
def test_tax_in_the_seller_s_currency(currency, own, base, rate, price, tax, own_tax):
    quoted = own if base == currency else currency
    known = a_rate(base, quoted, on=MONDAY, parts_per_million=rate)

    invoice = issued(foreign(currency, seller=SellerFactory(currency=own), price=price))

    assert (invoice.tax, invoice.tax_currency) == (tax, own)
    assert (invoice.tax_in_seller_currency, invoice.exchange_rate) == (own_tax, known)


@pytest.mark.parametrize("days", [0, 1, 7])
def test_the_last_rate_of_the_week_before_is_good(days):
    a_rate("USD", "EUR", on=MONDAY - timedelta(days=days))
    a_rate("USD", "EUR", on=MONDAY - timedelta(days=days + 1), parts_per_million=1)

    assert issued(foreign()).exchange_rate.on == MONDAY - timedelta(days=days)


@pytest.mark.parametrize("days", [-1, 8])
def test_a_rate_of_tomorrow_or_of_last_week_is_not(days):
    a_rate("USD", "EUR", on=MONDAY - timedelta(days=days))

    with pytest.raises(exchange.RateMissing):
        exchange.rate("USD", "EUR", on=MONDAY)


def test_without_a_rate_the_invoice_waits_and_staff_are_asked_while_others_go_on():
    service = foreign()
    other = SubscriptionFactory(account=service.account)
    at = service.account.moment(MONDAY, 12)

    counts = invoicing.run(at=at)

    assert (counts["issued"], counts["failed"]) == (1, 0)
    assert Invoice.objects.get().lines.get().subscription == other
    assert StaffTask.objects.get().kind == "rate_missing"
    assert not NumberSeries.objects.filter(seller=service.seller).exists()

    a_rate("EUR", "USD", on=MONDAY)
    assert invoicing.run(at=at)["issued"] == 1


@pytest.mark.parametrize("treatment", [TaxTreatment.EXEMPT])
def test_no_tax_needs_no_rate(treatment):
    service = foreign()
    service.tax_treatment = treatment
    service.save()

    invoice = issued(service)

    assert (invoice.tax, invoice.tax_in_seller_currency, invoice.exchange_rate) == (0, 0, None)


def test_the_seller_s_own_currency_needs_no_rate():
    invoice = issued(foreign("EUR"))

    assert (invoice.tax_in_seller_currency, invoice.exchange_rate) == (21_00, None)


def test_credit_notes_take_back_all_of_the_tax_in_the_seller_s_currency():
    a_rate("EUR", "USD", on=MONDAY, parts_per_million=1_087_600)
    invoice = issued(foreign())
    about = {"reason": CreditReason.GOODWILL, "by": None, "at": invoice.account.moment(MONDAY, 12)}
    for amount in (33_33, 33_33, 7):
        crediting.credit_amount(invoice, amount, **about)

    crediting.credit_whole(invoice, **about)

    assert sum(note.tax_in_seller_currency for note in invoice.credit_notes.all()) == invoice.tax_in_seller_currency


def test_every_treatment_has_its_own_line_of_tax():
    account, seller = AccountFactory(), SellerFactory()
    rates = {TaxTreatment.STANDARD: 210_000, TaxTreatment.REDUCED: 90_000, TaxTreatment.EXEMPT: 210_000}
    for treatment, rate in rates.items():
        plan = PlanFactory(seller=seller, tax_rate=rate, price=10_05)
        SubscriptionFactory(account=account, plan=plan, tax_treatment=treatment)

    [invoice] = invoicing.issue(account, at=account.moment(MONDAY, 12))

    by_rate = {row["tax_treatment"]: (row["tax_rate"], row["net_sum"], row["tax_sum"]) for row in invoice.tax_by_rate()}
    assert by_rate == {
        "standard": (210_000, 10_05, 2_11),
        "reduced": (90_000, 10_05, 90),
        "exempt": (0, 10_05, 0),
    }
    assert (invoice.net, invoice.tax) == (30_15, 3_01)


def test_tax_is_rounded_line_by_line_so_that_lines_add_up():
    account, plan = AccountFactory(), PlanFactory(price=2_50, tax_rate=210_000)
    for _ in range(3):
        SubscriptionFactory(account=account, plan=plan)

    [invoice] = invoicing.issue(account, at=account.moment(MONDAY, 12))

    # Half a cent goes away from zero on each line: 3 x 0.53, not 1.575 of the sum.
    assert [line.tax for line in invoice.lines.all()] == [53, 53, 53]
    assert invoice.tax == invoice.tax_by_rate()[0]["tax_sum"] == 1_59


@given(amount=st.integers(-(10**12), 10**12), rate=st.integers(1, 10**9))
def test_an_exchange_is_within_half_a_minor_unit_and_keeps_its_sign(amount, rate):
    other = exchanged(Money(amount, "JPY"), "KWD", numerator=rate, denominator=1_000_000)

    assert abs(2 * (other.amount * 1_000_000 - amount * 1_000 * rate)) <= 1_000_000
    assert exchanged(Money(-amount, "JPY"), "KWD", numerator=rate, denominator=1_000_000) == -other


def test_a_rate_says_what_of_and_when():
    assert str(ExchangeRate(base="EUR", quoted="USD", on=MONDAY)) == "EUR/USD 2026-03-02"
