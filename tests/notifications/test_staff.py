"""Staff hear by mail that a run stopped itself; customers hear nothing."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from billing.events import record
from billing.scope import Scope
from billing.states import InvalidTransition
from notifications import delivery, staff
from notifications.models import Delivery
from tests.mailbox import Mailbox, text_of

pytestmark = pytest.mark.django_db

AT = datetime(2026, 3, 2, 11, tzinfo=UTC)


def test_a_run_that_stopped_itself_is_told_to_staff_once(mailbox: Mailbox, settings):
    settings.STAFF_EMAIL = "billing-team@example.com"
    record("dunning.stopped", at=AT, job="suspending", wanted=40, limit=10)

    delivery.run(at=AT)
    delivery.run(at=AT)

    [message] = mailbox.messages
    assert message["To"] == "billing-team@example.com"
    assert "wanted: 40" in text_of(message)
    assert "/admin/billing/stafftask/" in text_of(message)


def test_a_run_that_stops_itself_during_a_dispatch_is_told_by_the_next(mailbox: Mailbox, settings, monkeypatch):
    settings.STAFF_EMAIL = "billing-team@example.com"
    dispatch = staff.dispatch

    def stopped_just_after(*, at: datetime) -> int:
        made = dispatch(at=at)
        record("dunning.stopped", at=AT, job="suspending", wanted=40, limit=10)
        return made

    with monkeypatch.context() as patch:
        patch.setattr(staff, "dispatch", stopped_just_after)
        delivery.run(at=AT)
    delivery.run(at=AT)

    assert len(mailbox.messages) == 1


def test_staff_hear_also_when_the_run_is_for_one_time_zone(mailbox: Mailbox, settings):
    settings.STAFF_EMAIL = "billing-team@example.com"
    record("dunning.stopped", at=AT, job="suspending", wanted=40, limit=10)

    delivery.run(at=AT, scope=Scope(zone="Europe/Amsterdam"))

    assert len(mailbox.messages) == 1


def test_an_illegal_move_names_no_address():
    record("dunning.stopped", at=AT, job="suspending", wanted=40, limit=10)
    delivery.run(at=AT)
    mail = Delivery.objects.get()

    with pytest.raises(InvalidTransition) as refused:
        mail.move("queued" if mail.state == "accepted" else "nowhere")

    assert "@" not in str(refused.value)
