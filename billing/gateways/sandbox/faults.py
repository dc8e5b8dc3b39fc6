"""
Faults on demand.

A fault waits for the next call of its operation whose idempotency key begins
as asked, and spoils that call or its answer. Operations are named after the
gateway's methods.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from enum import StrEnum
from typing import Any

from .messages import Delivery, Response, as_json, error
from .store import Transaction

RETRY_AFTER_SECONDS = 30


class Fault(StrEnum):
    """How a call goes wrong; those of ``BEFORE`` come before anything is done."""

    ERROR_BEFORE = "error_before"
    UNAVAILABLE = "unavailable"
    TOO_MANY_REQUESTS = "too_many_requests"
    HANG = "hang"
    ARRIVES_LATE = "arrives_late"
    ERROR_AFTER = "error_after"
    SAVED_ERROR = "saved_error"
    DROP_AFTER = "drop_after"
    SLOW_DRIP = "slow_drip"
    TRUNCATED_JSON = "truncated_json"
    HTML_BODY = "html_body"
    WRONG_AMOUNT = "wrong_amount"
    WRONG_CURRENCY = "wrong_currency"
    UNKNOWN_STATUS = "unknown_status"
    DUPLICATE_ID = "duplicate_id"
    MISSING_FIELD = "missing_field"


ERROR = error("internal_error", status=500)

BEFORE = {
    Fault.ERROR_BEFORE: ERROR,
    Fault.UNAVAILABLE: error("unavailable", status=503),
    Fault.TOO_MANY_REQUESTS: Response(429, b"", {"Retry-After": str(RETRY_AFTER_SECONDS)}),
    Fault.HANG: Response(504, delivery=Delivery.NEVER),
    Fault.ARRIVES_LATE: Response(504, delivery=Delivery.NEVER),
}

WHOLE_ANSWER: dict[Fault, Callable[[Response], Response]] = {
    Fault.ERROR_AFTER: lambda response: ERROR,
    Fault.SAVED_ERROR: lambda response: ERROR,
    Fault.DROP_AFTER: lambda response: response.delivered(Delivery.DROPPED),
    Fault.SLOW_DRIP: lambda response: response.delivered(Delivery.DRIPPING),
    Fault.TRUNCATED_JSON: lambda response: Response(response.status, response.body[:-10], response.headers),
    Fault.HTML_BODY: lambda response: Response(200, b"<h1>Bad gateway</h1>", {"Content-Type": "text/html"}),
}

ONE_FIELD: dict[Fault, Callable[[dict[str, Any]], dict[str, Any]]] = {
    Fault.WRONG_AMOUNT: lambda data: data | {"amount": data["amount"] + 1},
    Fault.WRONG_CURRENCY: lambda data: data | {"currency": "XTS"},
    Fault.UNKNOWN_STATUS: lambda data: data | {"status": "perhaps"},
    Fault.DUPLICATE_ID: lambda data: data | {"reference": "ch_duplicate"},
    Fault.MISSING_FIELD: lambda data: {name: value for name, value in data.items() if name != "status"},
}


def inject(tx: Transaction, fault: Fault, *, operation: str, key_prefix: str, times: int) -> None:
    """Spoil the next calls of an operation."""
    if fault in ONE_FIELD and operation not in {"charge", "refund"}:
        raise ValueError(f"{fault} needs an answer with that field in it")
    if fault is Fault.ARRIVES_LATE and operation != "charge":
        raise ValueError("only a charge can arrive late")
    tx.run(
        "INSERT INTO faults (kind, operation, key_prefix, times) VALUES (:kind, :operation, :key_prefix, :times)",
        kind=fault,
        operation=operation,
        key_prefix=key_prefix,
        times=times,
    )


def take(tx: Transaction, *, operation: str, key: str) -> Fault | None:
    """Take the oldest fault that waits for this call."""
    row = tx.row(
        "SELECT * FROM faults WHERE operation = :operation AND times > 0"
        " AND substr(:key, 1, length(key_prefix)) = key_prefix ORDER BY number LIMIT 1",
        operation=operation,
        key=key,
    )
    if row is None:
        return None
    tx.run("UPDATE faults SET times = times - 1 WHERE number = :number", number=row["number"])
    return Fault(row["kind"])


def clear(tx: Transaction) -> None:
    """Let every call go right again."""
    tx.run("DELETE FROM faults")


def spoil(response: Response, fault: Fault) -> Response:
    """Return the answer as the fault leaves it."""
    if response.delivery is not Delivery.WHOLE:
        return response
    if fault in WHOLE_ANSWER:
        return WHOLE_ANSWER[fault](response)
    data = ONE_FIELD[fault](json.loads(response.body))
    return as_json(data, status=response.status)
