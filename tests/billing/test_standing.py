"""Where a service stands follows from what is owed, and it is back the moment nothing is owed any more."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.db import transaction

from billing import charging, invoicing, standing
from billing.models import Event, Invoice, InvoiceLine, Payment, Subscription
from tests.billing.acting import days_of, live_through, owing
from tests.factories import MONDAY, InvoiceFactory, PaymentMethodFactory, SubscriptionFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("money_ok")]


def refreshed(service, day: date, hour: int = 12) -> Subscription:
    with transaction.atomic():
        standing.refresh(service.account, at=service.account.moment(day, hour))
    service.refresh_from_db()
    return service


def pay(account, day: date) -> None:
    """Put a good card on file and let it be charged on a day."""
    PaymentMethodFactory(account=account)
    at = account.moment(day, 12)
    Invoice.objects.open().update(next_charge_at=at)
    charging.collect(at=at)


@pytest.mark.django_db(transaction=True)
def test_standing_is_refreshed_in_the_transaction_of_the_fact():
    service = owing("")

    with pytest.raises(transaction.TransactionManagementError, match="in the transaction"):
        standing.refresh(service.account, at=service.account.moment(MONDAY, 12))


def test_on_its_due_date_an_invoice_is_not_past_due():
    service = owing("")

    assert refreshed(service, MONDAY, 23).state == "active"
    assert refreshed(service, MONDAY + timedelta(days=1), 0).state == "past_due"


def test_past_due_plans_the_stop_and_its_warning():
    service = refreshed(owing(""), MONDAY + timedelta(days=1))

    assert service.suspend_at == service.account.moment(MONDAY + timedelta(days=21), 10)
    assert service.next_action_at == service.account.moment(MONDAY + timedelta(days=14), 8)


def test_refreshing_again_writes_nothing(django_assert_max_num_queries):
    service = refreshed(owing(""), MONDAY + timedelta(days=1))
    events = Event.objects.count()

    with django_assert_max_num_queries(13):
        refreshed(service, MONDAY + timedelta(days=2))

    assert Event.objects.count() == events


def test_an_invoice_of_several_services_is_a_debt_of_each():
    service = owing("")
    other = SubscriptionFactory(account=service.account, plan=service.plan, next_invoice_at=None)
    third = SubscriptionFactory(account=service.account, plan=service.plan, next_invoice_at=None)
    invoice = InvoiceFactory(subscription=other)
    InvoiceLine.objects.create(
        invoice=invoice,
        subscription=third,
        description="more",
        unit_price=0,
        net=0,
        tax_treatment="standard",
        tax_rate=0,
        tax=0,
    )

    refreshed(service, MONDAY + timedelta(days=1))

    assert set(Subscription.objects.filter(account=service.account).values_list("state", flat=True)) == {"past_due"}


@pytest.mark.parametrize("days", [5, 15, 25, 60])
def test_payment_brings_it_back_from_wherever_it_is(days: int):
    service = owing("")
    account = service.account
    live_through(account, MONDAY, days)
    was = Subscription.objects.get().state

    pay(account, MONDAY + timedelta(days=days))

    service.refresh_from_db()
    assert was == {5: "past_due", 15: "warned", 25: "suspended", 60: "canceled"}[days]
    assert (service.state, service.disabled_reasons, service.next_action_at) == ("active", [], None)
    assert (service.warned_at, service.suspend_at, service.cancel_at, service.delete_on) == (None,) * 4
    assert days_of("service.restored", account, MONDAY) == [days]
    assert Event.objects.get(type="service.restored").codes["was_off"] == (days >= 25)


def test_a_service_stays_off_while_one_of_its_invoices_is_unpaid():
    service = owing("")
    account = service.account
    live_through(account, MONDAY, 25)
    second = InvoiceFactory(subscription=service, issued=MONDAY + timedelta(days=22), price=50_00)
    Invoice.objects.exclude(pk=second.pk).update(next_charge_at=None)
    PaymentMethodFactory(account=account)
    at = account.moment(MONDAY + timedelta(days=25), 12)
    payment = Payment.objects.create(
        account=account,
        seller=service.seller,
        amount=121_00,
        currency="EUR",
        trigger="staff",
        created_at=at,
        payment_method=account.payment_methods.get(),
        gateway="sandbox",
        gateway_account="main",
    )
    charging.settle(payment, charging.ask(payment), at=at)

    service.refresh_from_db()
    assert service.state == "suspended"
    assert Invoice.objects.open().get() == second


def test_a_service_that_is_off_for_another_reason_stays_off_when_paid():
    service = owing("")
    account = service.account
    live_through(account, MONDAY, 25)
    Subscription.objects.update(disabled_reasons=["fraud_review", "nonpayment"])

    pay(account, MONDAY + timedelta(days=25))

    service.refresh_from_db()
    assert (service.state, service.disabled_reasons) == ("suspended", ["fraud_review"])


def test_a_service_that_is_off_for_another_reason_is_not_canceled_for_non_payment_once_paid():
    service = owing("")
    account = service.account
    live_through(account, MONDAY, 25)
    Subscription.objects.update(disabled_reasons=["fraud_review", "nonpayment"])
    pay(account, MONDAY + timedelta(days=25))

    live_through(account, MONDAY + timedelta(days=26), 40)

    service.refresh_from_db()
    assert service.state == "suspended"


def test_time_off_is_not_invoiced_afterwards():
    service = owing("")
    account = service.account
    Subscription.objects.update(next_period_on=date(2026, 4, 2), next_invoice_at=account.moment(date(2026, 4, 2), 6))
    live_through(account, MONDAY, 70)

    pay(account, MONDAY + timedelta(days=70))
    invoicing.run(at=account.moment(date(2026, 6, 10), 12))

    starts = list(InvoiceLine.objects.order_by("pk").values_list("period_start", flat=True))
    assert starts == [MONDAY, date(2026, 6, 2)]


def test_a_debt_too_small_to_stop_for_plans_the_late_stop_and_one_that_grows_the_early_one():
    service = SubscriptionFactory(next_invoice_at=None)
    InvoiceFactory(subscription=service, price=10_00)

    patient = refreshed(service, MONDAY + timedelta(days=1))
    assert patient.next_action_at == service.account.moment(MONDAY + timedelta(days=90), 8)
    assert patient.today(patient.suspend_at) >= MONDAY + timedelta(days=97)

    InvoiceFactory(subscription=service, issued=MONDAY + timedelta(days=1))
    grown = refreshed(service, MONDAY + timedelta(days=2))
    assert grown.suspend_at == service.account.moment(MONDAY + timedelta(days=21), 10)
