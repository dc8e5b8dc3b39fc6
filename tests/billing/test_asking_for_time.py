"""A promise is kept or broken on its day; the emergency grace is for three days, once a year."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from billing import charging, holding
from billing.access import access
from billing.asking_for_time import (
    DayNotAllowed,
    GraceUsed,
    NothingOwed,
    NothingStops,
    PromisedBefore,
    promise,
    take_grace,
)
from billing.models import Event, Hold, Invoice, Payment, Subscription
from tests.billing.acting import announced_stops, days_of, live_through, owing
from tests.factories import MONDAY, AccountFactory, PaymentMethodFactory, UserFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("money_ok")]


def after(days: int, hour: int = 12) -> datetime:
    return AccountFactory.build().moment(MONDAY + timedelta(days=days), hour)


def live(service: Subscription, first: int, last: int) -> None:
    live_through(service.account, MONDAY + timedelta(days=first), last - first + 1)
    service.refresh_from_db()


def promised(service: Subscription, *, on: int, to: int) -> Hold:
    day = MONDAY + timedelta(days=to)
    return promise(service.account, day=day, by=UserFactory(), at=after(on))


def test_a_broken_promise_is_told_and_leaves_a_week_before_the_stop():
    service = owing("")
    live(service, 0, 16)
    promised(service, on=16, to=28)
    called_off = Subscription.objects.get().state

    live(service, 17, 45)

    assert called_off == "past_due"
    assert days_of("promise.broken", service.account, MONDAY) == [29]
    assert days_of("service.warned", service.account, MONDAY) == [14, 29]
    assert [(stop - MONDAY).days for stop in announced_stops(service)] == [21, 36]
    assert days_of("service.suspended", service.account, MONDAY) == [36]


def test_a_promise_broken_early_brings_the_warning_forward_and_no_stop():
    service = owing("")
    live(service, 0, 2)
    promised(service, on=2, to=4)

    live(service, 3, 21)

    assert days_of("service.warned", service.account, MONDAY) == [5]
    assert days_of("service.suspended", service.account, MONDAY) == [21]


def test_a_broken_promise_of_a_small_debt_stops_nothing_sooner():
    service = owing("")
    Invoice.objects.update(total=20_00, net=20_00, tax=0)
    live(service, 0, 2)
    promised(service, on=2, to=4)

    live(service, 3, 30)

    assert days_of("service.warned", service.account, MONDAY) == []
    Invoice.objects.update(total=121_00, net=100_00, tax=21_00)


def test_the_card_is_tried_again_on_the_promised_day():
    service = owing("insufficient_funds")
    live(service, 0, 2)
    promised(service, on=2, to=9)
    PaymentMethodFactory._meta.model.objects.update(is_default=False)
    PaymentMethodFactory(account=service.account, gateway_account=service.seller.gateway_account)

    live(service, 3, 10)

    assert days_of("payment.succeeded", service.account, MONDAY) == [9]
    assert days_of("promise.kept", service.account, MONDAY) == [9]
    assert service.state == "active"


def test_a_promise_that_is_kept_holds_nothing_up_afterwards():
    service = owing("")
    live(service, 0, 3)
    hold = promised(service, on=3, to=12)
    PaymentMethodFactory(account=service.account, gateway_account=service.seller.gateway_account)
    Hold.objects.update(kind="support")
    Invoice.objects.update(next_charge_at=after(5))
    charging.collect(at=after(5))
    Hold.objects.update(kind="promise", next_action_at=after(5))

    holding.run(at=after(5))

    hold.refresh_from_db()
    assert days_of("promise.kept", service.account, MONDAY) == [5]
    assert not hold.is_in_force(at=after(6))
    assert Payment.objects.get().state == "succeeded"


def test_a_day_is_promised_once_for_a_debt():
    service = owing("")
    live(service, 0, 2)
    promised(service, on=2, to=4)

    with pytest.raises(PromisedBefore):
        promised(service, on=10, to=12)


@pytest.mark.parametrize("to", [1, 2, 17])
def test_a_promise_is_for_tomorrow_or_later_and_for_two_weeks_at_most(to):
    service = owing("")
    live(service, 0, 2)

    with pytest.raises(DayNotAllowed):
        promised(service, on=2, to=to)
    promised(service, on=2, to=16)


def test_nothing_is_promised_where_nothing_is_past_due():
    service = owing("")

    with pytest.raises(NothingOwed):
        promised(service, on=0, to=4)


def test_grace_turns_a_stopped_service_on_for_72_hours():
    service = owing("")
    live(service, 0, 22)
    assert access(service, at=after(23)).level == "read_only"

    hold = take_grace(service.account, by=UserFactory(), at=after(23))

    service.refresh_from_db()
    during = access(service, at=after(26, 11))
    assert (during.level, during.reasons, during.state) == ("full", ["emergency_grace"], "suspended")
    assert during.next_change_at == hold.ends_at == after(23) + timedelta(hours=72)
    assert access(service, at=hold.ends_at).level == "read_only"
    assert Event.objects.filter(type="grace.used", actor=hold.created_by).count() == 1


def test_grace_does_not_turn_on_what_is_off_for_another_reason():
    service = owing("")
    live(service, 0, 22)
    other = Subscription.objects.get()
    take_grace(service.account, by=UserFactory(), at=after(23))

    Subscription.objects.update(disabled_reasons=["fraud_review", "nonpayment"])

    other.refresh_from_db()
    assert access(other, at=after(24)).level == "read_only"
    Subscription.objects.update(disabled_reasons=["nonpayment"])


def test_grace_before_the_stop_calls_it_off_and_it_is_announced_anew():
    service = owing("")
    live(service, 0, 19)

    take_grace(service.account, by=UserFactory(), at=after(20))
    live(service, 20, 35)

    assert [(stop - MONDAY).days for stop in announced_stops(service)] == [21, 30]
    assert days_of("service.suspended", service.account, MONDAY) == [30]


def test_grace_is_taken_once_a_year():
    service = owing("")
    live(service, 0, 22)
    first = take_grace(service.account, by=UserFactory(), at=after(23))

    with pytest.raises(GraceUsed) as refusal:
        take_grace(service.account, by=UserFactory(), at=after(40))

    assert refusal.value.again_at == first.starts_at + timedelta(days=365)
    take_grace(service.account, by=UserFactory(), at=after(23 + 365))


def test_grace_is_for_who_has_something_to_lose():
    service = owing("")
    live(service, 0, 10)

    with pytest.raises(NothingStops):
        take_grace(service.account, by=UserFactory(), at=after(10))
