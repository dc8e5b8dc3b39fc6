"""A card holder contests a charge; their bank decides, and every change is told by a webhook."""

from __future__ import annotations

import pytest

from billing.gateways.base import DisputeStatus, GatewayUnavailable, Status
from billing.gateways.sandbox.messages import Refused


@pytest.fixture
def contested(engine, gateway, request_for):
    return engine.open_dispute(gateway.charge(request_for("good")).reference)


def test_it_waits_for_an_answer_and_is_under_review_after_it(gateway, contested):
    answered = gateway.answer_dispute(gateway_account="acme", reference=contested.reference, answer="Delivered.")

    assert contested.status is DisputeStatus.NEEDS_RESPONSE
    assert answered.status is DisputeStatus.UNDER_REVIEW
    assert gateway.fetch_dispute(gateway_account="acme", reference=contested.reference) == answered


@pytest.mark.parametrize("decision", [DisputeStatus.WON, DisputeStatus.LOST])
def test_what_the_bank_has_decided_stays(engine, gateway, contested, decision):
    engine.decide_dispute(contested.reference, decision)

    answered = gateway.answer_dispute(gateway_account="acme", reference=contested.reference, answer="Too late.")

    assert answered.status is decision
    with pytest.raises(Refused):
        engine.decide_dispute(contested.reference, DisputeStatus.WON)


def test_each_change_is_told(engine, gateway, contested):
    engine.decide_dispute(contested.reference, DisputeStatus.LOST)

    told = [webhook for webhook in engine.webhooks() if webhook.type.startswith("dispute.")]
    hints = [gateway.parse_webhook(body=each.body, headers=each.headers, at=engine.clock()) for each in told]

    assert [hint.type for hint in hints] == ["dispute.needs_response", "dispute.lost"]
    assert {hint.dispute for hint in hints} == {contested.reference}


def test_another_account_s_dispute_is_not_there(gateway, contested):
    with pytest.raises(GatewayUnavailable):
        gateway.fetch_dispute(gateway_account="globex", reference=contested.reference)


@pytest.mark.parametrize(
    ("decision", "refundable"), [(None, False), (DisputeStatus.LOST, False), (DisputeStatus.WON, True)]
)
def test_what_is_contested_or_lost_cannot_be_refunded(engine, gateway, contested, decision, refundable):
    if decision:
        engine.decide_dispute(contested.reference, decision)

    made = gateway.refund(
        gateway_account="acme", reference=contested.charge, idempotency_key="back", amount=1_00, currency="EUR"
    )

    assert (made.status is Status.SUCCEEDED) == refundable


def test_what_was_lost_is_taken_off_the_payout(engine, gateway, request_for, contested):
    gateway.charge(request_for("good", key="other", amount=500_00))
    engine.decide_dispute(contested.reference, DisputeStatus.LOST)

    paid = engine.pay_out("acme")

    assert [payout.amount for payout in paid] == [500_00]
    assert engine.pay_out("acme") == []


def test_only_a_charge_that_took_money_can_be_contested(engine, gateway, request_for):
    declined = gateway.charge(request_for("stolen", key="declined"))

    with pytest.raises(Refused):
        engine.open_dispute(declined.reference)
