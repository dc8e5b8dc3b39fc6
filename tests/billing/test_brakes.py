"""An abnormal night stops itself before it does harm."""

from __future__ import annotations

from datetime import timedelta

import pytest

from billing import charging, dunning, staffing
from billing.brakes import AbnormalRun, ChargeBrake, usual_limit
from billing.events import record
from billing.models import Event, Payment, StaffTask, Subscription
from billing.states import PaymentState
from tests.billing.acting import live_through, owing, run_jobs
from tests.factories import MONDAY, PlanFactory, SubscriptionFactory, UserFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("money_ok")]


def payments(refused: int, charged: int) -> list[Payment]:
    return [Payment(state=PaymentState.FAILED)] * refused + [Payment(state=PaymentState.SUCCEEDED)] * charged


@pytest.mark.parametrize(
    ("refused", "charged", "stops"), [(19, 0, False), (20, 0, True), (8, 12, False), (9, 11, True), (400, 600, False)]
)
def test_the_brake_goes_on_above_forty_percent_of_twenty(refused: int, charged: int, stops):
    brake = ChargeBrake()

    brake.count(payments(refused, charged))

    assert brake.is_on is stops


def test_a_storm_of_refusals_stops_collecting_and_asks_staff(sandbox):
    plan = PlanFactory()
    services = [owing("insufficient_funds", plan=plan) for _ in range(22)]
    at = services[0].account.moment(MONDAY, 12)

    with pytest.raises(AbnormalRun) as stopped:
        charging.collect(at=at)

    assert stopped.value.counts["refused"] == 20
    assert len(sandbox.charges()) == 20
    assert StaffTask.objects.get().kind == "abnormal_night"
    assert Event.objects.get(type="dunning.stopped").codes["job"] == "collecting"


def test_after_a_storm_nothing_more_is_asked_until_staff_have_looked(sandbox):
    plan = PlanFactory()
    services = [owing("insufficient_funds", plan=plan) for _ in range(22)]
    at = services[0].account.moment(MONDAY, 12)
    with pytest.raises(AbnormalRun):
        charging.collect(at=at)

    with pytest.raises(AbnormalRun):
        charging.collect(at=at + timedelta(hours=1))
    asked_before = len(sandbox.charges())
    staffing.finish(StaffTask.objects.get(), by=UserFactory(), at=at + timedelta(hours=2))
    charging.collect(at=at + timedelta(hours=2))

    assert asked_before == 20
    assert len(sandbox.charges()) == 22
    assert Event.objects.filter(type="dunning.stopped").count() == 1


@pytest.mark.parametrize(("seen", "limit"), [(0, 10), (100, 10), (110, 11), (600, 60)])
def test_the_limit_is_ten_or_three_times_the_daily_mean(seen: int, limit: int):
    at = SubscriptionFactory().account.moment(MONDAY, 12)
    for _ in range(seen):
        record("service.suspended", at=at - timedelta(days=1))
    record("service.suspended", at=at - timedelta(days=31))

    assert usual_limit("service.suspended", at=at) == limit


def warned(count: int) -> Subscription:
    """Let services owe money until the morning on which all of them are to stop."""
    plan = PlanFactory()
    services = [owing("", plan=plan) for _ in range(count)]
    live_through(services[0].account, MONDAY + timedelta(days=14), 7)
    return services[0]


def test_ten_stops_are_a_normal_night():
    service = warned(10)

    counts = dunning.run(at=service.account.moment(MONDAY + timedelta(days=21), 12))

    assert counts["suspended"] == 10


@pytest.mark.parametrize(("days", "hour"), [(21, 12), (22, 2), (22, 10)])
def test_eleven_stops_are_not_and_none_is_made(days: int, hour: int):
    service = warned(11)
    at = service.account.moment(MONDAY + timedelta(days=days), hour)

    with pytest.raises(AbnormalRun, match="11 services would stop, 10 is usual"):
        dunning.run(at=at)

    assert not Subscription.objects.filter(state="suspended").exists()
    assert StaffTask.objects.get().kind == "abnormal_night"


def test_an_outage_on_the_stop_day_is_not_an_abnormal_night():
    service = warned(11)
    at = service.account.moment(MONDAY + timedelta(days=28), 12)

    counts = dunning.run(at=at)

    assert counts["warned"] == 11
    assert not Subscription.objects.filter(state="suspended").exists()


def test_reminders_still_go_out_on_a_night_that_stops_itself():
    service = warned(11)
    plan = PlanFactory()
    reminded = owing("", plan=plan)

    with pytest.raises(AbnormalRun):
        dunning.run(at=service.account.moment(MONDAY + timedelta(days=21), 12))

    assert Event.objects.filter(type="dunning.reminded", account=reminded.account).count() == 1


def test_after_staff_have_looked_an_abnormal_night_goes_on():
    service = warned(11)
    at = service.account.moment(MONDAY + timedelta(days=21), 12)
    with pytest.raises(AbnormalRun):
        dunning.run(at=at)
    staffing.finish(StaffTask.objects.get(), by=UserFactory(), at=at)

    counts = dunning.run(at=at + timedelta(hours=1))

    assert counts["suspended"] == 11


def test_stops_whose_notice_was_not_out_are_no_part_of_an_abnormal_night():
    plan = PlanFactory()
    services = [owing("", plan=plan) for _ in range(11)]
    account = services[0].account
    for day in range(14, 21):
        run_jobs(account.moment(MONDAY + timedelta(days=day), 12))

    counts = dunning.run(at=account.moment(MONDAY + timedelta(days=21), 12))

    assert counts["warned"] == 11
    assert not StaffTask.objects.filter(kind="abnormal_night").exists()
