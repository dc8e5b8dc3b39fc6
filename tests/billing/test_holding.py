"""What is on hold does not escalate, and afterwards nothing is caught up in a burst."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.db import IntegrityError, transaction

from billing import charging, dunning, holding
from billing.models import Account, Event, Hold, HoldKind, Invoice, Payment
from tests.billing.acting import announced_stops, days_of, live_through, owing
from tests.factories import (
    MONDAY,
    AccountFactory,
    InvoiceFactory,
    SubscriptionFactory,
    UserFactory,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("money_ok")]

STOP = MONDAY + timedelta(days=21)
KINDS = sorted(set(HoldKind) - {HoldKind.SELLER_PAUSE, HoldKind.PROMISE})


def after(days: int, hour: int = 12) -> datetime:
    return AccountFactory.build().moment(MONDAY + timedelta(days=days), hour)


def put(kind: str, on, first: int, last: int) -> Hold:
    """Put something on hold from noon of a day after Monday until noon of another."""
    return holding.place(kind, on=on, until=after(last), reason="as agreed", by=UserFactory(), at=after(first))


def live(account: Account, first: int, last: int) -> None:
    """Let the jobs run on each of the days after Monday, the last one included."""
    live_through(account, MONDAY + timedelta(days=first), last - first + 1)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_escalates_on_hold_and_the_ladder_goes_on_where_it_was(kind):
    service = owing("")
    account = service.account
    live(account, 0, 4)
    put(kind, account, 5, 35)

    live(account, 5, 70)

    assert days_of("dunning.reminded", account, MONDAY) == [3, 37, 42, 48]
    assert days_of("service.warned", account, MONDAY) == [44]
    assert days_of("service.suspended", account, MONDAY) == [51]


@pytest.mark.parametrize("kind", KINDS)
def test_an_announced_stop_is_called_off_and_announced_anew_with_its_lead(kind):
    service = owing("")
    live(service.account, 0, 15)
    assert announced_stops(service) == [STOP]

    put(kind, service.account, 16, 20)
    service.refresh_from_db()
    called_off = service.state
    live(service.account, 16, 40)

    assert called_off == "past_due"
    assert announced_stops(service) == [STOP, MONDAY + timedelta(days=28)]
    assert days_of("service.warned", service.account, MONDAY)[1] <= 21
    assert days_of("service.suspended", service.account, MONDAY) == [28]


def test_a_hold_of_an_hour_moves_no_day():
    service = owing("")
    live(service.account, 0, 4)
    holding.place("support", on=service.account, until=after(5, 13), reason="asked", by=None, at=after(5))

    live(service.account, 5, 22)

    assert announced_stops(service) == [STOP]
    assert days_of("service.suspended", service.account, MONDAY) == [21]


def test_an_invoice_on_hold_leaves_the_next_oldest_to_count_from():
    service = owing("")
    disputed = Invoice.objects.get()
    InvoiceFactory(subscription=service, issued=MONDAY + timedelta(days=7))
    put("dispute", disputed, 1, 200)

    live(service.account, 1, 40)

    assert days_of("service.warned", service.account, MONDAY) == [21]
    assert days_of("service.suspended", service.account, MONDAY) == [28]


def test_a_service_whose_only_invoice_is_on_hold_stays_on_while_another_stops():
    service = owing("")
    other = SubscriptionFactory(account=service.account, plan=service.plan, next_invoice_at=None)
    disputed = InvoiceFactory(subscription=other, issued=MONDAY)
    put("dispute", disputed, 1, 200)

    live(service.account, 1, 30)

    service.refresh_from_db()
    other.refresh_from_db()
    assert (service.state, other.state) == ("suspended", "past_due")


def test_a_hold_brings_no_stopped_service_back_and_puts_its_cancellation_off():
    service = owing("")
    live(service.account, 0, 22)

    put("support", service.account, 23, 60)
    service.refresh_from_db()
    state, cancel_on = service.state, service.today(service.cancel_at)
    live(service.account, 23, 95)

    assert state == "suspended"
    assert cancel_on == STOP + timedelta(days=30 + 37)
    assert days_of("service.canceled", service.account, STOP) == [67]


def test_after_a_hold_the_cancellation_leaves_a_week():
    service = owing("")
    live(service.account, 0, 50)

    put("promise", service.account, 50, 64)
    live(service.account, 50, 80)

    assert days_of("service.canceled", service.account, MONDAY) == [71]


def test_a_pause_of_a_seller_shifts_its_ladder_and_no_other():
    service = owing("")
    other = owing("", account=service.account)
    put("seller_pause", service.seller, 10, 17)

    live(service.account, 0, 35)

    stops = {each: announced_stops(each) for each in (service, other)}
    assert stops == {service: [MONDAY + timedelta(days=28)], other: [STOP]}
    assert days_of("service.suspended", service.account, MONDAY, subscription=service) == [28]


def test_a_stop_announced_before_a_pause_is_announced_anew():
    service = owing("")
    live(service.account, 0, 15)
    put("seller_pause", service.seller, 16, 18)

    live(service.account, 16, 35)

    assert announced_stops(service)[0] == STOP
    assert days_of("service.suspended", service.account, MONDAY)[0] >= 23
    assert Event.objects.filter(type="hold.ended", account=None).count() == 1


def test_a_hold_that_is_lifted_lets_the_ladder_go_on():
    service = owing("")
    hold = put("legal", service.account, 2, 200)
    live(service.account, 2, 9)

    holding.lift(hold, by=UserFactory(), at=after(10))
    live(service.account, 10, 35)

    assert days_of("service.warned", service.account, MONDAY) == [22]
    assert days_of("hold.lifted", service.account, MONDAY) == [10]


def test_a_hold_that_is_extended_holds_for_longer():
    service = owing("")
    hold = put("support", service.account, 2, 10)

    holding.extend(hold, until=after(20), by=UserFactory(), at=after(9))
    live(service.account, 2, 40)

    assert days_of("service.warned", service.account, MONDAY) == [32]
    assert days_of("hold.ended", service.account, MONDAY) == [20]


def test_a_hold_that_is_over_is_neither_lifted_nor_extended():
    hold = put("support", owing("").account, 2, 10)

    with pytest.raises(holding.NotOpen):
        holding.lift(hold, by=None, at=after(10))
    with pytest.raises(holding.NotOpen):
        holding.extend(hold, until=after(20), by=UserFactory(), at=after(10))


def test_a_hold_needs_an_end_ahead_and_a_reason():
    account = owing("").account

    with pytest.raises(holding.EndsTooEarly):
        put("support", account, 3, 3)
    with pytest.raises(IntegrityError, match="hold_has_a_reason"), transaction.atomic():
        holding.place("support", on=account, until=after(3), reason="", by=None, at=after(1))


@pytest.mark.parametrize("kind", KINDS)
def test_a_card_is_tried_only_where_the_kind_of_hold_lets_it(kind):
    service = owing()
    put(kind, service.account, 0, 10)

    charging.collect(at=after(1))

    may = kind in {"support", "recovery", "grace", "staff"}
    assert Payment.objects.exists() == may


def test_the_card_is_tried_again_when_the_hold_is_over():
    service = owing()
    put("insolvency", service.account, 0, 10)

    live(service.account, 0, 12)

    assert days_of("payment.succeeded", service.account, MONDAY) == [10]


def test_the_card_is_tried_again_when_the_hold_is_lifted():
    service = owing()
    hold = put("legal", service.account, 0, 100)
    live(service.account, 0, 4)

    holding.lift(hold, by=None, at=after(4))
    live(service.account, 5, 8)

    assert days_of("payment.succeeded", service.account, MONDAY) == [6]


def test_money_charged_for_the_rest_does_not_pay_what_is_on_hold():
    service = owing()
    disputed = Invoice.objects.get()
    InvoiceFactory(subscription=service, issued=MONDAY + timedelta(days=1), price=50_00)
    put("dispute", disputed, 0, 100)

    charging.collect(at=after(1))

    assert Payment.objects.get().amount == 60_50
    assert [invoice.state for invoice in Invoice.objects.order_by("pk")] == ["open", "paid"]


def test_holds_of_everything_that_pauses_deletion():
    account = AccountFactory()
    assert not holding.pauses_deletion(account, at=after(1))

    pausing = set()
    for kind in KINDS:
        hold = put(kind, account, 0, 9)
        if holding.pauses_deletion(account, at=after(1)):
            pausing.add(kind)
        hold.delete()

    assert pausing == {"dispute", "legal", "support"}
    put("legal", account, 0, 9)
    assert not holding.pauses_deletion(account, at=after(9))


def test_running_the_holds_again_ends_nothing_twice():
    service = owing("")
    put("support", service.account, 2, 5)

    assert dunning.run(at=after(6))["holds ended"] == 1
    assert dunning.run(at=after(6))["holds ended"] == 0
    assert Event.objects.filter(type="hold.ended").count() == 1


def test_a_hold_is_told_with_who_placed_it_and_until_when():
    hold = put("support", owing("").account, 2, 5)

    event = Event.objects.get(type="hold.placed")
    assert (event.actor, event.codes["hold"]) == (hold.created_by, hold.reference)
    assert event.codes["until"] == after(5).isoformat()
