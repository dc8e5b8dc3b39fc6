"""Deleting takes two phases and, sooner than announced, an administrator's demand that others can stop."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction

from billing import erasing, leaving, purge, retention
from billing.leaving import Tries
from billing.models import ErasureDemand, Event, Hold, StaffTask
from tests.billing.acting import live_through, send_notices
from tests.factories import MONDAY, MembershipFactory, SubscriptionFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def service(db):
    return SubscriptionFactory(next_invoice_at=None, next_period_on=MONDAY + timedelta(days=28))


@pytest.fixture
def by(service):
    return MembershipFactory(account=service.account).user


def noon(service, days: int = 0):
    return service.account.moment(MONDAY + timedelta(days=days), 12)


@pytest.fixture
def canceled(service, by):
    return leaving.cancel_now(service, tries=Tries.GO_ON, by=by, at=noon(service))


@pytest.fixture
def purging(canceled):
    live_through(canceled.account, MONDAY, 95)
    canceled.refresh_from_db()
    assert canceled.is_purging
    return canceled


def test_only_the_acknowledgement_ends_the_service(purging, by):
    before = purging.state

    purge.acknowledge(purging, at=noon(purging, 96), by=by)

    purging.refresh_from_db()
    assert (before, purging.state, purging.deleted_at) == ("canceled", "deleted", noon(purging, 96))
    assert Event.objects.get(type="service.deleted").actor == by
    with pytest.raises(purge.NotPurging):
        purge.acknowledge(purging, at=noon(purging, 97), by=by)


def test_what_was_never_asked_for_is_not_acknowledged(canceled, by):
    with pytest.raises(purge.NotPurging):
        purge.acknowledge(canceled, at=noon(canceled, 3), by=by)


def test_a_week_without_an_answer_is_put_before_staff_once(purging):
    live_through(purging.account, MONDAY + timedelta(days=95), 20)

    task = StaffTask.objects.get(kind="purge_unanswered")
    assert (purging.today(task.opened_at) - purging.today(purging.deletion_due_at)).days == 7


def test_called_off_it_is_kept_two_weeks_more_and_announced_anew(purging, by):
    purge.call_off(purging, by=by, at=noon(purging, 96))
    kept_until = purging.__class__.objects.get().delete_on
    live_through(purging.account, MONDAY + timedelta(days=96), 13)
    purging.refresh_from_db()
    before = purging.is_purging

    live_through(purging.account, MONDAY + timedelta(days=109), 8)

    purging.refresh_from_db()
    assert kept_until == MONDAY + timedelta(days=110)
    assert (before, purging.is_purging) == (False, True)
    assert Event.objects.filter(type="service.deletion_due").count() == 2


def test_the_command_lists_and_acknowledges(purging):
    listed, done, after = StringIO(), StringIO(), StringIO()

    call_command("purge_data", stdout=listed)
    call_command("purge_data", acknowledge=purging.reference, stdout=done)
    call_command("purge_data", stdout=after)

    assert purging.reference in listed.getvalue()
    assert done.getvalue() == f"{purging.reference} is deleted\n"
    assert after.getvalue() == "nothing waits to be deleted\n"


@pytest.mark.parametrize("reference", ["S-NOSUCHSERVICE", None])
def test_the_command_refuses_what_does_not_wait(canceled, reference):
    with pytest.raises(CommandError) as refusal:
        call_command("purge_data", acknowledge=reference or canceled.reference)

    assert refusal.value.returncode == 2


@pytest.mark.parametrize("kind", ["dispute", "support", "legal"])
def test_a_hold_pauses_and_moves_the_deletion(canceled, kind):
    live_through(canceled.account, MONDAY, 80)
    hold(canceled, kind, first=80, last=120)

    live_through(canceled.account, MONDAY + timedelta(days=80), 53)
    canceled.refresh_from_db()
    before = canceled.is_purging
    live_through(canceled.account, MONDAY + timedelta(days=133), 4)

    canceled.refresh_from_db()
    announced = [canceled.today(e.at) - MONDAY for e in Event.objects.filter(type="service.deletion_announced")]
    assert not [after.days for after in announced if 80 <= after.days < 120]
    assert (before, canceled.is_purging) == (False, True)


def test_a_promise_to_pay_pauses_no_deletion(canceled):
    hold(canceled, "promise", first=0, last=120)

    live_through(canceled.account, MONDAY, 95)

    canceled.refresh_from_db()
    assert canceled.is_purging


def hold(service, kind: str, *, first: int, last: int) -> Hold:
    return Hold.objects.create(
        kind=kind, account=service.account, reason="asked", starts_at=noon(service, first), ends_at=noon(service, last)
    )


def test_erased_after_seventy_two_hours_and_not_a_minute_sooner(canceled, by):
    at = noon(canceled, 1)
    erasing.demand(canceled, by=by, at=at)
    send_notices(at)

    retention.run(at=at + timedelta(hours=71, minutes=59))
    ErasureDemand.objects.update(next_action_at=at)
    retention.run(at=at + timedelta(hours=71, minutes=59))
    canceled.refresh_from_db()
    before = canceled.is_purging
    ErasureDemand.objects.update(next_action_at=at)
    retention.run(at=at + timedelta(hours=72))

    canceled.refresh_from_db()
    assert (before, canceled.is_purging) == (False, True)


def test_nothing_is_erased_of_which_nobody_was_told(canceled, by):
    erasing.demand(canceled, by=by, at=noon(canceled, 1))

    for day in range(1, 20):
        retention.run(at=noon(canceled, day))

    canceled.refresh_from_db()
    assert not canceled.is_purging


def test_a_hold_keeps_from_erasing(canceled, by):
    hold(canceled, "legal", first=0, last=60)
    erasing.demand(canceled, by=by, at=noon(canceled, 1))
    send_notices(noon(canceled, 1))

    for day in range(1, 30):
        retention.run(at=noon(canceled, day))

    canceled.refresh_from_db()
    assert not canceled.is_purging


def test_withdrawn_it_is_not_erased(canceled, by):
    wanted = erasing.demand(canceled, by=by, at=noon(canceled, 1))
    send_notices(noon(canceled, 1))
    erasing.withdraw(wanted, by=by, at=noon(canceled, 2))

    live_through(canceled.account, MONDAY + timedelta(days=2), 10)

    canceled.refresh_from_db()
    assert not canceled.is_purging
    with pytest.raises(erasing.NothingDemanded):
        erasing.withdraw(wanted, by=by, at=noon(canceled, 3))


def test_what_came_back_is_not_erased(canceled, by):
    wanted = erasing.demand(canceled, by=by, at=noon(canceled, 1))
    send_notices(noon(canceled, 1))
    leaving.reactivate(canceled, by=by, at=noon(canceled, 2))

    live_through(canceled.account, MONDAY + timedelta(days=2), 10)

    canceled.refresh_from_db()
    wanted.refresh_from_db()
    assert (canceled.state, canceled.is_purging) == ("active", False)
    assert wanted.withdrawn_at is not None


def test_only_administrators_demand(canceled):
    payer = MembershipFactory(account=canceled.account, role="payer").user

    for stranger in (payer, UserFactory()):
        with pytest.raises(erasing.NotAdministrator):
            erasing.demand(canceled, by=stranger, at=noon(canceled, 1))


def test_what_runs_is_not_erased(service, by):
    with pytest.raises(erasing.NotCanceled):
        erasing.demand(service, by=by, at=noon(service, 1))


def test_one_demand_at_a_time(canceled, by):
    wanted = erasing.demand(canceled, by=by, at=noon(canceled, 1))

    with pytest.raises(erasing.AlreadyDemanded):
        erasing.demand(canceled, by=by, at=noon(canceled, 2))
    with pytest.raises(IntegrityError, match=r"erasure_one_open_per_service|UNIQUE"), transaction.atomic():
        ErasureDemand.objects.create(
            subscription=canceled, demanded_by=by, demanded_at=wanted.demanded_at, due_at=wanted.due_at
        )
