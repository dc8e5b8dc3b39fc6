"""Which events arise, how they are signed, delivered and verified."""

from __future__ import annotations

from datetime import timedelta

import pytest

from billing.gateways.base import InvalidWebhook
from billing.gateways.sandbox import outbox

RETURN_URL = "http://localhost:8000/back"


@pytest.fixture
def events(engine):
    return lambda: [webhook.type for webhook in engine.webhooks()]


@pytest.fixture
def webhook(engine, gateway, request_for):
    gateway.charge(request_for("good"))
    [webhook] = engine.undelivered_webhooks()
    return webhook


@pytest.mark.parametrize(
    ("card", "types"),
    [
        ("good", ["charge.succeeded"]),
        ("lost_answer", ["charge.succeeded"]),
        ("stolen", ["charge.failed"]),
        ("three_d_secure", ["charge.requires_action"]),
        ("late_failure", []),
        ("times_out", []),
    ],
)
def test_charge_is_told_once(events, gateway, request_for, card, types):
    request = request_for(card)

    gateway.charge(request)
    gateway.charge(request)

    assert events() == types


def test_late_failure_and_expired_approval_are_told(engine, events, gateway, request_for):
    gateway.charge(request_for("late_failure", key="late"))
    gateway.charge(request_for("three_d_secure", key="approval"))

    engine.advance(by=timedelta(hours=1))

    assert events() == ["charge.requires_action", "charge.failed", "charge.canceled"]


def test_refund_is_told_with_the_key_of_its_charge(clock, engine, gateway, request_for):
    reference = gateway.charge(request_for("good")).reference
    gateway.refund(gateway_account="acme", reference=reference, idempotency_key="back", amount=1, currency="EUR")

    webhook = engine.webhooks()[-1]
    event = gateway.parse_webhook(body=webhook.body, headers=webhook.headers, at=clock())

    assert (event.type, event.idempotency_key) == ("refund.succeeded", "key")


def test_visit_is_told_when_it_ends(browser, clock, engine, events, gateway):
    visits = [
        gateway.start_card_setup(gateway_account="acme", idempotency_key=key, return_url=RETURN_URL)
        for key in ("first", "second", "third")
    ]

    browser.post(visits[0].url, action="submit", card="good")
    browser.post(visits[1].url, action="cancel")
    clock.forward(hours=1)

    assert events() == ["session.completed", "session.canceled", "session.expired"]


def test_webhook_alone_suffices_when_the_browser_is_closed(browser, clock, engine, gateway, request_for):
    visit = gateway.start_card_setup(
        gateway_account="acme", idempotency_key="setup", return_url=RETURN_URL, payment=request_for(key="pay")
    )
    browser.post(visit.url, action="submit", card="good")

    parsed = [
        gateway.parse_webhook(body=webhook.body, headers=webhook.headers, at=clock()) for webhook in engine.webhooks()
    ]

    assert [(event.type, event.session_id, event.idempotency_key) for event in parsed] == [
        ("charge.succeeded", "", "pay"),
        ("session.completed", visit.id, ""),
    ]
    assert {event.gateway_account for event in parsed} == {"acme"}


def test_header_names_may_come_in_any_case(clock, gateway, webhook):
    headers = {name.upper(): value for name, value in webhook.headers.items()}

    assert gateway.parse_webhook(body=webhook.body, headers=headers, at=clock()).id == webhook.id


def test_changed_body_is_invalid(clock, gateway, webhook):
    with pytest.raises(InvalidWebhook):
        gateway.parse_webhook(body=webhook.body.replace(b"acme", b"evil"), headers=webhook.headers, at=clock())


@pytest.mark.parametrize(("seconds", "valid"), [(300, True), (-300, True), (301, False), (-301, False)])
def test_time_of_a_webhook_may_be_five_minutes_off(clock, gateway, webhook, seconds, valid):
    at = clock() + timedelta(seconds=seconds)

    if valid:
        assert gateway.parse_webhook(body=webhook.body, headers=webhook.headers, at=at).id == webhook.id
    else:
        with pytest.raises(InvalidWebhook):
            gateway.parse_webhook(body=webhook.body, headers=webhook.headers, at=at)


@pytest.mark.parametrize(
    "signature", ["", "t=1", "v1=abc", "t=soon,v1=abc", "t=1,v1=abc", "t=99999999999999999,v1=abc", "t=1,v1=é"]
)
def test_unreadable_or_wrong_signature_is_invalid(clock, gateway, webhook, signature):
    with pytest.raises(InvalidWebhook):
        gateway.parse_webhook(body=webhook.body, headers={outbox.SIGNATURE: signature}, at=clock())


EVENT = b'{"id": "%s", "type": "x", "account": "main", "session_id": "", "idempotency_key": ""}'


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b'"text"',
        b"\xff",
        b'{"id": 1, "type": 2}',
        b"[" * 100_000,
        EVENT % rb"\ud800",
        EVENT % rb"\u0000",
        EVENT % (b"e" * 101),
    ],
    ids=lambda body: body[:30].decode(errors="replace"),
)
def test_signed_body_that_is_no_event_is_invalid(clock, gateway, body):
    headers = {outbox.SIGNATURE: outbox.sign(body, secret="sandbox-secret", at=clock())}

    with pytest.raises(InvalidWebhook):
        gateway.parse_webhook(body=body, headers=headers, at=clock())


def test_signed_event_is_read(clock, gateway):
    body = EVENT % b"evt_1"

    event = gateway.parse_webhook(
        body=body, headers={outbox.SIGNATURE: outbox.sign(body, secret="sandbox-secret", at=clock())}, at=clock()
    )

    assert event.id == "evt_1"


def test_late_delivery_is_signed_afresh(clock, engine, gateway, webhook):
    clock.forward(days=3)

    [late] = engine.undelivered_webhooks()

    assert gateway.parse_webhook(body=late.body, headers=late.headers, at=clock()).id == webhook.id


def test_accepted_webhooks_are_posted_once(engine, receiver, webhook):
    first, second = engine.post_webhooks(receiver.url), engine.post_webhooks(receiver.url)

    assert (first.deliveries, first.accepted, second.deliveries) == (1, 1, 0)
    assert receiver.received == ["charge.succeeded"]


def test_refused_webhooks_are_posted_again(engine, receiver, webhook):
    receiver.status = 500
    assert engine.post_webhooks(receiver.url).accepted == 0

    receiver.status = 204
    assert engine.post_webhooks(receiver.url).accepted == 1


def test_nobody_listening_is_no_error(engine, receiver, webhook):
    receiver.shutdown()
    receiver.server_close()

    assert engine.post_webhooks(receiver.url).accepted == 0


def test_webhooks_can_be_duplicated_and_reordered(engine, gateway, receiver, request_for):
    gateway.charge(request_for("good", key="first"))
    gateway.charge(request_for("stolen", key="second"))

    engine.post_webhooks(receiver.url, copies=2, order=reversed)

    assert receiver.received == ["charge.failed", "charge.succeeded"] * 2


def test_delivered_by_other_means_can_be_marked(engine, webhook):
    engine.mark_delivered(webhook)

    assert engine.undelivered_webhooks() == []
    assert [past.id for past in engine.webhooks()] == [webhook.id]
