"""Whatever the pattern of runs and of the mail: no notice twice, no stop on another day, no deletion too soon."""

from __future__ import annotations

import datetime as dt
from datetime import timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing import books
from billing.calendars import is_stop_day
from billing.models import Event, Subscription
from tests.billing.acting import announced_stops, owing, run_jobs, send_notices
from tests.factories import MONDAY, AccountFactory

pytestmark = pytest.mark.django_db

# Hours between runs: several a day, every day, or now and then a week left out.
gaps = st.lists(
    st.one_of(st.integers(1, 12), st.just(24), st.integers(20, 30), st.integers(24 * 3, 24 * 12)),
    min_size=30,
    max_size=45,
)
# Whether the mail server is there after a run.
mail = st.lists(st.sampled_from([True, True, True, False]), min_size=45, max_size=45)
zones = st.sampled_from(["Europe/Amsterdam", "Pacific/Auckland", "America/Los_Angeles"])


class Undo(Exception):
    """Rolls the example back."""


@given(gaps=gaps, mail=mail, zone=zones, card=st.sampled_from(["", "insufficient_funds", "stolen"]))
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_any_pattern_of_runs_keeps_every_announcement(gaps: list[int], mail: list[bool], zone: str, card: str):
    try:
        with transaction.atomic():
            service = owing(card, account=AccountFactory(time_zone=zone))
            live_irregularly(service, gaps, mail)
            assert_announced(service)
            raise Undo
    except Undo:
        return


def live_irregularly(service: Subscription, gaps: list[int], mail: list[bool]) -> None:
    at = service.account.moment(MONDAY, 7)
    for gap, mail_works in zip(gaps, mail, strict=False):
        at += timedelta(hours=gap)
        run_jobs(at)
        if mail_works:
            send_notices(at + timedelta(minutes=5))
    assert [line for line in books.check(at=at) if not line.startswith("I6")] == []


def assert_announced(service: Subscription) -> None:
    service.refresh_from_db()
    events = list(Event.objects.filter(account=service.account).order_by("pk"))
    for type_ in ("dunning.opened", "service.suspended", "service.canceled", "service.deletion_due"):
        assert len([event for event in events if event.type == type_]) <= 1, type_
    assert_reminded_upwards(events)
    assert_stopped_as_announced(service, events)
    assert_deleted_late_enough(service, events)


def assert_reminded_upwards(events: list[Event]) -> None:
    days = [event.codes["day"] for event in events if event.type == "dunning.reminded"]
    assert days == sorted(set(days))


def assert_stopped_as_announced(service: Subscription, events: list[Event]) -> None:
    stops = announced_stops(service)
    assert stops == sorted(set(stops))
    for suspended in (event for event in events if event.type == "service.suspended"):
        day = service.today(suspended.at)
        warning = next(event for event in reversed(events) if event.type == "service.warned")
        assert day == stops[-1]
        assert is_stop_day(day, service.account.country)
        assert (day - service.today(first_sent(events, warning))).days >= 7


def assert_deleted_late_enough(service: Subscription, events: list[Event]) -> None:
    for deletion in (event for event in events if event.type == "service.deletion_due"):
        canceled = next(event for event in events if event.type == "service.canceled")
        notices = [event for event in events if event.type == "service.deletion_announced"]
        last_date = [event for event in notices if event.codes["delete_on"] == service.delete_on.isoformat()]
        sent = sorted(first_sent(events, notice) for notice in last_date)
        assert deletion.at - canceled.at >= timedelta(days=90)
        assert service.today(deletion.at) >= service.delete_on
        assert deletion.at - sent[-1] >= timedelta(hours=24)
        assert (service.delete_on - service.today(sent[0])).days >= 14


def first_sent(events: list[Event], notice: Event) -> dt.datetime:
    return min(event.at for event in events if event.type == "notice.sent" and event.regards_id == notice.pk)
