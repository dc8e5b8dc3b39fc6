"""A bank takes a payment back days later: the debt is there again, and so is the time to pay it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from billing import books, charging, dunning, returns
from billing.applying import NotEnoughCredit
from billing.models import EntryKind, Event, Invoice, LedgerEntry, Payment, PaymentMethod, Return, Subscription
from billing.states import InvoiceState, SubscriptionState
from tests.billing.acting import announced_stops, live_through, owing, send_notices, together
from tests.factories import MONDAY

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("money_ok")]


def paid(card: str = "good"):
    """Charge what is due on Monday."""
    service = owing(card)
    at = service.account.moment(MONDAY, 12)
    charging.collect(at=at)
    return service, Payment.objects.get(), at


def give(payment: Payment, *, at, amount: int = 121_00, reference: str = "B-1", **how) -> Return:
    return returns.record_return(payment, amount, bank_reference=reference, at=at, **how)


def test_what_it_paid_is_owed_again_by_its_original_due_date():
    service, payment, at = paid()

    returned = give(payment, at=at + timedelta(days=5), reason_code="AM04")

    invoice = Invoice.objects.get()
    assert (invoice.state, invoice.amount_due, invoice.due_on) == (InvoiceState.OPEN, 121_00, MONDAY)
    assert LedgerEntry.objects.get(kind=EntryKind.RETURN).amount == 121_00
    event = Event.objects.get(type="payment.returned")
    assert (event.payment, event.invoice, event.codes["reason"]) == (payment, invoice, "AM04")
    assert returned.reason_code == "AM04"
    service.refresh_from_db()
    assert service.state == SubscriptionState.PAST_DUE


def test_the_same_return_is_booked_once():
    _, payment, at = paid()

    assert give(payment, at=at) == give(payment, at=at)

    assert Event.objects.filter(type="payment.returned").count() == 1


@pytest.mark.django_db(transaction=True)
def test_the_same_return_by_two_processes_is_booked_once():
    _, payment, at = paid()

    results = together(*[lambda: give(payment, at=at)] * 4)

    assert len({row.pk for row in results}) == 1
    assert LedgerEntry.objects.filter(kind=EntryKind.RETURN).count() == 1


def test_no_more_comes_back_than_was_received():
    _, payment, at = paid()

    with pytest.raises(NotEnoughCredit):
        give(payment, amount=121_01, at=at)

    assert not Return.objects.exists()
    assert Invoice.objects.get().state == InvoiceState.PAID


def test_a_part_comes_back_and_then_the_rest():
    _, payment, at = paid()

    give(payment, amount=21_00, at=at)
    give(payment, amount=100_00, reference="B-2", at=at)

    assert Invoice.objects.get().amount_due == 121_00


def test_only_what_was_received_can_come_back():
    _, payment, at = paid("do_not_honour")

    with pytest.raises(returns.NotReceived):
        give(payment, at=at)


@pytest.mark.parametrize(("code", "blocked"), [("AM04", ""), ("", ""), ("AC04", "returned"), ("MD01", "returned")])
def test_only_a_reason_for_good_blocks_what_it_was_paid_with(code: str, blocked: str):
    _, payment, at = paid()

    give(payment, at=at, reason_code=code)

    assert PaymentMethod.objects.get().blocked_reason == blocked
    assert Event.objects.filter(type="card.blocked").exists() == bool(blocked)


def test_forty_days_past_due_a_service_is_warned_first_with_its_full_lead():
    service, payment, _ = paid()
    late = MONDAY + timedelta(days=40)
    give(payment, at=service.account.moment(late, 8))

    for hour in (9, 12, 15):
        dunning.run(at=service.account.moment(late, hour))

    service.refresh_from_db()
    assert service.state == SubscriptionState.WARNED
    assert announced_stops(service)[0] >= late + timedelta(days=7)


def test_it_stops_on_the_announced_day_and_not_before():
    service, payment, _ = paid()
    late = MONDAY + timedelta(days=40)
    give(payment, at=service.account.moment(late, 8))

    live_through(service.account, late, 7)
    before = Subscription.objects.get().state
    live_through(service.account, late + timedelta(days=7), 5)

    assert before == SubscriptionState.WARNED
    suspended = Event.objects.get(type="service.suspended")
    assert service.today(suspended.at) == announced_stops(service)[-1]


def test_a_warning_from_before_it_was_paid_does_not_count():
    """Warned, paid a day before the stop, returned: the old warning stops nothing."""
    service = owing("do_not_honour")
    account = service.account
    live_through(account, MONDAY, 18)
    method = PaymentMethod.objects.get()
    payment = Payment.objects.create(
        account=account,
        seller=service.seller,
        payment_method=None,
        amount=121_00,
        currency="EUR",
        trigger="customer",
        gateway="sandbox",
        gateway_account="main",
        created_at=account.moment(MONDAY + timedelta(days=18), 13),
    )
    outcome = charging.get_gateway("sandbox").charge(
        charging.ChargeRequest(
            gateway_account="main",
            idempotency_key=payment.idempotency_key,
            amount=121_00,
            currency="EUR",
            description="",
            return_url="",
            token=charging_card(),
        )
    )
    charging.settle(payment, outcome, at=account.moment(MONDAY + timedelta(days=18), 14))
    day = MONDAY + timedelta(days=21)

    give(payment, at=account.moment(day, 9))
    dunning.run(at=account.moment(day, 12))
    send_notices(account.moment(day, 12))
    dunning.run(at=account.moment(day, 18))

    service.refresh_from_db()
    assert method.blocked_reason == ""
    assert service.state == SubscriptionState.WARNED
    assert announced_stops(service)[-1] >= day + timedelta(days=7)


def charging_card() -> str:
    from billing.gateways import sandbox_engine

    return sandbox_engine().store_card("main", "good").token


def test_the_books_are_right_after_everything():
    _, payment, at = paid()
    give(payment, amount=21_00, at=at)

    assert books.check(at=at) == []
