"""A charge ends in one of three answers, is settled once, and a refusal is a result like any other."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import transaction

from billing import charging
from billing.gateways.base import Outcome, Status
from billing.gateways.sandbox import Fault
from billing.models import Event, Invoice, LedgerEntry, Payment, StaffTask
from billing.states import InvoiceState, PaymentState, SubscriptionState
from tests.billing.acting import owing, together
from tests.factories import MONDAY

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("money_ok")]


def succeeded(payment: Payment, **changes) -> Outcome:
    return Outcome(Status.SUCCEEDED, **({"reference": "ch_1", "amount": payment.amount, "currency": "EUR"} | changes))


def begun(service) -> Payment:
    return charging.begin(service.account.pk, at=service.account.moment(MONDAY, 12))[0]


def charged(service) -> tuple[Payment, Outcome]:
    payment = begun(service)
    return payment, charging.ask(payment)


def test_a_good_card_pays_what_is_due(sandbox):
    service = owing("good")
    at = service.account.moment(MONDAY, 12)

    counts = charging.collect(at=at)

    assert counts == {"charged": 1}
    assert [(charge.amount, charge.currency, charge.status) for charge in sandbox.charges()] == [
        (121_00, "EUR", "succeeded")
    ]
    assert Invoice.objects.get().state == InvoiceState.PAID
    assert Event.objects.filter(type__in=["payment.succeeded", "invoice.paid"]).count() == 2


def test_a_declined_card_leaves_the_invoice_open_and_the_service_past_due():
    service = owing("insufficient_funds")
    at = service.account.moment(MONDAY, 12)

    counts = charging.collect(at=at)

    service.refresh_from_db()
    invoice = Invoice.objects.get()
    assert counts == {"refused": 1}
    assert (invoice.state, invoice.refused_at, invoice.amount_paid) == (InvoiceState.OPEN, at, 0)
    assert service.state == SubscriptionState.PAST_DUE
    failed = Event.objects.get(type="payment.failed")
    assert failed.codes == {"decline_code": "insufficient_funds", "trigger": "cycle", "first_refusal": True}


def test_nothing_is_charged_before_it_is_due(sandbox):
    service = owing("good")

    counts = charging.collect(at=service.account.moment(MONDAY, 9) - timedelta(seconds=1))

    assert not counts
    assert not sandbox.charges()


def test_several_invoices_of_one_seller_are_one_charge(sandbox):
    service = owing("good")
    owing("", account=service.account, plan=service.plan)

    charging.collect(at=service.account.moment(MONDAY, 12))

    assert [charge.amount for charge in sandbox.charges()] == [242_00]


@pytest.mark.parametrize("status", [Status.SUCCEEDED, Status.FAILED])
def test_settling_twice_is_settling_once(status: str):
    service = owing("good" if status == Status.SUCCEEDED else "insufficient_funds")
    at = service.account.moment(MONDAY, 12)
    payment, outcome = charged(service)
    charging.settle(payment, outcome, at=at)
    events, entries = Event.objects.count(), LedgerEntry.objects.count()

    again = charging.settle(payment, outcome, at=at + timedelta(minutes=1))

    assert again.settled_at == at
    assert (Event.objects.count(), LedgerEntry.objects.count()) == (events, entries)


@pytest.mark.django_db(transaction=True)
def test_eight_answers_at_once_are_booked_once():
    service = owing("good")
    at = service.account.moment(MONDAY, 12)
    payment, outcome = charged(service)

    results = together(*[lambda: charging.settle(payment, outcome, at=at)] * 8)

    assert {result.state for result in results} == {PaymentState.SUCCEEDED}
    assert LedgerEntry.objects.filter(payment=payment).count() == 1
    assert Event.objects.filter(type="payment.succeeded").count() == 1
    assert payment.allocations.count() == 1


@pytest.mark.parametrize("fault", [Fault.WRONG_AMOUNT, Fault.WRONG_CURRENCY])
def test_another_amount_or_currency_is_never_called_paid(sandbox, fault: Fault):
    service = owing("good")
    sandbox.inject(fault)

    counts = charging.collect(at=service.account.moment(MONDAY, 12))

    payment = Payment.objects.get()
    assert counts == {"unclear": 1}
    assert payment.state == PaymentState.UNKNOWN
    assert Invoice.objects.get().amount_paid == 0
    assert StaffTask.objects.get().kind == "amount_differs"


def test_a_refusal_after_success_changes_nothing():
    service = owing("good")
    at = service.account.moment(MONDAY, 12)
    payment, outcome = charged(service)
    charging.settle(payment, outcome, at=at)

    charging.settle(payment, Outcome(Status.FAILED, decline_code="do_not_honour"), at=at)

    assert Payment.objects.get().state == PaymentState.SUCCEEDED
    assert Invoice.objects.get().state == InvoiceState.PAID


def test_money_after_a_refusal_is_put_before_staff():
    service = owing("insufficient_funds")
    at = service.account.moment(MONDAY, 12)
    payment, outcome = charged(service)
    charging.settle(payment, outcome, at=at)

    charging.settle(payment, succeeded(payment), at=at)

    assert Payment.objects.get().state == PaymentState.FAILED
    assert StaffTask.objects.get().kind == "charge_unexplained"


@pytest.mark.django_db(transaction=True)
def test_the_gateway_is_never_asked_inside_a_transaction(sandbox):
    service = owing("good")
    at = service.account.moment(MONDAY, 12)

    with transaction.atomic(), pytest.raises(RuntimeError, match="durable"):
        charging.begin(service.account.pk, at=at)

    assert not sandbox.charges()


def test_a_second_run_at_the_same_moment_finds_the_account_leased(sandbox):
    service = owing("good")
    at = service.account.moment(MONDAY, 12)
    begun(service)

    counts = charging.collect(at=at + timedelta(minutes=14))

    assert not counts
    assert not sandbox.charges()
    assert charging.due_accounts(at=at + timedelta(minutes=14)) == []
    assert charging.due_accounts(at=at + timedelta(minutes=15)) == [service.account_id]


@pytest.mark.django_db(transaction=True)
def test_four_runs_at_once_charge_once(sandbox):
    services = [owing("good") for _ in range(3)]
    at = services[0].account.moment(MONDAY, 12)

    results = together(*[lambda: charging.collect(at=at)] * 4)

    assert sum((sum(counts.values()) for counts in results), start=0) == 3
    assert len(sandbox.charges()) == 3
