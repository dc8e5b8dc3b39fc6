"""A service stops on the day that was announced and on no other, and only after its notice has been out."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from billing import dunning
from billing.calendars import is_stop_day
from billing.models import (
    CollectionMethod,
    DunningPolicy,
    DunningStep,
    Event,
    Invoice,
    StaffTask,
    Subscription,
)
from tests.billing.acting import announced_stops, days_of, live_through, owing, run_jobs, send_notices
from tests.factories import MONDAY, AccountFactory, InvoiceFactory, SubscriptionFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("money_ok")]

STOP = MONDAY + timedelta(days=21)


def warned(**account):
    """Return a service whose stop on the fourth Monday has been announced, its notice out."""
    service = owing("", account=AccountFactory(**account))
    live_through(service.account, MONDAY, 15)
    service.refresh_from_db()
    return service


def test_the_stop_is_announced_a_week_before():
    service = warned()

    assert service.state == "warned"
    assert announced_stops(service) == [STOP]
    assert service.suspend_at == service.account.moment(STOP, 10)


def test_the_service_stops_at_ten_on_the_announced_day():
    service = warned()
    ten = service.account.moment(STOP, 10)

    before = dunning.run(at=ten - timedelta(seconds=1))
    counts = dunning.run(at=ten)

    service.refresh_from_db()
    assert (before["suspended"], counts["suspended"]) == (0, 1)
    assert (service.state, service.disabled_reasons, service.suspended_at) == ("suspended", ["nonpayment"], ten)


def test_running_every_hour_announces_and_stops_once():
    service = owing("")

    for hour in range(0, 24 * 23, 3):
        at = service.account.moment(MONDAY, 1) + timedelta(hours=hour)
        run_jobs(at)
        send_notices(at)

    assert announced_stops(service) == [STOP]
    assert days_of("service.suspended", service.account, MONDAY) == [21]


def test_a_run_that_comes_a_day_late_announces_a_new_day():
    service = warned()

    live_through(service.account, STOP + timedelta(days=1), 1)

    service.refresh_from_db()
    assert service.state == "warned"
    assert announced_stops(service) == [STOP, STOP + timedelta(days=8)]


def test_a_stop_announced_for_thursday_is_not_made_on_friday_night():
    service = SubscriptionFactory(next_invoice_at=None)
    issued = date(2026, 3, 5)
    InvoiceFactory(subscription=service, issued=issued)
    thursday = date(2026, 3, 26)
    live_through(service.account, issued, 20)
    assert announced_stops(service) == [thursday]

    dunning.run(at=service.account.moment(thursday + timedelta(days=1), 2))

    service.refresh_from_db()
    assert service.state == "warned"
    assert announced_stops(service)[1] > thursday + timedelta(days=7)


def test_a_job_that_runs_only_at_midnight_stops_in_the_end():
    service = SubscriptionFactory(next_invoice_at=None)
    issued = date(2026, 3, 5)
    InvoiceFactory(subscription=service, issued=issued)
    for n in range(40):
        at = service.account.moment(issued + timedelta(days=n), 0)
        run_jobs(at)
        send_notices(at)

    service.refresh_from_db()
    assert service.state == "suspended"
    assert is_stop_day(service.today(service.suspended_at), "NL")


def test_after_a_week_left_out_it_stops_on_the_new_day():
    service = warned()

    live_through(service.account, STOP + timedelta(days=3), 15)

    after_easter = date(2026, 4, 7)
    assert announced_stops(service) == [STOP, after_easter]
    assert days_of("service.suspended", service.account, after_easter) == [0]


def test_nothing_stops_while_its_notice_is_not_out():
    service = owing("")
    account = service.account
    for n in range(40):
        run_jobs(account.moment(MONDAY + timedelta(days=n), 12))

    service.refresh_from_db()
    assert service.state == "warned"
    assert announced_stops(service)[:2] == [STOP, STOP + timedelta(days=7)]


def test_a_notice_that_went_out_late_does_not_count():
    service = owing("")
    account = service.account
    for n in range(17):
        run_jobs(account.moment(MONDAY + timedelta(days=n), 12))
    send_notices(account.moment(MONDAY + timedelta(days=16), 13))

    dunning.run(at=account.moment(STOP, 12))

    service.refresh_from_db()
    assert service.state == "warned"
    assert announced_stops(service) == [STOP, STOP + timedelta(days=7)]


@pytest.mark.parametrize(
    ("issued", "stop"),
    [
        (date(2026, 3, 6), date(2026, 3, 30)),  # a Friday three weeks on
        (date(2026, 4, 6), date(2026, 4, 28)),  # King's Day
        (date(2026, 4, 22), date(2026, 5, 18)),  # the day before Ascension Day, then Friday and the weekend
        (date(2025, 12, 3), date(2025, 12, 29)),  # the day before Christmas
    ],
)
def test_services_stop_when_help_is_at_hand(issued: date, stop: date):
    service = SubscriptionFactory(next_invoice_at=None)
    InvoiceFactory(subscription=service, issued=issued)

    live_through(service.account, issued, 35)

    assert announced_stops(service) == [stop]
    assert days_of("service.suspended", service.account, stop) == [0]
    assert is_stop_day(stop, "NL")


def test_a_service_with_nothing_past_due_stays_on():
    service = owing("")
    other = SubscriptionFactory(account=service.account, plan=service.plan, next_invoice_at=None)

    live_through(service.account, MONDAY, 60)

    service.refresh_from_db()
    other.refresh_from_db()
    assert (service.state, other.state) == ("canceled", "active")


def test_a_small_debt_stops_nothing_for_ninety_days():
    service = SubscriptionFactory(next_invoice_at=None)
    InvoiceFactory(subscription=service, price=20_00)

    live_through(service.account, MONDAY, 110)

    assert days_of("service.warned", service.account, MONDAY) == [90]
    assert days_of("service.suspended", service.account, MONDAY) == [98]


def test_a_person_who_must_decide_is_asked_and_nothing_stops():
    service = warned(decide_before_suspension=True)

    live_through(service.account, STOP, 1)

    service.refresh_from_db()
    assert service.state == "warned"
    assert StaffTask.objects.get().kind == "decide_suspension"


def test_an_account_that_pays_by_invoice_now_is_not_stopped_by_an_older_warning():
    service = warned()
    service.account.collection_method = CollectionMethod.SEND_INVOICE
    service.account.save()

    live_through(service.account, MONDAY + timedelta(days=15), 40)

    assert Subscription.objects.get().state != "suspended"
    assert not Event.objects.filter(type="service.suspended").exists()


def test_a_shorter_ladder_published_meanwhile_does_not_shorten_what_was_announced():
    service = warned()
    account = service.account
    old = DunningPolicy.objects.get(name=account.collection_method)
    new = DunningPolicy.objects.create(
        name=old.name, version=2, collection_method=old.collection_method, published_at=account.moment(STOP, 9)
    )
    for step in old.steps.exclude(act="cancel"):
        DunningStep.objects.create(policy=new, act=step.act, day=step.day, lead_days=step.lead_days)
    DunningStep.objects.create(policy=new, act="cancel", day=8)

    live_through(account, STOP, 32)

    assert days_of("service.canceled", account, STOP) == [30]


def test_cancellation_comes_thirty_days_after_the_stop_and_names_the_deletion():
    service = warned()

    live_through(service.account, STOP, 31)

    service.refresh_from_db()
    canceled_on = STOP + timedelta(days=30)
    assert (service.state, service.delete_on) == ("canceled", canceled_on + timedelta(days=90))
    assert service.today(service.canceled_at) == canceled_on


def test_nothing_is_canceled_before_the_stop_was_told():
    service = warned()
    account = service.account
    for n in range(50):
        run_jobs(account.moment(STOP + timedelta(days=n), 12))
    send_notices(account.moment(STOP + timedelta(days=49), 13))

    live_through(account, STOP + timedelta(days=50), 10)

    assert days_of("service.canceled", account, STOP) == [57]
    assert Invoice.objects.open().exists()
