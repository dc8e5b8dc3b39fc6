"""Staff hear by mail that a run stopped itself; customers hear nothing."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from billing.events import record
from notifications import delivery
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
