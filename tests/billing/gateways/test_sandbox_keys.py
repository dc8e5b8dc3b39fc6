"""One idempotency key, one charge, for a day."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from multiprocessing import get_context

from billing.gateways.base import NO_ANSWER, Status
from billing.gateways.sandbox import Engine


def test_twenty_threads_with_one_key_make_one_charge(engine, gateway, request_for):
    request = request_for("good")

    with ThreadPoolExecutor(20) as pool:
        outcomes = set(pool.map(gateway.charge, [request] * 20))

    assert [outcome.status for outcome in outcomes] == [Status.SUCCEEDED]
    assert len(engine.charges()) == 1


def test_key_with_other_parameters_is_a_conflict_and_charges_nothing(engine, gateway, request_for):
    request = request_for("good")
    gateway.charge(request)

    assert gateway.charge(request_for(token=request.token, amount=1)) == NO_ANSWER

    assert len(engine.charges()) == 1


def test_same_key_of_two_accounts_is_two_keys(engine, gateway, request_for):
    gateway.charge(request_for("good"))
    gateway.charge(request_for("good", gateway_account="globex"))

    assert [len(engine.charges(account)) for account in ("acme", "globex")] == [1, 1]


def test_declined_answer_is_replayed_too(engine, gateway, request_for):
    request = request_for("insufficient_funds")

    assert gateway.charge(request) == gateway.charge(request)

    assert len(engine.charges()) == 1


def test_key_is_forgotten_after_a_day_but_the_charge_is_found(clock, engine, gateway, request_for):
    request = request_for("good")
    first = gateway.charge(request)
    clock.forward(hours=24)

    assert gateway.look_up(gateway_account="acme", idempotency_key="key") == first
    assert gateway.charge(request).reference != first.reference
    assert len(engine.charges()) == 2


def test_keys_can_be_pruned_before_their_time(clock, engine, gateway, request_for):
    gateway.charge(request_for("good"))

    assert engine.prune_keys() == 0
    assert engine.prune_keys(older_than=timedelta(0)) == 1


def _store_card(file):
    return Engine(file, secret="sandbox-secret").store_card("acme", "good").token


def test_processes_share_a_file_that_none_of_them_has_made(tmp_path):
    with get_context("spawn").Pool(4) as pool:
        tokens = pool.map(_store_card, [tmp_path / "new.sqlite3"] * 12, chunksize=1)

    assert len(set(tokens)) == 12
