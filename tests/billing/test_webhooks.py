"""A webhook is verified, stored once and only hints at where to look, so order and repetition do not matter."""

from __future__ import annotations

import json
import random
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing import charging, clock, webhooks
from billing.gateways.base import InvalidWebhook
from billing.gateways.sandbox import Fault, outbox
from billing.gateways.sandbox.outbox import Webhook
from billing.models import Event, GatewayEvent, Payment, StaffTask
from billing.states import PaymentState
from tests.billing.acting import answer, owing, together

pytestmark = pytest.mark.django_db


def receive(webhook: Webhook, *, at, **headers: str) -> GatewayEvent:
    return webhooks.receive("sandbox", body=webhook.body, headers=dict(webhook.headers) | headers, at=at)


def approved(sandbox):
    """Charge a card that wants approval, and approve it; our side does not know yet."""
    owing("three_d_secure")
    at = clock.now()
    charging.collect(at=at)
    answer(sandbox, Payment.objects.get(), "approve")
    return at


@pytest.mark.usefixtures("money_ok")
def test_each_event_three_times_and_shuffled_ends_the_same(sandbox):
    at = approved(sandbox)
    deliveries = sandbox.webhooks() * 3
    random.shuffle(deliveries)

    for webhook in deliveries:
        receive(webhook, at=at)
        webhooks.process_waiting(at=at)

    assert GatewayEvent.objects.count() == len(deliveries) // 3
    assert Payment.objects.get().state == PaymentState.SUCCEEDED
    assert Event.objects.filter(type="payment.succeeded").count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("money_ok")
def test_the_same_event_at_the_same_moment_is_stored_and_booked_once(sandbox):
    at = approved(sandbox)
    webhook = sandbox.webhooks()[-1]

    def deliver():
        receive(webhook, at=at)
        return webhooks.process_waiting(at=at)

    results = together(*[deliver] * 5)

    assert not [result for result in results if isinstance(result, Exception)]
    assert GatewayEvent.objects.count() == 1
    assert Event.objects.filter(type="payment.succeeded").count() == 1


def test_what_was_processed_is_not_processed_again(sandbox):
    at = approved(sandbox)
    receive(sandbox.webhooks()[0], at=at)

    assert webhooks.process_waiting(at=at) == {"processed": 1}
    assert webhooks.process_waiting(at=at) == {}


def test_a_hint_that_lies_changes_nothing(sandbox):
    owing("three_d_secure")
    at = clock.now()
    charging.collect(at=at)
    lie = signed(sandbox, at, type="charge.succeeded", idempotency_key=Payment.objects.get().idempotency_key)

    receive(lie, at=at)
    webhooks.process_waiting(at=at)

    assert Payment.objects.get().state == PaymentState.REQUIRES_ACTION


def signed(sandbox, at, **changes: str) -> Webhook:
    event = {"id": "evt_1", "type": "x", "account": "main", "session_id": "", "idempotency_key": ""} | changes
    body = json.dumps(event).encode()
    headers = {outbox.SIGNATURE: outbox.sign(body, secret=sandbox.secret, at=at)}
    return Webhook(event["id"], event["type"], event["account"], body, headers)


def test_an_unknown_kind_is_stored_and_left_alone(sandbox):
    at = clock.now()

    receive(signed(sandbox, at, type="moon.full"), at=at)
    counts = webhooks.process_waiting(at=at)

    assert counts == {"processed": 1}
    assert GatewayEvent.objects.get().type == "moon.full"


def test_another_gateway_account_s_event_touches_nothing(sandbox):
    owing("three_d_secure")
    at = clock.now()
    charging.collect(at=at)
    payment = Payment.objects.get()
    answer(sandbox, payment, "approve")

    receive(signed(sandbox, at, account="another", idempotency_key=payment.idempotency_key), at=at)
    webhooks.process_waiting(at=at)

    assert Payment.objects.get().state == PaymentState.REQUIRES_ACTION


def test_the_same_id_of_two_gateway_accounts_are_two_events(sandbox):
    at = clock.now()

    for account in ("one", "two"):
        receive(signed(sandbox, at, account=account), at=at)

    assert GatewayEvent.objects.count() == 2


@pytest.mark.parametrize("signature", ["", "t=1,v1=00", "nonsense", "t=x,v1=y", "v1=only"])
def test_a_bad_signature_is_refused_and_not_stored(sandbox, signature: str):
    at = clock.now()

    with pytest.raises(InvalidWebhook):
        receive(signed(sandbox, at), at=at, **{outbox.SIGNATURE: signature})

    assert not GatewayEvent.objects.exists()


@pytest.mark.parametrize("minutes", [-6, 6])
def test_an_old_or_early_signature_is_refused(sandbox, minutes: int):
    at = clock.now()

    with pytest.raises(InvalidWebhook, match="too old or from the future"):
        receive(signed(sandbox, at), at=at + timedelta(minutes=minutes))


def test_a_changed_body_is_refused(sandbox):
    at = clock.now()
    webhook = signed(sandbox, at)

    with pytest.raises(InvalidWebhook):
        webhooks.receive("sandbox", body=webhook.body.replace(b"main", b"mine"), headers=webhook.headers, at=at)


@given(body=st.binary(max_size=200))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_body_breaks_the_inbox(sandbox, body: bytes):
    at = clock.now()
    headers = {outbox.SIGNATURE: outbox.sign(body, secret=sandbox.secret, at=at)}

    with pytest.raises(InvalidWebhook):
        webhooks.receive("sandbox", body=body, headers=headers, at=at)


def test_an_unknown_gateway_is_said_so():
    with pytest.raises(webhooks.UnknownGateway):
        webhooks.receive("nobody", body=b"", headers={}, at=clock.now())


@pytest.mark.usefixtures("money_ok")
def test_while_the_gateway_is_away_the_payment_stays_undecided_and_is_asked_about_later(sandbox):
    at = approved(sandbox)
    receive(sandbox.webhooks()[-1], at=at)
    sandbox.inject(Fault.UNAVAILABLE, operation="look_up")

    webhooks.process_waiting(at=at)

    payment = Payment.objects.get()
    assert payment.state == PaymentState.REQUIRES_ACTION
    assert payment.next_action_at > at


def test_staff_hear_once_of_a_webhook_that_failed_five_times(sandbox):
    at = approved(sandbox)
    event = receive(sandbox.webhooks()[-1], at=at)
    Payment.objects.update(gateway="nobody")
    GatewayEvent.objects.update(gateway="nobody")

    told = []
    for _ in range(7):
        event.refresh_from_db()
        webhooks.process_waiting(at=event.next_action_at)
        told.append(StaffTask.objects.count())

    task = StaffTask.objects.get()
    assert told == [0, 0, 0, 0, 1, 1, 1]
    assert task.kind == "webhook_stuck"
    assert task.codes == {"webhook": event.pk, "event_id": event.event_id, "error": "KeyError"}


def test_what_cannot_be_processed_backs_off_and_says_why(sandbox):
    at = clock.now()
    event = receive(signed(sandbox, at), at=at)

    moments = []
    for _ in range(6):
        webhooks._try_again_later(event, ValueError("x"), at=at)
        event.refresh_from_db()
        moments.append((event.next_action_at - at).total_seconds() / 60)

    assert moments == [1, 5, 30, 120, 120, 120]
    assert (event.attempts, event.last_error) == (6, "ValueError")
