"""Refunds and payouts."""

from __future__ import annotations

import pytest

from billing.gateways.base import GatewayUnavailable, Status


def test_refunds_never_exceed_the_charge(gateway, request_for):
    reference = gateway.charge(request_for("good")).reference

    def refund(key: str, amount: int, account: str = "acme") -> Status:
        return gateway.refund(
            gateway_account=account, reference=reference, idempotency_key=key, amount=amount, currency="EUR"
        ).status

    assert refund("first", 200_00) is Status.SUCCEEDED
    assert refund("first", 200_00) is Status.SUCCEEDED
    assert refund("second", 38_01) is Status.FAILED
    assert refund("third", 38_00) is Status.SUCCEEDED
    assert refund("foreign", 1, "globex") is Status.FAILED


def test_refund_with_a_used_key_is_unavailable(gateway, request_for):
    reference = gateway.charge(request_for("good")).reference

    with pytest.raises(GatewayUnavailable):
        gateway.refund(gateway_account="acme", reference=reference, idempotency_key="key", amount=1, currency="EUR")


def test_payouts_send_what_was_taken_less_refunds_once(clock, engine, gateway, request_for):
    reference = gateway.charge(request_for("good")).reference
    gateway.charge(request_for("good", key="yen", amount=500, currency="JPY"))
    gateway.charge(request_for("stolen", key="declined"))
    gateway.refund(gateway_account="acme", reference=reference, idempotency_key="back", amount=38_00, currency="EUR")

    engine.pay_out("acme")
    engine.pay_out("acme")

    payouts = gateway.list_payouts(gateway_account="acme", since=clock())
    assert {(payout.amount, payout.currency) for payout in payouts} == {(200_00, "EUR"), (500, "JPY")}


def test_a_refund_is_found_by_its_key_and_listed(clock, engine, gateway, request_for):
    reference = gateway.charge(request_for("good")).reference
    made = gateway.refund(
        gateway_account="acme", reference=reference, idempotency_key="back", amount=5_00, currency="EUR"
    )

    assert gateway.look_up_refund(gateway_account="acme", idempotency_key="back") == made
    assert gateway.look_up_refund(gateway_account="globex", idempotency_key="back") is None
    assert list(gateway.list_refunds(gateway_account="acme", since=clock())) == [made]
    assert engine.refunds("acme") == [made]
    assert (made.charge, made.idempotency_key) == (reference, "back")
