"""
API calls with which a test steers a gateway that runs as a process of its own.

They stand for nothing that a real gateway offers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import timedelta

from . import cards, faults, keys, passing_time
from .charges import Charge
from .faults import Fault
from .messages import Refused, Response, as_json
from .reading import Call


def _store_card(call: Call) -> Response:
    return as_json(asdict(cards.store(call.tx, call.account, call.text("name")).public()))


def _list_all_charges(call: Call) -> Response:
    """Answer every charge of every account."""
    rows = call.tx.rows("SELECT * FROM charges ORDER BY number")
    charges = [Charge.from_row(row) for row in rows]
    return as_json({"data": [charge.public() | {"gateway_account": charge.gateway_account} for charge in charges]})


def _inject_fault(call: Call) -> Response:
    try:
        fault = Fault(call.text("fault"))
        faults.inject(
            call.tx,
            fault,
            operation=str(call.data.get("operation", "charge")),
            key_prefix=str(call.data.get("key_prefix", "")),
            times=int(call.data.get("times", 1)),
        )
    except ValueError as error:
        raise Refused("invalid_fault") from error
    return as_json({})


def _clear_faults(call: Call) -> Response:
    faults.clear(call.tx)
    return as_json({})


def _advance(call: Call) -> Response:
    passing_time.catch_up(replace(call.tx, now=call.tx.now + _seconds(call)))
    return as_json({})


def _prune_keys(call: Call) -> Response:
    return as_json({"pruned": keys.prune(call.tx, older_than=_seconds(call))})


def _seconds(call: Call) -> timedelta:
    value = call.data.get("seconds")
    if not isinstance(value, int):
        raise Refused("invalid_seconds")
    return timedelta(seconds=value)


ROUTES: dict[tuple[str, str], Callable[[Call], Response]] = {
    ("POST", "/v1/test/cards"): _store_card,
    ("GET", "/v1/test/charges"): _list_all_charges,
    ("POST", "/v1/test/faults"): _inject_fault,
    ("DELETE", "/v1/test/faults"): _clear_faults,
    ("POST", "/v1/test/advance"): _advance,
    ("POST", "/v1/test/prune_keys"): _prune_keys,
}
