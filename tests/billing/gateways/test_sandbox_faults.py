"""How calls go wrong on demand, and what the client makes of it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from billing.gateways.base import NO_ANSWER, GatewayUnavailable, Status
from billing.gateways.sandbox import Fault

NOTHING_DONE = [Fault.ERROR_BEFORE, Fault.UNAVAILABLE, Fault.TOO_MANY_REQUESTS, Fault.HANG]
CHARGED_BUT_UNCLEAR = [
    Fault.ERROR_AFTER,
    Fault.DROP_AFTER,
    Fault.SLOW_DRIP,
    Fault.TRUNCATED_JSON,
    Fault.HTML_BODY,
    Fault.UNKNOWN_STATUS,
    Fault.MISSING_FIELD,
]


@pytest.mark.parametrize("fault", NOTHING_DONE)
def test_fault_before_charging_is_no_answer_and_the_next_try_charges(engine, gateway, request_for, fault):
    request = request_for("good")
    engine.inject(fault)

    assert gateway.charge(request) == NO_ANSWER
    assert engine.charges() == []
    assert gateway.charge(request).status is Status.SUCCEEDED
    assert len(engine.charges()) == 1


@pytest.mark.parametrize("fault", CHARGED_BUT_UNCLEAR)
def test_fault_after_charging_is_no_answer_and_the_charge_is_found(engine, gateway, request_for, fault):
    request = request_for("good")
    engine.inject(fault)

    assert gateway.charge(request) == NO_ANSWER
    assert gateway.look_up(gateway_account="acme", idempotency_key="key").status is Status.SUCCEEDED
    assert gateway.charge(request).status is Status.SUCCEEDED
    assert len(engine.charges()) == 1


def test_saved_error_is_replayed_while_the_charge_exists(engine, gateway, request_for):
    request = request_for("good")
    engine.inject(Fault.SAVED_ERROR)

    assert [gateway.charge(request), gateway.charge(request)] == [NO_ANSWER, NO_ANSWER]

    assert gateway.look_up(gateway_account="acme", idempotency_key="key").status is Status.SUCCEEDED
    assert len(engine.charges()) == 1


def test_wrong_amount_and_currency_are_passed_on_for_the_caller_to_check(engine, gateway, request_for):
    engine.inject(Fault.WRONG_AMOUNT)
    engine.inject(Fault.WRONG_CURRENCY)

    amount = gateway.charge(request_for("good", key="first"))
    currency = gateway.charge(request_for("good", key="second"))

    assert (amount.status, amount.amount, amount.currency) == (Status.SUCCEEDED, 238_01, "EUR")
    assert (currency.status, currency.amount, currency.currency) == (Status.SUCCEEDED, 238_00, "XTS")


def test_duplicate_id_answers_two_charges_with_one_reference(engine, gateway, request_for):
    engine.inject(Fault.DUPLICATE_ID, times=2)

    references = {gateway.charge(request_for("good", key=key)).reference for key in ("first", "second")}

    assert len(references) == 1
    assert len(engine.charges()) == 2


def test_request_that_arrives_late_is_charged_once(engine, gateway, request_for):
    request = request_for("good")
    engine.inject(Fault.ARRIVES_LATE)

    assert gateway.charge(request) == NO_ANSWER
    assert gateway.look_up(gateway_account="acme", idempotency_key="key") is None

    engine.advance(by=timedelta(minutes=2))
    assert gateway.charge(request).status is Status.SUCCEEDED
    assert len(engine.charges()) == 1


def test_request_that_arrives_after_its_second_sending_charges_nothing(clock, engine, gateway, request_for):
    request = request_for("good")
    engine.inject(Fault.ARRIVES_LATE)
    gateway.charge(request)

    gateway.charge(request)
    clock.forward(minutes=2)

    assert len(engine.charges()) == 1


def test_fault_waits_for_its_key_and_its_operation(engine, gateway, request_for):
    engine.inject(Fault.UNAVAILABLE, key_prefix="pay-7")
    engine.inject(Fault.UNAVAILABLE, operation="look_up")

    assert gateway.charge(request_for("good", key="pay-6")).status is Status.SUCCEEDED
    assert gateway.charge(request_for("good", key="pay-7-1")) == NO_ANSWER
    with pytest.raises(GatewayUnavailable):
        gateway.look_up(gateway_account="acme", idempotency_key="pay-6")


def test_cleared_faults_do_nothing(engine, gateway, request_for):
    engine.inject(Fault.UNAVAILABLE, times=100)

    engine.clear_faults()

    assert gateway.charge(request_for("good")).status is Status.SUCCEEDED


@pytest.mark.parametrize(("fault", "operation"), [(Fault.WRONG_AMOUNT, "look_up"), (Fault.ARRIVES_LATE, "refund")])
def test_fault_that_does_not_fit_its_operation_is_refused(engine, fault, operation):
    with pytest.raises(ValueError, match=r"needs|only"):
        engine.inject(fault, operation=operation)


@pytest.mark.parametrize("fault", [Fault.UNAVAILABLE, Fault.HANG, Fault.TRUNCATED_JSON, Fault.HTML_BODY])
def test_every_other_call_raises_when_unavailable(clock, engine, gateway, request_for, fault):
    calls = {
        "start_card_setup": lambda: gateway.start_card_setup(
            gateway_account="acme", idempotency_key="s", return_url="http://localhost/"
        ),
        "start_payment": lambda: gateway.start_payment(request_for()),
        "fetch_session": lambda: gateway.fetch_session(gateway_account="acme", session_id=session.id),
        "look_up": lambda: gateway.look_up(gateway_account="acme", idempotency_key="k"),
        "list_charges": lambda: list(gateway.list_charges(gateway_account="acme", since=clock())),
        "list_payouts": lambda: list(gateway.list_payouts(gateway_account="acme", since=clock())),
        "refund": lambda: gateway.refund(
            gateway_account="acme", reference="ch", idempotency_key="r", amount=1, currency="EUR"
        ),
        "detach": lambda: gateway.detach(gateway_account="acme", token="card"),
    }
    session = calls["start_card_setup"]()

    for operation, call in calls.items():
        engine.inject(fault, operation=operation)
        with pytest.raises(GatewayUnavailable):
            call()


def test_request_that_arrives_after_its_key_was_used_otherwise_charges_nothing(clock, engine, gateway, request_for):
    request = request_for("good")
    engine.inject(Fault.ARRIVES_LATE)
    gateway.charge(request)

    gateway.charge(request_for(token=request.token, amount=1_00))
    clock.forward(minutes=2)

    assert [charge.amount for charge in engine.charges()] == [1_00]
