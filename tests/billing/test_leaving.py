"""A customer's own leaving: now or when what is paid for ends, and back again until the data begins to go."""

from __future__ import annotations

from datetime import timedelta

import pytest

from billing import charging, invoicing, leaving, retention, stopping
from billing.leaving import Tries
from billing.models import Event, Invoice, InvoiceLine
from billing.money import Money
from billing.states import DisabledReason
from tests.billing.acting import live_through, owing
from tests.factories import MONDAY, PaymentMethodFactory, SubscriptionFactory, UserFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("money_ok")]


def noon(service, days: int = 0):
    return service.account.moment(MONDAY + timedelta(days=days), 12)


@pytest.fixture
def by(db):
    return UserFactory()


@pytest.fixture
def paid(sandbox):
    """A service whose first month is paid, with a card for the next."""
    service = SubscriptionFactory()
    PaymentMethodFactory(account=service.account)
    invoicing.run(at=noon(service))
    charging.collect(at=noon(service))
    service.refresh_from_db()
    assert not Invoice.objects.open().exists()
    return service


def test_canceling_now_keeps_the_data_for_ninety_days(paid, by):
    leaving.cancel_now(paid, tries=Tries.GO_ON, by=by, at=noon(paid, 3))

    paid.refresh_from_db()
    assert (paid.state, paid.disabled_reasons) == ("canceled", ["customer_cancel"])
    assert paid.delete_on == MONDAY + timedelta(days=93)
    assert paid.keep_until == noon(paid, 3) + timedelta(days=90)
    canceled = Event.objects.get(type="service.canceled")
    assert (canceled.actor, canceled.codes["because"]) == (by, "customer_cancel")


def test_nothing_is_invoiced_after_it(paid, by):
    leaving.cancel_now(paid, tries=Tries.GO_ON, by=by, at=noon(paid, 3))

    live_through(paid.account, MONDAY + timedelta(days=4), 70)

    assert Invoice.objects.count() == 1


def test_at_the_end_of_the_period_it_runs_until_then(paid, by):
    leaving.cancel_at_period_end(paid, tries=Tries.GO_ON, by=by, at=noon(paid, 3))
    live_through(paid.account, MONDAY + timedelta(days=4), 27)
    paid.refresh_from_db()
    before = paid.state

    live_through(paid.account, MONDAY + timedelta(days=31), 40)

    paid.refresh_from_db()
    assert (before, paid.state) == ("active", "canceled")
    assert paid.today(paid.canceled_at) == paid.next_period_on
    assert Invoice.objects.count() == 1
    assert Event.objects.filter(type="service.left").count() == 1


def test_staying_is_invoiced_as_before(paid, by):
    leaving.cancel_at_period_end(paid, tries=Tries.GO_ON, by=by, at=noon(paid, 3))

    leaving.stay(paid, by=by, at=noon(paid, 5))
    live_through(paid.account, MONDAY + timedelta(days=6), 30)

    paid.refresh_from_db()
    assert paid.state == "active"
    assert Invoice.objects.count() == 2


def test_who_leaves_at_the_end_is_not_invoiced_for_having_been_stopped_meanwhile(paid, by):
    leaving.cancel_at_period_end(paid, tries=Tries.GO_ON, by=by, at=noon(paid, 3))
    stopping.stop(paid, because=DisabledReason.STAFF, by=by, at=noon(paid, 4))

    stopping.let_go(paid, because=DisabledReason.STAFF, by=by, at=noon(paid, 5))

    paid.refresh_from_db()
    assert (paid.state, paid.next_invoice_at) == ("active", None)


@pytest.mark.parametrize("act", [leaving.cancel_now, leaving.cancel_at_period_end])
def test_what_is_canceled_cannot_be_canceled_again(paid, by, act):
    leaving.cancel_now(paid, tries=Tries.GO_ON, by=by, at=noon(paid, 3))

    with pytest.raises(leaving.NothingToCancel):
        act(paid, tries=Tries.GO_ON, by=by, at=noon(paid, 4))


def test_coming_back_in_the_paid_period_costs_nothing_now(paid, by):
    next_period = paid.next_period_on
    leaving.cancel_now(paid, tries=Tries.GO_ON, by=by, at=noon(paid, 3))
    quoted = leaving.cost_of_return(paid, at=noon(paid, 10))

    leaving.reactivate(paid, by=by, at=noon(paid, 10))
    invoicing.run(at=noon(paid, 10))

    paid.refresh_from_db()
    assert (quoted.now, quoted.next_invoice_on) == (Money(0, "EUR"), next_period)
    assert (paid.state, paid.disabled_reasons, paid.delete_on) == ("active", [], None)
    assert paid.next_period_on == next_period
    assert Invoice.objects.count() == 1


def test_coming_back_later_begins_a_period_that_day(paid, by):
    leaving.cancel_now(paid, tries=Tries.GO_ON, by=by, at=noon(paid, 3))
    quoted = leaving.cost_of_return(paid, at=noon(paid, 50))

    leaving.reactivate(paid, by=by, at=noon(paid, 50))
    invoicing.run(at=noon(paid, 50))

    assert (quoted.now, quoted.next_invoice_on) == (Money(100_00, "EUR"), MONDAY + timedelta(days=50))
    assert InvoiceLine.objects.latest("pk").period_start == MONDAY + timedelta(days=50)
    charging.collect(at=noon(paid, 50))


def test_what_is_owed_stays_due_and_must_be_paid_before_coming_back(by, sandbox):
    service = owing("insufficient_funds")
    charging.collect(at=noon(service))

    leaving.cancel_now(service, tries=Tries.GO_ON, by=by, at=noon(service, 5))

    assert Invoice.objects.open().get().next_charge_at is not None
    with pytest.raises(leaving.StillOwed):
        leaving.reactivate(service, by=by, at=noon(service, 6))
    service.refresh_from_db()
    assert service.state == "canceled"


def test_the_card_is_left_alone_when_the_person_chose_so(by, sandbox):
    service = owing("insufficient_funds")
    charging.collect(at=noon(service))

    leaving.cancel_now(service, tries=Tries.STOP, by=by, at=noon(service, 5))
    live_through(service.account, MONDAY + timedelta(days=6), 30)

    assert len(sandbox.charges()) == 1
    assert Invoice.objects.open().exists()


def test_what_other_services_owe_is_tried_all_the_same(by, sandbox):
    service = owing("insufficient_funds")
    other = SubscriptionFactory(account=service.account, plan=service.plan, next_invoice_at=None)
    line = InvoiceLine.objects.get()
    line.pk, line.subscription = None, other
    line.net = line.tax = line.unit_price = 0
    line.save()
    charging.collect(at=noon(service))

    leaving.cancel_now(service, tries=Tries.STOP, by=by, at=noon(service, 5))

    assert Invoice.objects.open().get().next_charge_at is not None


def test_paying_does_not_bring_back_what_the_customer_canceled(by, sandbox):
    service = owing("")
    leaving.cancel_now(service, tries=Tries.GO_ON, by=by, at=noon(service, 5))
    PaymentMethodFactory(account=service.account, gateway_account=service.seller.gateway_account)

    Invoice.objects.update(next_charge_at=noon(service, 6))
    charging.collect(at=noon(service, 6))

    service.refresh_from_db()
    assert not Invoice.objects.open().exists()
    assert (service.state, service.disabled_reasons) == ("canceled", ["customer_cancel"])


def test_a_reason_of_staff_keeps_it_off(paid, by):
    leaving.cancel_now(paid, tries=Tries.GO_ON, by=by, at=noon(paid, 3))
    stopping.stop(paid, because=DisabledReason.FRAUD_REVIEW, by=by, at=noon(paid, 4))

    with pytest.raises(leaving.KeptOff):
        leaving.reactivate(paid, by=by, at=noon(paid, 5))


def test_what_was_canceled_for_its_debt_is_not_reactivated_but_paid(by, sandbox):
    service = owing("")
    live_through(service.account, MONDAY, 60)
    service.refresh_from_db()
    assert service.state == "canceled"

    with pytest.raises(leaving.NotLeaving):
        leaving.reactivate(service, by=by, at=noon(service, 61))


def test_nobody_comes_back_once_the_purge_has_begun(paid, by):
    leaving.cancel_now(paid, tries=Tries.GO_ON, by=by, at=noon(paid, 3))
    live_through(paid.account, MONDAY + timedelta(days=4), 92)
    paid.refresh_from_db()
    assert paid.is_purging

    with pytest.raises(leaving.PurgeBegun):
        leaving.reactivate(paid, by=by, at=noon(paid, 97))


def test_a_service_stopped_by_staff_comes_back_when_they_let_go(paid, by):
    stopping.stop(paid, because=DisabledReason.STAFF, by=by, at=noon(paid, 3))
    stopping.stop(paid, because=DisabledReason.FRAUD_REVIEW, by=by, at=noon(paid, 3))
    paid.refresh_from_db()
    stopped = paid.state

    stopping.let_go(paid, because=DisabledReason.STAFF, by=by, at=noon(paid, 4))
    paid.refresh_from_db()
    halfway = paid.state
    stopping.let_go(paid, because=DisabledReason.FRAUD_REVIEW, by=by, at=noon(paid, 5))

    paid.refresh_from_db()
    assert (stopped, halfway, paid.state) == ("suspended", "suspended", "active")


def test_what_staff_stopped_does_not_come_back_by_paying(by, sandbox):
    service = owing("")
    stopping.stop(service, because=DisabledReason.STAFF, by=by, at=noon(service, 3))
    PaymentMethodFactory(account=service.account, gateway_account=service.seller.gateway_account)
    Invoice.objects.update(next_charge_at=noon(service, 6))

    charging.collect(at=noon(service, 6))

    service.refresh_from_db()
    assert (service.state, service.disabled_reasons) == ("suspended", ["staff"])


def test_letting_go_while_something_is_owed_makes_it_past_due(by, sandbox):
    service = owing("")
    stopping.stop(service, because=DisabledReason.STAFF, by=by, at=noon(service, 3))

    stopping.let_go(service, because=DisabledReason.STAFF, by=by, at=noon(service, 6))

    service.refresh_from_db()
    assert service.state == "past_due"
    assert service.suspend_at > noon(service, 6)


def test_staff_neither_give_nor_take_away_debt(paid, by):
    with pytest.raises(stopping.NotOfStaff):
        stopping.stop(paid, because=DisabledReason.NONPAYMENT, by=by, at=noon(paid, 3))


def test_the_job_leaves_for_the_customer_what_was_canceled_for_its_debt_meanwhile(by, sandbox):
    service = owing("", next_period_on=MONDAY + timedelta(days=365))
    leaving.cancel_at_period_end(service, tries=Tries.GO_ON, by=by, at=noon(service))
    live_through(service.account, MONDAY, 60)
    service.refresh_from_db()
    assert (service.state, service.disabled_reasons) == ("canceled", ["nonpayment"])
    type(service).objects.update(leaves_at=noon(service, 61))

    retention.run(at=noon(service, 61))

    service.refresh_from_db()
    assert service.disabled_reasons == ["customer_cancel", "nonpayment"]
    assert service.leaves_at is None
