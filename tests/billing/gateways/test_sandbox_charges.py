"""What a charge of each named card becomes, and how the gateway remembers it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from billing.gateways.base import NO_ANSWER, Presence, Status
from billing.gateways.sandbox.cards import NAMED_CARDS

DECLINES = {
    "insufficient_funds": "insufficient_funds",
    "expired": "expired_card",
    "stolen": "stolen_card",
    "do_not_honour": "do_not_honour",
    "processing_error": "processing_error",
    "setup_only": "card_declined",
}


def test_good_card_pays(engine, gateway, request_for):
    outcome = gateway.charge(request_for("good"))

    assert (outcome.status, outcome.amount, outcome.currency) == (Status.SUCCEEDED, 238_00, "EUR")
    [charge] = engine.charges("acme")
    assert (charge.reference, charge.status) == (outcome.reference, Status.SUCCEEDED)


@pytest.mark.parametrize(("card", "code"), DECLINES.items())
def test_declining_card_fails_with_its_code(gateway, request_for, card, code):
    outcome = gateway.charge(request_for(card))

    assert (outcome.status, outcome.decline_code) == (Status.FAILED, code)


@pytest.mark.parametrize("name", NAMED_CARDS)
def test_every_card_can_be_put_on_file_and_has_no_number(engine, name):
    card = engine.store_card("acme", name)

    assert len(card.last4) == 4
    assert (card.exp_year < 2026) == (name == "expired")


def test_fingerprint_belongs_to_card_and_account(engine):
    first, again = engine.store_card("acme", "good"), engine.store_card("acme", "good")
    elsewhere, other = engine.store_card("globex", "good"), engine.store_card("acme", "stolen")

    assert first.fingerprint == again.fingerprint
    assert first.token != again.token
    assert len({first.fingerprint, elsewhere.fingerprint, other.fingerprint}) == 3


def test_good_card_expires_with_the_years(clock, gateway, request_for):
    request = request_for("good")
    clock.forward(days=5 * 366)

    assert gateway.charge(request).decline_code == "expired_card"


def test_token_of_another_account_is_no_card(engine, gateway, request_for):
    foreign = engine.store_card("globex", "good")

    outcome = gateway.charge(request_for(token=foreign.token))

    assert (outcome.status, outcome.decline_code) == (Status.FAILED, "no_such_card")


def test_detached_card_is_no_card_and_detaching_twice_is_no_error(gateway, request_for):
    request = request_for("good")

    gateway.detach(gateway_account="acme", token=request.token)
    gateway.detach(gateway_account="acme", token=request.token)

    assert gateway.charge(request).decline_code == "no_such_card"


def test_another_account_cannot_detach_a_card(gateway, request_for):
    request = request_for("good")

    gateway.detach(gateway_account="globex", token=request.token)

    assert gateway.charge(request).status is Status.SUCCEEDED


@pytest.mark.parametrize(
    ("presence", "code"), [(Presence.ON_SESSION, ""), (Presence.OFF_SESSION, "authentication_required")]
)
def test_three_d_secure_asks_for_approval(gateway, request_for, presence, code):
    outcome = gateway.charge(request_for("three_d_secure", presence=presence))

    assert (outcome.status, outcome.decline_code) == (Status.REQUIRES_ACTION, code)
    assert outcome.action_url == f"http://localhost:8000/sandbox/approvals/{outcome.reference}"


def test_times_out_card_gives_no_answer_and_is_not_charged(engine, gateway, request_for):
    assert gateway.charge(request_for("times_out")) == NO_ANSWER

    assert engine.charges() == []
    assert gateway.look_up(gateway_account="acme", idempotency_key="key") is None


def test_lost_answer_card_gives_no_answer_but_is_charged_once(engine, gateway, request_for):
    request = request_for("lost_answer")

    assert gateway.charge(request) == NO_ANSWER

    found = gateway.look_up(gateway_account="acme", idempotency_key="key")
    assert found.status is Status.SUCCEEDED
    assert gateway.charge(request) == found
    assert len(engine.charges()) == 1


def test_late_failure_is_pending_and_fails_after_some_seconds(clock, gateway, request_for):
    assert gateway.charge(request_for("late_failure")).status is Status.PENDING

    clock.forward(seconds=6)

    found = gateway.look_up(gateway_account="acme", idempotency_key="key")
    assert (found.status, found.decline_code) == (Status.FAILED, "insufficient_funds")


def test_advancing_brings_the_late_failure_forward(engine, gateway, request_for):
    gateway.charge(request_for("late_failure"))

    engine.advance(by=timedelta(minutes=1))

    assert [charge.status for charge in engine.charges()] == [Status.FAILED]


def test_look_up_sees_only_its_own_account(gateway, request_for):
    gateway.charge(request_for("good"))

    assert gateway.look_up(gateway_account="globex", idempotency_key="key") is None


def test_list_of_charges_goes_over_pages_oldest_first(clock, gateway, request_for):
    token = request_for("good").token
    for number in range(205):
        gateway.charge(request_for(token=token, key=f"key-{number}"))
    since = clock()
    clock.forward(seconds=1)
    gateway.charge(request_for(token=token, key="last"))

    records = list(gateway.list_charges(gateway_account="acme", since=since))
    latest = list(gateway.list_charges(gateway_account="acme", since=clock()))

    assert [record.idempotency_key for record in records] == [*(f"key-{number}" for number in range(205)), "last"]
    assert [(record.idempotency_key, record.created_at) for record in latest] == [("last", clock())]


@pytest.mark.parametrize("changes", [{"amount": 0}, {"amount": -1}, {"currency": "euro"}])
def test_charge_that_makes_no_sense_is_refused_unrecorded(engine, gateway, request_for, changes):
    assert gateway.charge(request_for("good", **changes)) == NO_ANSWER

    assert engine.charges() == []
