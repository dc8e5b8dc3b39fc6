"""Data goes ninety days after cancellation at the soonest, after notices that were really out."""

from __future__ import annotations

import datetime as dt
from datetime import timedelta

import pytest
from django.db import transaction

from billing import charging, quotes, retention, settling, standing
from billing.brakes import AbnormalRun
from billing.models import (
    Account,
    DunningPolicy,
    Event,
    Invoice,
    PaymentMethod,
    SettlementPurpose,
    StaffTask,
    Subscription,
)
from tests.billing.acting import days_of, live_through, owing, run_jobs, send_notices
from tests.factories import MONDAY, ZONE, AccountFactory, PaymentFactory, PaymentMethodFactory, PlanFactory, UserFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("money_ok")]

CANCELED = MONDAY + timedelta(days=51)
DELETE_ON = CANCELED + timedelta(days=90)


def canceled(plan=None, *, zone: str = ZONE, hour: int = 12) -> Subscription:
    """Return a service that was canceled for non-payment, at noon or as told, 51 days after its due date."""
    account = AccountFactory(time_zone=zone)
    service = owing("", account=account, **({"plan": plan} if plan else {}))
    at = account.moment(CANCELED, hour)
    go_down(account, at)
    service.refresh_from_db()
    assert (service.state, service.delete_on) == ("canceled", DELETE_ON)
    return service


def go_down(account, at: dt.datetime) -> None:
    """Take the steps down without waiting for them."""
    ladder = DunningPolicy.objects.in_force(account, at=at).ladder()
    with transaction.atomic():
        standing.refresh(account, at=at)
        service = account.subscriptions.get()
        standing.warn(service, stop_on=account.today(at) + timedelta(days=7), at=at - timedelta(days=37))
        standing.suspend(service, ladder=ladder, at=at - timedelta(days=30))
        standing.cancel(service, ladder=ladder, at=at)


def announced(service) -> list[int]:
    return [(DELETE_ON - service.today(e.at)).days for e in announcements(service)]


def announcements(service) -> list[Event]:
    return list(Event.objects.filter(type="service.deletion_announced", subscription=service).order_by("pk"))


def test_four_notices_and_then_the_deletion():
    service = canceled()

    live_through(service.account, CANCELED, 95)

    assert announced(service) == [60, 30, 7, 1]
    assert days_of("service.deletion_due", service.account, DELETE_ON) == [0]


def test_ninety_days_of_twenty_four_hours_go_by_and_not_an_hour_less():
    service = canceled()
    live_through(service.account, CANCELED, 90, hour=9)
    moment = service.canceled_at + timedelta(days=90)

    retention.run(at=moment - timedelta(seconds=1))
    before = Event.objects.filter(type="service.deletion_due").exists()
    retention.run(at=moment)

    assert not before
    assert Event.objects.get(type="service.deletion_due").at == moment


def test_running_every_hour_announces_and_deletes_once():
    service = canceled()

    for hour in range(24 * 28, 24 * 93, 5):
        at = service.canceled_at + timedelta(hours=hour)
        retention.run(at=at)
        send_notices(at)

    assert [event.codes["days"] for event in announcements(service)] == [60, 30, 7, 1]
    assert Event.objects.filter(type="service.deletion_due").count() == 1


def test_after_an_outage_the_date_moves_two_weeks_beyond_the_notice():
    service = canceled()
    live_through(service.account, CANCELED, 61)

    live_through(service.account, DELETE_ON - timedelta(days=3), 30)

    back = DELETE_ON - timedelta(days=3)
    service.refresh_from_db()
    assert service.delete_on == back + timedelta(days=14)
    assert days_of("service.deletion_announced", service.account, back) == [-57, -27, 0, 7, 13]
    assert days_of("service.deletion_due", service.account, back) == [14]


def test_an_outage_over_the_date_itself_deletes_nothing_unannounced():
    service = canceled()
    back = DELETE_ON + timedelta(days=40)

    live_through(service.account, back, 1)

    service.refresh_from_db()
    assert service.delete_on == back + timedelta(days=14)
    assert not Event.objects.filter(type="service.deletion_due").exists()


def test_notices_that_never_went_out_do_not_count():
    service = canceled()
    for n in range(100):
        run_jobs(service.account.moment(CANCELED + timedelta(days=n), 12))

    service.refresh_from_db()
    assert service.delete_on > DELETE_ON
    assert not Event.objects.filter(type="service.deletion_due").exists()


def test_the_last_notice_is_out_for_a_day():
    service = canceled()
    account = service.account
    live_through(account, CANCELED, 89)
    retention.run(at=account.moment(DELETE_ON - timedelta(days=1), 12))
    out = account.moment(DELETE_ON - timedelta(days=1), 22)
    send_notices(out)

    retention.run(at=out + timedelta(hours=23, minutes=59))
    early = Event.objects.filter(type="service.deletion_due").exists()
    retention.run(at=out + timedelta(hours=24))

    assert not early
    assert Event.objects.filter(type="service.deletion_due").exists()


def test_the_date_only_ever_moves_later():
    service = canceled()
    dates = [service.delete_on]
    for n in range(0, 200, 9):
        at = service.account.moment(CANCELED + timedelta(days=n), 12)
        run_jobs(at)
        send_notices(at)
        service.refresh_from_db()
        dates.append(service.delete_on)

    assert dates == sorted(dates)


def test_paid_before_the_date_brings_everything_back(sandbox):
    service = canceled()
    account, by = service.account, UserFactory()
    live_through(account, CANCELED, 89)
    at = account.moment(DELETE_ON - timedelta(days=1), 12)
    card = PaymentMethodFactory(account=account, is_default=False)
    digest = quotes.quote(account, at=at).digest
    settlement = settling.consent(account, purpose=SettlementPurpose.PAY, digest=digest, by=by, at=at)

    settling.settle(settlement, method=card, by=by, at=at)
    live_through(account, DELETE_ON, 5)

    service.refresh_from_db()
    assert (service.state, service.delete_on, service.disabled_reasons) == ("active", None, [])
    assert not Event.objects.filter(type="service.deletion_due").exists()


def test_paid_after_the_deletion_was_asked_for_does_not_bring_it_back_by_itself():
    service = canceled()
    account = service.account
    live_through(account, CANCELED, 95)
    PaymentMethodFactory(account=account)
    at = account.moment(DELETE_ON + timedelta(days=6), 12)
    Invoice.objects.update(next_charge_at=at)

    charging.collect(at=at)

    service.refresh_from_db()
    assert not Invoice.objects.open().exists()
    assert service.state == "canceled"
    assert PaymentMethod.objects.count() == 1


@pytest.mark.parametrize(("zone", "hour"), [(ZONE, 12), ("Pacific/Auckland", 10), ("America/Los_Angeles", 20)])
def test_eleven_deletions_at_once_stop_the_night(zone: str, hour: int):
    plan = PlanFactory()
    services = [canceled(plan, zone=zone, hour=hour) for _ in range(11)]
    live_through(services[0].account, CANCELED, 90, hour=9)

    with pytest.raises(AbnormalRun, match="11 deletions"):
        retention.run(at=services[0].account.moment(DELETE_ON, hour))

    assert StaffTask.objects.get().kind == "abnormal_night"
    assert not Event.objects.filter(type="service.deletion_due").exists()


def test_an_account_in_no_time_zone_keeps_no_other_from_its_end():
    plan = PlanFactory()
    bad, good = canceled(plan), canceled(plan)
    live_through(good.account, CANCELED, 90, hour=9)
    Account.objects.filter(pk=bad.account_id).update(time_zone="Nowhere/Atlantis")

    counts = retention.run(at=good.account.moment(DELETE_ON, 12))

    assert counts == {"deletion_due": 1, "failed": 1}
    assert StaffTask.objects.get().account == bad.account


def test_an_outage_is_not_an_abnormal_night():
    plan = PlanFactory()
    services = [canceled(plan) for _ in range(11)]
    at = services[0].account.moment(DELETE_ON + timedelta(days=20), 12)

    counts = retention.run(at=at)

    assert counts["announced"] == 11
    assert {s.delete_on for s in Subscription.objects.all()} == {DELETE_ON + timedelta(days=34)}


def test_one_notice_that_reached_nobody_is_one_too_few():
    service = canceled()
    account = service.account
    live_through(account, CANCELED, 83)
    retention.run(at=account.moment(DELETE_ON - timedelta(days=7), 12))
    lost = announcements(service)[-1]
    Event.objects.filter(pk=lost.pk).update(dispatched_at=account.moment(DELETE_ON - timedelta(days=7), 12))

    live_through(account, DELETE_ON - timedelta(days=6), 7)

    service.refresh_from_db()
    assert lost.codes["days"] == 7
    assert service.delete_on == DELETE_ON + timedelta(days=14)
    assert not Event.objects.filter(type="service.deletion_due").exists()


def test_notices_that_all_went_out_in_the_last_days_give_two_weeks_more():
    service = canceled()
    account = service.account
    back = DELETE_ON - timedelta(days=5)
    for n in range(86):
        run_jobs(account.moment(CANCELED + timedelta(days=n), 9))

    live_through(account, back, 60)

    deletion = Event.objects.get(type="service.deletion_due")
    assert (account.today(deletion.at) - back).days >= 14


def test_nothing_is_deleted_while_money_may_be_on_its_way():
    service = canceled()
    account = service.account
    live_through(account, CANCELED, 90)
    card = PaymentMethodFactory(account=account)
    PaymentFactory(
        account=account,
        seller=service.seller,
        payment_method=card,
        state="unknown",
        created_at=account.moment(DELETE_ON, 0),
    )

    live_through(account, DELETE_ON, 3)

    service.refresh_from_db()
    assert service.deletion_due_at is None


def test_an_account_that_has_come_to_pay_by_invoice_keeps_its_data():
    service = canceled()
    Account.objects.update(collection_method="send_invoice")

    live_through(service.account, CANCELED, 95)

    assert not Event.objects.filter(type__in=("service.deletion_announced", "service.deletion_due")).exists()
