"""What staff set up in the admin: sellers, plans, accounts, people and services."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.core.exceptions import ValidationError
from django.db import DatabaseError, transaction
from django.urls import reverse
from stdnum import iso11649

from billing import clock, invoicing
from billing.models import (
    Account,
    Contact,
    CurrencyFloor,
    Event,
    Invoice,
    Membership,
    Plan,
    Seller,
    Subscription,
    TaxTreatment,
    User,
)
from billing.money import LARGEST_AMOUNT
from billing.subscribing import subscribe, tax_treatment
from tests.billing.admin_rows import billing_admins, superuser
from tests.factories import (
    MONDAY,
    AccountFactory,
    InvoiceFactory,
    PlanFactory,
    SellerFactory,
    SubscriptionFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db

SELLER = {
    "name": "Example Cloud B.V.",
    "street": "Herengracht 2",
    "postal_code": "1015 BK",
    "city": "Amsterdam",
    "country": "nl",
    "vat_id": "NL001234567B01",
    "register_number": "12345678",
    "currency": "eur",
    "iban": "NL91 ABNA 0417 1643 00",
    "bic": "ABNANL2A",
    "account_holder": "Example Cloud B.V.",
    "invoice_series": "EX",
    "gateway_account": "main",
}
ACCOUNT = {
    "legal_name": "Contoso B.V.",
    "country": "NL",
    "language": "nl",
    "time_zone": "Europe/Amsterdam",
    "collection_method": "charge_automatically",
    "terms_days": 0,
}


def add(table: str, data: dict[str, object]) -> str:
    """Fill in the form; returns the page that came back, empty when the row was made."""
    answer = superuser().post(reverse(f"admin:billing_{table}_add"), data)
    return "" if answer.status_code == 302 else answer.content.decode()


def test_a_seller_a_plan_an_account_and_its_people_are_set_up():
    made = [
        add("seller", SELLER),
        add("account", ACCOUNT),
        add("user", {"email": "Emma@Example.com", "name": "Emma", "language": "nl"}),
    ]
    seller, account, user = Seller.objects.get(), Account.objects.get(), User.objects.get(name="Emma")
    plan = {"seller": seller.pk, "name": "Compute", "price": "12.50", "currency": "eur", "tax_rate": "21"}
    made += [
        add("plan", {**plan, "interval": "month"}),
        add("membership", {"user": user.pk, "account": account.pk, "role": "administrator"}),
        add("contact", {"account": account.pk, "email": "f@example.com", "language": "nl", "kinds": ["invoices"]}),
    ]

    assert made == [""] * 6
    assert (seller.country, seller.currency, seller.iban) == ("NL", "EUR", "NL91ABNA0417164300")
    stored = Plan.objects.get()
    assert (stored.price, stored.currency, stored.tax_rate) == (12_50, "EUR", 210_000)
    assert Membership.objects.get().may_manage
    assert Contact.objects.get().kinds == ["invoices"]


@pytest.mark.parametrize("series", ["EX-", "E X", "ÉX", "EX\u0661", "ABCDEFGHIJK", "-", "EX\nY"])
def test_a_series_that_makes_no_payment_reference_is_refused_by_form_and_database(series: str):
    page = add("seller", SELLER | {"invoice_series": series})

    assert page
    assert not Seller.objects.exists()
    with pytest.raises(DatabaseError), transaction.atomic():
        SellerFactory(invoice_series=series)


def test_a_series_is_stored_in_capitals_and_belongs_to_one_seller():
    assert add("seller", SELLER | {"invoice_series": "ex"}) == ""

    assert Seller.objects.get().invoice_series == "EX"
    assert "already exists" in add("seller", SELLER | {"invoice_series": "Ex"})


def test_the_longest_series_makes_a_reference_of_at_most_21_letters_and_digits():
    invoice = InvoiceFactory(seller=SellerFactory(invoice_series="ABCDEFGHIJ"))

    assert len(invoice.creditor_reference.removeprefix("RF")) - 2 <= 21
    assert iso11649.is_valid(invoice.creditor_reference)


def test_a_person_gets_no_password_no_mail_and_a_verified_address():
    add("user", {"email": "Emma@Example.com", "name": "Emma", "language": "nl"})

    user = User.objects.get(name="Emma")
    address = EmailAddress.objects.get(user=user)
    assert user.email == address.email == "emma@example.com"
    assert (address.primary, address.verified) == (True, True)
    assert not user.has_usable_password()
    assert not user.is_staff
    assert mail.outbox == []


def test_a_person_is_there_once_however_the_address_is_written():
    UserFactory(email="emma@example.com")

    page = add("user", {"email": "EMMA@example.com", "language": "nl"})

    assert "already exists" in page


def test_a_new_service_takes_everything_from_its_plan():
    account, plan = AccountFactory(), PlanFactory(price=99_00)
    today = account.today(clock.now())

    page = add(
        "subscription", {"account": account.pk, "plan": plan.pk, "name": "Production", "started_on": today.isoformat()}
    )

    service = Subscription.objects.get()
    assert page == ""
    assert (service.price, service.currency, service.tax_rate) == (99_00, "EUR", 210_000)
    assert (service.seller, service.anchor_day, service.next_period_on) == (plan.seller, today.day, today)
    assert Event.objects.get(type="service.started").subscription == service


@pytest.mark.parametrize(
    ("days", "said"), [(-40, "at most 31 days ago"), (732, "at most two years from now"), (2_900_000, "at most two")]
)
def test_a_service_starts_at_most_a_month_ago_and_within_two_years(days: int, said: str):
    account, plan = AccountFactory(), PlanFactory()
    day = account.today(clock.now()) + timedelta(days=days)

    page = add(
        "subscription", {"account": account.pk, "plan": plan.pk, "name": "Production", "started_on": day.isoformat()}
    )

    assert said in page
    assert not Subscription.objects.exists()


@pytest.mark.parametrize("factory", [PlanFactory, SubscriptionFactory])
@pytest.mark.parametrize("numbers", [{"price": LARGEST_AMOUNT + 1}, {"price": -1}, {"tax_rate": 1_000_001}])
def test_the_database_takes_no_price_that_cannot_be(factory, numbers: dict[str, int]):
    factory(**{name: min(max(number, 0), 1_000_000) for name, number in numbers.items()})

    with pytest.raises(DatabaseError), transaction.atomic():
        factory(**numbers)


def test_the_database_takes_no_terms_of_more_than_a_year():
    AccountFactory(terms_days=365)

    with pytest.raises(DatabaseError), transaction.atomic():
        AccountFactory(terms_days=366)


@pytest.mark.parametrize("field", ["user", "account"])
def test_a_search_for_what_no_row_has_finds_nothing(field: str):
    UserFactory()
    AccountFactory()
    asked = {"app_label": "billing", "model_name": "membership", "field_name": field}

    found = superuser().get(reverse("admin:autocomplete"), {**asked, "term": "\0"})

    assert found.json()["results"] == []


def test_a_started_service_is_invoiced_from_its_first_day(moments):
    service = subscribe(AccountFactory(), PlanFactory(), name="Production", starts_on=MONDAY, at=moments(MONDAY))

    invoicing.run(at=moments(MONDAY))

    line = Invoice.objects.get().lines.get()
    assert (line.subscription, line.period_start) == (service, MONDAY)


@pytest.mark.parametrize(
    ("seller", "buyer", "vat_id", "treatment"),
    [
        ("NL", "NL", "", TaxTreatment.STANDARD),
        ("NL", "NL", "NL001234567B01", TaxTreatment.STANDARD),
        ("NL", "DE", "DE123456789", TaxTreatment.REVERSE_CHARGE),
        ("NL", "DE", "", TaxTreatment.STANDARD),
        ("NL", "US", "", TaxTreatment.OUTSIDE_SCOPE),
        ("US", "NL", "NL001234567B01", TaxTreatment.OUTSIDE_SCOPE),
        ("US", "US", "", TaxTreatment.STANDARD),
    ],
)
def test_tax_follows_from_where_seller_and_buyer_are(seller, buyer, vat_id, treatment):
    selling = SellerFactory.build(country=seller)
    buying = AccountFactory.build(country=buyer, vat_id=vat_id)

    assert tax_treatment(selling, buying) == treatment


@pytest.mark.parametrize(
    ("table", "data", "said"),
    [
        ("seller", {**SELLER, "iban": "NL91ABNA0417164301"}, "not an IBAN"),
        ("seller", {**SELLER, "currency": "XXQ"}, "three letters"),
        ("account", {**ACCOUNT, "country": "Nederland"}, "at most 2 characters"),
        ("account", {**ACCOUNT, "country": "QQ"}, "two letters"),
        ("account", {**ACCOUNT, "time_zone": "Amsterdam"}, "Select a valid choice"),
        ("account", {**ACCOUNT, "policy_name": "lenient"}, "Select a valid choice"),
        ("currencyfloor", {"currency": "JPY", "smallest_case": "0.5"}, "too many decimals"),
        ("currencyfloor", {"currency": "EUR", "smallest_case": "1E+999999"}, "at most €10,000,000,000.00"),
        ("account", {**ACCOUNT, "terms_days": 366}, "less than or equal to 365"),
        ("account", {**ACCOUNT, "legal_name": "\u200b\u3164 \u2060"}, "This field is required"),
        ("plan", {"price": "1E+999999", "currency": "EUR", "tax_rate": "21"}, "at most €10,000,000,000.00"),
        ("plan", {"price": "1E-99999999", "currency": "EUR", "tax_rate": "21"}, "too many decimals"),
        ("plan", {"price": "10000000000.01", "currency": "EUR", "tax_rate": "21"}, "at most €10,000,000,000.00"),
        ("plan", {"price": "1", "currency": "EUR", "tax_rate": "1E+999999"}, "at most 100 per cent"),
        ("plan", {"price": "1", "currency": "EUR", "tax_rate": "100.0001"}, "at most 100 per cent"),
        ("plan", {"price": "1.005", "currency": "EUR", "tax_rate": "21"}, "too many decimals"),
        ("plan", {"price": "1", "currency": "EUR", "tax_rate": "21.00005"}, "too many decimals"),
    ],
)
def test_what_cannot_be_is_refused_with_a_reason(table, data, said):
    page = add(table, data)

    assert said in page


@pytest.mark.parametrize("name", ["Nowhere/Atlantis", "Europe", "../etc/passwd", "europe/amsterdam", ""])
def test_an_account_is_in_a_time_zone_that_clocks_know(name: str):
    AccountFactory.build().clean_fields()

    with pytest.raises(ValidationError) as refused:
        AccountFactory.build(time_zone=name).clean_fields()

    assert list(refused.value.error_dict) == ["time_zone"]


def test_a_floor_is_typed_and_shown_as_an_amount():
    floor = CurrencyFloor.objects.get(currency="EUR")
    url = reverse("admin:billing_currencyfloor_change", args=[floor.pk])
    client = superuser()

    page = client.get(url).content.decode()
    others = {"tolerance": "0.5", "smallest_payment": "5", "write_off_limit": "50", "credit_limit": "100"}
    typed = {"smallest_case": "7.5", "smallest_suspension": "25", "suspension_regardless_days": 90}
    client.post(url, typed | others)

    floor.refresh_from_db()
    assert 'value="5.00"' in page
    assert (floor.currency, floor.smallest_case, floor.smallest_suspension) == ("EUR", 7_50, 25_00)


def test_saving_does_not_undo_what_a_job_wrote_meanwhile(rf):
    account, plan = AccountFactory(), PlanFactory()
    service = subscribe(account, plan, name="Production", starts_on=MONDAY, at=account.moment(MONDAY, 12))
    as_it_was = Subscription.objects.get()
    service.move("past_due")
    as_it_was.name = "Renamed"
    edited = SimpleNamespace(changed_data=["name"])

    billing_admins()["subscription"].save_model(rf.post("/"), as_it_was, edited, change=True)

    service.refresh_from_db()
    assert (service.name, service.state) == ("Renamed", "past_due")
