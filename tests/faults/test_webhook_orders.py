"""F23: whatever arrives, how often, how late, in whatever order: the end is the same."""

from __future__ import annotations

import json
import os
from datetime import timedelta

import pytest
from django.db import transaction
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing import charging, clock, reconciling, webhooks
from billing.gateways.base import InvalidWebhook
from billing.gateways.sandbox import Engine, outbox
from billing.models import Event, GatewayEvent, Invoice, Payment
from tests.billing.acting import answer, owing
from tests.conftest import assert_money_ok

pytestmark = pytest.mark.django_db

PERMUTATIONS = int(os.environ.get("SOAK_PERMUTATIONS", "25"))
TEN_MEGABYTES = 10 * 1024 * 1024
CARDS = {"three_d_secure": "approve", "three_d_secure ": "refuse", "good": "", "do_not_honour": ""}


def deliver(sandbox: Engine, body: bytes, *, at, sign_at=None, secret: str = "") -> GatewayEvent | None:
    """Post a body as the gateway does; ``None`` when it is refused."""
    signature = outbox.sign(body, secret=secret or sandbox.secret, at=sign_at or at)
    try:
        return webhooks.receive("sandbox", body=body, headers={outbox.SIGNATURE: signature}, at=at)
    except InvalidWebhook:
        return None


def changed(body: bytes, **fields: str) -> bytes:
    return json.dumps(json.loads(body) | fields).encode()


def end_state() -> tuple[object, ...]:
    """Return what became of everything, as far as a customer or an accountant can see it."""
    return (
        sorted(Payment.objects.values_list("account_id", "state", "amount", "unapplied")),
        sorted(Invoice.objects.values_list("account_id", "state", "amount_paid")),
        sorted(Event.objects.exclude(type="payment.unknown").values_list("account_id", "type")),
    )


def charged_and_answered(sandbox: Engine) -> None:
    """Charge a card of each kind; those that want approval are approved or refused before we hear of it."""
    at = clock.now()
    for card in CARDS:
        owing(card.strip())
    charging.collect(at=at)
    for payment, action in zip(Payment.objects.filter(state="requires_action"), ("approve", "refuse"), strict=True):
        answer(sandbox, payment, action)


def test_every_order_of_every_event_ends_the_same(sandbox):
    charged_and_answered(sandbox)
    at = clock.now() + timedelta(days=3)
    sandbox.clock = lambda: at
    bodies = [webhook.body for webhook in sandbox.webhooks()]
    strange = [changed(bodies[0], id="evt_new", type="payout.maybe"), changed(bodies[-1], account="another")]
    ends: list[tuple[object, ...]] = []

    @settings(
        max_examples=PERMUTATIONS,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(
        order=st.permutations((bodies + strange) * 3), process_after=st.lists(st.booleans(), min_size=40, max_size=40)
    )
    def arrive(order: list[bytes], process_after: list[bool]) -> None:
        before = transaction.savepoint()
        for body, now in zip(order, process_after, strict=False):
            deliver(sandbox, body, at=at)
            if now:
                webhooks.process_waiting(at=at)
        webhooks.process_waiting(at=at)
        ends.append(end_state())
        assert_money_ok(sandbox)
        transaction.savepoint_rollback(before)

    arrive()

    assert len(ends) >= PERMUTATIONS
    assert all(end == ends[0] for end in ends)
    assert {state for _, state, *_ in ends[0][0]} == {"succeeded", "failed"}


def test_what_is_not_the_gateways_is_refused_and_changes_nothing(sandbox):
    charged_and_answered(sandbox)
    at, body, before = clock.now(), sandbox.webhooks()[-1].body, end_state()

    assert deliver(sandbox, body, at=at, secret="somebody else's") is None
    assert deliver(sandbox, body, at=at, sign_at=at - timedelta(minutes=6)) is None
    assert deliver(sandbox, body, at=at, sign_at=at + timedelta(minutes=6)) is None
    assert deliver(sandbox, b"{}", at=at) is None
    assert deliver(sandbox, b"[1, 2", at=at) is None
    assert not GatewayEvent.objects.exists()
    assert end_state() == before


def test_a_body_of_ten_megabytes_is_refused(sandbox):
    body = b"x" * TEN_MEGABYTES
    signature = outbox.sign(body, secret=sandbox.secret, at=clock.now())

    answer_ = Client(raise_request_exception=False).post(
        "/webhooks/sandbox/", data=body, content_type="application/json", headers={outbox.SIGNATURE: signature}
    )

    assert answer_.status_code in (400, 413)
    assert not GatewayEvent.objects.exists()


def test_an_event_of_another_account_at_the_gateway_moves_nothing_of_ours(sandbox):
    owing("three_d_secure")
    at = clock.now()
    charging.collect(at=at)
    payment = Payment.objects.get()
    answer(sandbox, payment, "approve")
    theirs = changed(sandbox.webhooks()[-1].body, account="another", id="evt_theirs")

    deliver(sandbox, theirs, at=at)
    webhooks.process_waiting(at=at)

    payment.refresh_from_db()
    assert payment.state == "requires_action"


def test_events_that_never_came_are_made_up_for_by_asking(sandbox):
    charged_and_answered(sandbox)

    reconciling.run(at=clock.now() + timedelta(minutes=2))

    assert not Payment.objects.undecided().exists()
    assert_money_ok(sandbox)
