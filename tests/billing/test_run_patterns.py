"""Whatever the pattern of runs and of the mail: no notice twice, no stop on another day, no deletion too soon."""

from __future__ import annotations

import datetime as dt
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from billing import books
from billing.calendars import is_stop_day
from billing.models import Event, Subscription
from billing.scope import Scope
from tests.billing.acting import announced_stops, owing, run_jobs, send_notices
from tests.factories import MONDAY, AccountFactory

pytestmark = pytest.mark.django_db

# Hours between runs: several a day, every day, or now and then days left out.
gaps = st.lists(st.sampled_from([2, 5, 24, 24, 24, 24, 24, 26, 24 * 4, 24 * 9]), min_size=40, max_size=60)
# Days from when to when the mail server is away.
outages = st.lists(st.tuples(st.integers(0, 150), st.integers(1, 30)), max_size=4)
zones = st.sampled_from(["Europe/Amsterdam", "Pacific/Auckland", "America/Los_Angeles"])


@given(gaps=gaps, outages=outages, zone=zones, card=st.sampled_from(["", "insufficient_funds", "stolen"]))
@settings(
    max_examples=20,
    # Without shrinking: an example is months of nights.
    phases=(Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_any_pattern_of_runs_keeps_every_announcement(
    gaps: list[int], outages: list[tuple[int, int]], zone: str, card: str
):
    service = owing(card, account=AccountFactory(time_zone=zone))

    live_irregularly(service, gaps, outages)

    assert_announced(service)


def live_irregularly(service: Subscription, gaps: list[int], outages: list[tuple[int, int]]) -> None:
    at = start = service.account.moment(MONDAY, 7)
    for gap in gaps:
        at += timedelta(hours=gap)
        assert not run_jobs(at, Scope(account=service.account.reference))["failed"]
        day = (at - start).days
        if not any(first <= day < first + length for first, length in outages):
            send_notices(at + timedelta(minutes=5))
    wrong = [line for line in books.check(at=at) if service.reference in line or line.startswith(("I1", "I4"))]
    assert [line for line in wrong if not line.startswith("I6")] == []


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
    assert all(is_stop_day(day, service.account.country) for day in stops)
    for suspended in (event for event in events if event.type == "service.suspended"):
        warning = next(event for event in reversed(events) if event.type == "service.warned")
        announced = dt.datetime.fromisoformat(warning.codes["suspend_at"])
        assert announced <= suspended.at <= announced + timedelta(days=1)
        assert (service.today(announced) - service.today(first_sent(events, warning))).days >= 7


def assert_deleted_late_enough(service: Subscription, events: list[Event]) -> None:
    for deletion in (event for event in events if event.type == "service.deletion_due"):
        canceled = next(event for event in events if event.type == "service.canceled")
        notices = [event for event in events if event.type == "service.deletion_announced"]
        of_this_date = [event for event in notices if event.codes["delete_on"] == service.delete_on.isoformat()]
        ever_sent = [event.at for event in events if event.type == "notice.sent" and event.regards in notices]
        assert deletion.at - canceled.at >= timedelta(days=90)
        assert service.today(deletion.at) >= service.delete_on
        assert deletion.at - max(first_sent(events, notice) for notice in of_this_date) >= timedelta(hours=24)
        assert (service.delete_on - service.today(min(ever_sent))).days >= 14


def first_sent(events: list[Event], notice: Event) -> dt.datetime:
    return min(event.at for event in events if event.type == "notice.sent" and event.regards_id == notice.pk)
