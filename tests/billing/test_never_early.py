"""Whatever the clock, the zone, the policy and the holds do: no data goes before its time and its notices."""

from __future__ import annotations

import datetime as dt
from datetime import timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from billing import leaving, retention, standing
from billing.defaults import LADDERS
from billing.leaving import Tries
from billing.models import Account, Act, DunningPolicy, DunningStep, Event, Hold, Subscription
from billing.scope import Scope
from tests.billing.acting import send_notices
from tests.factories import MONDAY, AccountFactory, SubscriptionFactory, UserFactory

pytestmark = pytest.mark.django_db

KEPT = timedelta(days=90)
ZONES = ["Europe/Amsterdam", "Pacific/Auckland", "America/Los_Angeles", "Pacific/Kiritimati", "Etc/GMT+12"]
MAIL = st.sampled_from(["run"] * 4 + ["mail_is_away", "mail_is_back"])
# Then from one moment at which something is due to the next, until the data goes.
TO_THE_END = [("mail_is_back", 1)] + [("hop", 0)] * 60
turns = st.one_of(
    st.tuples(MAIL, st.sampled_from([1, 5, 24, 24, 24, 48, 24 * 9, 24 * 20])),
    st.tuples(st.just("zone"), st.sampled_from(ZONES)),
    st.tuples(st.just("policy"), st.sampled_from([1, 14, 30, 90])),
    st.tuples(st.just("clock_back"), st.sampled_from([1, 24])),
    st.tuples(st.sampled_from(["dispute", "support", "legal"]), st.integers(1, 40)),
)


@given(turns=st.lists(turns, max_size=30), zone=st.sampled_from(ZONES), hour=st.sampled_from([0, 12, 23]))
@settings(
    max_examples=15,
    phases=(Phase.reuse, Phase.generate),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_nothing_brings_the_deletion_nearer(turns, zone: str, hour: int):
    with transaction.atomic():
        live([*turns, *TO_THE_END], zone, hour)
        transaction.set_rollback(True)


def live(turns: list[tuple[str, object]], zone: str, hour: int) -> None:
    service = SubscriptionFactory(account=AccountFactory(time_zone=zone), next_invoice_at=None)
    at = canceled_at = service.account.moment(MONDAY, hour)
    leaving.cancel_now(service, tries=Tries.GO_ON, by=UserFactory(), at=at)
    service.refresh_from_db()
    scope, is_mail_away, dates = Scope(account=service.account.reference), False, []
    for act, how in turns:
        if act in ("run", "mail_is_away", "mail_is_back"):
            is_mail_away = act == "mail_is_away" or (is_mail_away and act != "mail_is_back")
            at += timedelta(hours=how)
        elif act == "hop":
            at = max(at + timedelta(hours=1), service.next_action_at)
        elif act == "zone":
            Account.objects.filter(pk=service.account_id).update(time_zone=how)
        elif act == "policy":
            publish(how, at=at)
        elif act == "clock_back":
            at -= timedelta(hours=how)
        else:
            Hold.objects.create(
                kind=act, account=service.account, reason="asked", starts_at=at, ends_at=at + timedelta(days=how)
            )
        was_held = Hold.objects.in_force(at=at).for_account(service.account).exists()
        if retention.due_accounts(at=at, scope=scope):
            assert not retention.run(at=at, scope=scope)["failed"]
        if not is_mail_away:
            send_notices(at)
        service.refresh_from_db()
        if service.is_purging:
            assert not was_held
            break
        dates.append(service.delete_on)
    assert dates == sorted(dates)
    assert_late_enough(service, canceled_at)


def publish(days: int, *, at: dt.datetime) -> None:
    """Publish a ladder on which data is kept for fewer days, with a notice on the last alone."""
    version = DunningPolicy.objects.filter(name="charge_automatically").count() + 1
    policy = DunningPolicy.objects.create(
        name="charge_automatically", version=version, collection_method="charge_automatically", published_at=at
    )
    changed = [step for step in LADDERS["charge_automatically"] if step[0] not in (Act.DELETE, Act.DELETION_NOTICE)]
    changed += [(Act.DELETE, days, 0), (Act.DELETION_NOTICE, 1, 1)]
    DunningStep.objects.bulk_create(
        DunningStep(policy=policy, act=act, day=day, lead_days=lead) for act, day, lead in changed
    )


def assert_late_enough(service: Subscription, canceled_at: dt.datetime) -> None:
    for due in Event.objects.filter(type="service.deletion_due", subscription=service):
        assert due.at >= canceled_at + KEPT
        notices = Event.objects.filter(type="service.deletion_announced", subscription=service)
        of_its_date = [notice for notice in notices if notice.codes["delete_on"] == service.delete_on.isoformat()]
        out = [first_sent(notice) for notice in of_its_date]
        assert out
        assert max(out) + timedelta(hours=24) <= due.at
        assert min(first_sent(notice) for notice in notices) + timedelta(days=13) <= due.at


def first_sent(notice: Event) -> dt.datetime:
    sent = [event.at for event in Event.objects.filter(type="notice.sent", regards=notice)]
    return min(sent, default=dt.datetime.max.replace(tzinfo=dt.UTC))


def test_a_policy_with_fewer_days_changes_nothing_that_was_canceled_before():
    service = SubscriptionFactory(next_invoice_at=None)
    at = service.account.moment(MONDAY, 12)
    leaving.cancel_now(service, tries=Tries.GO_ON, by=UserFactory(), at=at)
    publish(14, at=at)

    for day in range(90):
        moment = service.account.moment(MONDAY + timedelta(days=day), 11)
        assert not retention.run(at=moment)["failed"]
        send_notices(moment)

    service.refresh_from_db()
    assert not service.is_purging
    assert service.keep_until == at + KEPT


def test_the_ninety_days_are_counted_in_hours_in_every_zone():
    service = SubscriptionFactory(next_invoice_at=None, account=AccountFactory(time_zone="Pacific/Kiritimati"))
    at = service.account.moment(MONDAY, 12)
    with transaction.atomic():
        ladder = DunningPolicy.objects.in_force(service.account, at=at).ladder()
        standing.cancel(service, ladder=ladder, at=at)

    assert service.keep_until - service.canceled_at == KEPT
