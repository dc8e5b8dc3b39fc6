"""Whatever is wrong with the books is named, with the row that is wrong."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection

from billing import books, cards, charging, ledger, webhooks
from billing.gateways.sandbox import Fault
from billing.models import Account, DunningCase, EntryKind, GatewayEvent, Invoice, Payment, StaffTask, Subscription
from tests.billing.acting import live_through, owing
from tests.factories import MONDAY, InvoiceFactory, MembershipFactory, PaymentFactory

pytestmark = pytest.mark.django_db


def run_sql(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


def paid():
    """Return a service that is paid, and the moment."""
    service = owing("good")
    at = service.account.moment(MONDAY, 12)
    charging.collect(at=at)
    return service, at


def owed(days: int):
    """Return a service that owes for some days, and the moment."""
    service = owing("")
    live_through(service.account, MONDAY, days)
    service.refresh_from_db()
    return service, service.account.moment(MONDAY + timedelta(days=days - 1), 12)


def test_right_books_are_right():
    _, at = paid()

    assert books.check(at=at) == []


@pytest.mark.parametrize("days", [1, 5, 16, 25, 60])
def test_debt_is_no_mistake(days: int):
    _, at = owed(days)

    assert books.check(at=at) == []


def test_a_ledger_that_does_not_add_up_is_named():
    service, at = paid()
    payment = PaymentFactory(account=service.account, seller=service.seller, state="canceled")
    ledger.post(EntryKind.PAYMENT, payment, amount=7, at=at)

    assert books.check(at=at) == [f"I1 account {service.account_id}, seller {service.seller_id}, EUR: ledger 7, is 0"]


def test_ledgers_of_two_currencies_do_not_make_up_for_each_other():
    service, at = paid()
    for amount, currency in ((7, "EUR"), (-7, "USD")):
        payment = PaymentFactory(account=service.account, seller=service.seller, currency=currency, state="canceled")
        ledger.post(EntryKind.PAYMENT, payment, amount=amount, at=at)

    assert [line[:2] for line in books.check(at=at)] == ["I1", "I1"]


def test_an_invoice_that_claims_to_be_paid_is_named():
    service, at = owed(1)
    run_sql("UPDATE billing_invoice SET amount_paid = 100")

    lines = books.check(at=at)

    assert f"I4 invoice {Invoice.objects.get().number}: paid 100, allocated 0" in lines
    assert any(line.startswith(f"I1 account {service.account_id}") for line in lines)


def test_an_open_invoice_that_is_paid_in_full_is_named():
    _, at = owed(1)
    run_sql("UPDATE billing_invoice SET amount_paid = total")

    assert any("paid in full and still open" in line for line in books.check(at=at))


def test_a_payment_that_does_not_add_up_is_named():
    _, at = paid()
    run_sql("UPDATE billing_payment SET unapplied = 1")

    reference = Payment.objects.get().reference
    assert f"I4 payment {reference}: 0 should be unapplied, is 1" in books.check(at=at)


def test_an_allocation_of_a_payment_that_failed_is_named():
    _, at = paid()
    run_sql("UPDATE billing_payment SET state = 'failed'")

    assert any("of a payment that has not succeeded" in line for line in books.check(at=at))


@pytest.mark.parametrize("moment", ["NULL", "'2020-01-01 00:00:00+00:00'"])
def test_a_payment_nobody_looks_at_is_named_until_staff_do(sandbox, moment: str):
    service = owing("good")
    at = service.account.moment(MONDAY, 12)
    sandbox.inject(Fault.HANG)
    charging.collect(at=at)
    run_sql(f"UPDATE billing_payment SET next_action_at = {moment}")
    payment = Payment.objects.get()

    before = books.check(at=at)
    StaffTask.objects.create(kind="payment_unknown", key="x", payment=payment, opened_at=at, due_at=at)

    assert before == [f"I6 payment {payment.reference}: undecided, and nobody looks at it"]
    assert books.check(at=at) == []


@pytest.mark.parametrize("column", ["next_charge_at", "next_action_at"])
def test_an_invoice_whose_moment_went_by_is_named(column: str):
    invoice = InvoiceFactory()
    Invoice.objects.update(next_charge_at=None, next_action_at=None)
    at = invoice.account.moment(MONDAY, 12)
    Invoice.objects.update(**{column: at - timedelta(days=2, seconds=1)})

    assert books.check(at=at) == [f"I6 invoice {invoice.number}: its moment went by more than two days ago"]


def test_a_service_whose_moment_went_by_is_named():
    service, at = paid()
    Subscription.objects.update(next_action_at=at - timedelta(days=3))

    assert books.check(at=at) == [f"I6 service {service.reference}: its moment went by more than two days ago"]


def test_a_dunning_case_whose_moment_went_by_is_named():
    service, at = owed(5)
    DunningCase.objects.update(next_action_at=at - timedelta(days=3))

    told = f"I6 dunning case {service.account} · {service.seller} · EUR: its moment went by more than two days ago"
    assert books.check(at=at) == [told]


def test_a_visit_to_the_card_page_that_nobody_looked_at_again_is_named():
    service, at = paid()
    visit = cards.start(service.account, settlement=None, by=MembershipFactory(account=service.account).user, at=at)

    before = books.check(at=at + timedelta(days=2))
    after = books.check(at=at + timedelta(days=2, minutes=6))

    assert before == []
    assert after == [f"I6 visit {visit.reference}: its moment went by more than two days ago"]


def test_a_webhook_that_nobody_processed_is_named():
    _, at = paid()
    webhook = GatewayEvent.objects.create(
        gateway="sandbox", event_id="evt_1", type="charge.succeeded", body=b"", received_at=at, next_action_at=at
    )

    before = books.check(at=at + timedelta(days=1, hours=23))
    after = books.check(at=at + timedelta(days=2))
    webhooks.process(webhook, at=at)

    assert before == []
    assert after == ["I6 webhook charge.succeeded evt_1: its moment went by more than two days ago"]
    assert books.check(at=at + timedelta(days=2)) == []


def test_an_account_in_no_time_zone_is_named_and_stops_no_check():
    service, at = owed(5)
    Account.objects.filter(pk=service.account_id).update(time_zone="Nowhere/Atlantis")

    told = f"I6 account {service.account.reference}: no clock knows its time zone, so no job can do anything for it"
    assert books.check(at=at) == [told]


def test_a_service_that_is_off_without_a_reason_is_named():
    service, at = owed(25)
    run_sql("UPDATE billing_subscription SET disabled_reasons = '[]'")

    assert f"I7 service {service.reference}: off without a reason" in books.check(at=at)


@pytest.mark.parametrize("days", [5, 16, 25, 60])
def test_a_service_held_against_a_debt_that_is_gone_is_named(days: int):
    service, at = owed(days)
    run_sql("UPDATE billing_invoice SET state = 'void'")

    lines = books.check(at=at)

    assert f"I7 service {service.reference}: {service.state}, and nothing is owed for it" in lines


def test_a_service_that_goes_on_although_it_owes_is_named():
    service, at = owed(5)
    run_sql("UPDATE billing_subscription SET state = 'active'")

    assert books.check(at=at) == [f"I7 service {service.reference}: active, and something is owed for it"]


def test_data_that_goes_before_the_cancellation_is_named():
    service, at = owed(60)
    run_sql("UPDATE billing_subscription SET delete_on = '2026-01-01'")

    assert f"I7 service {service.reference}: deletion before cancellation" in books.check(at=at)
