"""Reminders: on their days, each once, only the highest that is due, never for what is paid or tiny."""

from __future__ import annotations

from datetime import timedelta

import pytest

from billing import charging, dunning
from billing.models import CurrencyFloor, DunningCase, DunningPolicy, DunningStep, Event, Invoice, Payment
from billing.states import CaseState
from tests.billing.acting import days_of, live_through, owing, together
from tests.factories import (
    MONDAY,
    AccountFactory,
    InvoiceFactory,
    PaymentMethodFactory,
    PlanFactory,
    SubscriptionFactory,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("money_ok")]


def reminders(account) -> list[int]:
    return days_of("dunning.reminded", account, MONDAY)


def test_a_card_account_is_reminded_on_its_days():
    service = owing("")

    live_through(service.account, MONDAY, 30)

    assert reminders(service.account) == [3, 7, 12, 18]


def test_running_every_hour_reminds_no_more():
    service = owing("")

    for hour in range(24 * 8):
        dunning.run(at=service.account.moment(MONDAY, 0) + timedelta(hours=hour))

    assert reminders(service.account) == [3, 7]


@pytest.mark.django_db(transaction=True)
def test_four_runs_at_once_remind_once():
    services = [owing("") for _ in range(3)]
    at = services[0].account.moment(MONDAY + timedelta(days=3), 12)

    together(*[lambda: dunning.run(at=at)] * 4)

    assert Event.objects.filter(type="dunning.reminded").count() == 3
    assert Event.objects.filter(type="dunning.opened").count() == 3


def test_after_a_week_without_runs_only_the_highest_is_sent():
    service = owing("")

    live_through(service.account, MONDAY, 3)
    live_through(service.account, MONDAY + timedelta(days=13), 6)

    assert reminders(service.account) == [13, 18]
    assert [event.codes["day"] for event in Event.objects.filter(type="dunning.reminded").order_by("pk")] == [12, 18]


def test_an_account_that_pays_by_invoice_hears_before_on_and_after_the_date_and_nothing_harsher():
    account = AccountFactory(by_invoice=True, terms_days=14)
    service = owing("", account=account)
    due = MONDAY + timedelta(days=14)

    live_through(account, MONDAY, 120)

    service.refresh_from_db()
    assert days_of("invoice.due_soon", account, due) == [-7]
    assert days_of("invoice.due_today", account, due) == [0]
    assert days_of("dunning.reminded", account, due) == [3, 10]
    assert (service.state, service.suspend_at, service.next_action_at) == ("past_due", None, None)


def test_a_notice_before_the_date_that_was_missed_is_not_sent_after_it():
    account = AccountFactory(by_invoice=True, terms_days=14)
    owing("", account=account)

    live_through(account, MONDAY + timedelta(days=16), 1)

    assert not Event.objects.filter(type__startswith="invoice.due").exists()


def test_the_case_opens_the_day_after_the_due_date_and_closes_when_paid():
    service = owing("")
    account = service.account
    live_through(account, MONDAY, 1)
    on_the_due_date = DunningCase.objects.exists()
    live_through(account, MONDAY + timedelta(days=1), 1)
    PaymentMethodFactory(account=account)
    Invoice.objects.update(next_charge_at=account.moment(MONDAY + timedelta(days=2), 9))

    charging.collect(at=account.moment(MONDAY + timedelta(days=2), 12))

    assert not on_the_due_date
    assert days_of("dunning.opened", account, MONDAY) == [1]
    assert days_of("dunning.closed", account, MONDAY) == [2]
    assert DunningCase.objects.get().state == CaseState.CLOSED


def test_a_refusal_opens_the_case_at_once():
    service = owing("insufficient_funds")

    charging.collect(at=service.account.moment(MONDAY, 12))

    assert DunningCase.objects.get().anchor == Invoice.objects.get()


def test_each_seller_and_currency_has_a_case_of_its_own():
    service = owing("")
    account = service.account
    owing("", account=account, plan=PlanFactory(seller=service.seller, currency="USD"))
    owing("", account=account)

    live_through(account, MONDAY, 2)

    assert DunningCase.objects.open().count() == 3


def test_paying_the_oldest_moves_the_case_on_without_catching_up():
    service = owing("")
    account = service.account
    oldest = Invoice.objects.get()
    other = SubscriptionFactory(account=account, plan=service.plan, next_invoice_at=None)
    InvoiceFactory(subscription=other, issued=MONDAY + timedelta(days=4))
    live_through(account, MONDAY, 10)
    at = account.moment(MONDAY + timedelta(days=10), 10)
    payment = Payment.objects.create(
        account=account,
        seller=service.seller,
        amount=oldest.total,
        currency="EUR",
        trigger="staff",
        created_at=at,
        payment_method=PaymentMethodFactory(account=account),
        gateway="sandbox",
        gateway_account="main",
    )

    charging.settle(payment, charging.ask(payment), at=at)
    live_through(account, MONDAY + timedelta(days=10), 2)

    case = DunningCase.objects.open().get()
    assert case.anchor.due_on == MONDAY + timedelta(days=4)
    assert reminders(account) == [3, 7, 11]
    assert [event.codes["day"] for event in Event.objects.filter(type="dunning.reminded").order_by("pk")] == [3, 7, 7]


@pytest.mark.parametrize(("price", "cases"), [(4_12, 0), (4_14, 1)])
def test_a_debt_under_the_floor_opens_no_case(price: int, cases: int):
    service = SubscriptionFactory(next_invoice_at=None)
    InvoiceFactory(subscription=service, price=price)

    live_through(service.account, MONDAY, 5)

    service.refresh_from_db()
    assert CurrencyFloor.objects.get(currency="EUR").smallest_case == 5_00
    assert DunningCase.objects.count() == cases
    assert service.state == ("past_due" if cases else "active")


def test_a_case_keeps_the_policy_it_opened_with():
    service = owing("")
    account = service.account
    live_through(account, MONDAY, 5)
    old = DunningPolicy.objects.get(name=account.collection_method)
    new = DunningPolicy.objects.create(
        name=old.name,
        version=2,
        collection_method=old.collection_method,
        published_at=account.moment(MONDAY + timedelta(days=4), 12),
    )
    for step in old.steps.exclude(act="remind"):
        DunningStep.objects.create(policy=new, act=step.act, day=step.day, lead_days=step.lead_days)
    for day in (5, 6, 8):
        DunningStep.objects.create(policy=new, act="remind", day=day)

    live_through(account, MONDAY + timedelta(days=5), 10)

    assert reminders(account) == [3, 7, 12]
    assert DunningPolicy.objects.in_force(account, at=account.moment(MONDAY + timedelta(days=9), 12)) == new
