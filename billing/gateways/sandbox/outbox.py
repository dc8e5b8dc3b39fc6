"""
Signed webhooks.

Every change appends an event in the transaction that makes it. Events are
signed when they are built for delivery, so a late delivery carries a fresh
time. The signature covers the time and the body.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from ..base import InvalidWebhook, WebhookEvent
from .store import Transaction, stamp

SIGNATURE = "Sandbox-Signature"
ACCOUNT = "Sandbox-Account"
TOLERANCE = timedelta(seconds=300)
# The values of an event, and how many characters of each there may be.
LONGEST_REFERENCE = 100
VALUES = {"id": 100, "type": 50, "account": 64, "session_id": 100, "idempotency_key": 64}


@dataclass(frozen=True, slots=True)
class Webhook:
    """One delivery, ready to be posted."""

    id: str
    type: str
    gateway_account: str
    body: bytes
    headers: Mapping[str, str]


def append(
    tx: Transaction,
    type: str,
    gateway_account: str,
    *,
    session_id: str = "",
    idempotency_key: str = "",
    dispute: str = "",
) -> None:
    """Append an event that says what to look at."""
    event = {
        "id": f"evt_{secrets.token_hex(12)}",
        "type": type,
        "account": gateway_account,
        "created_at": stamp(tx.now),
        "session_id": session_id,
        "idempotency_key": idempotency_key,
        "dispute": dispute,
    }
    tx.run(
        "INSERT INTO webhooks (id, gateway_account, body) VALUES (:id, :gateway_account, :body)",
        id=event["id"],
        gateway_account=gateway_account,
        body=json.dumps(event).encode(),
    )


def undelivered(tx: Transaction, *, secret: str) -> list[Webhook]:
    """Build what is still to be delivered, oldest first."""
    return _build(tx, "SELECT * FROM webhooks WHERE NOT delivered ORDER BY number", secret)


def everything(tx: Transaction, *, secret: str) -> list[Webhook]:
    """Build every event there ever was, oldest first."""
    return _build(tx, "SELECT * FROM webhooks ORDER BY number", secret)


def mark_delivered(tx: Transaction, id: str) -> None:
    tx.run("UPDATE webhooks SET delivered = 1 WHERE id = :id", id=id)


def sign(body: bytes, *, secret: str, at: datetime) -> str:
    """Return the signature header of a body that is sent at a moment."""
    seconds = int(at.timestamp())
    return f"t={seconds},v1={_digest(body, secret=secret, seconds=seconds)}"


def verify(*, body: bytes, headers: Mapping[str, str], secret: str, at: datetime) -> WebhookEvent:
    """Read a webhook whose signature and time are right."""
    lowered = {name.lower(): value for name, value in headers.items()}
    seconds, digest = _parts(lowered.get(SIGNATURE.lower(), ""))
    if not hmac.compare_digest(_digest(body, secret=secret, seconds=seconds).encode(), digest.encode()):
        raise InvalidWebhook("the signature is wrong")
    if abs(at.timestamp() - seconds) > TOLERANCE.total_seconds():
        raise InvalidWebhook("the signature is too old or from the future")
    return _event(body)


def _build(tx: Transaction, sql: str, secret: str) -> list[Webhook]:
    signed = []
    for row in tx.rows(sql):
        headers = {
            "Content-Type": "application/json",
            SIGNATURE: sign(row["body"], secret=secret, at=tx.now),
            ACCOUNT: row["gateway_account"],
        }
        type = json.loads(row["body"])["type"]
        signed.append(Webhook(row["id"], type, row["gateway_account"], row["body"], headers))
    return signed


def _digest(body: bytes, *, secret: str, seconds: int) -> str:
    return hmac.new(secret.encode(), f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()


def _parts(signature: str) -> tuple[int, str]:
    parts = dict(part.partition("=")[::2] for part in signature.split(","))
    try:
        seconds = int(parts["t"])
        datetime.fromtimestamp(seconds, tz=UTC)
        return seconds, parts["v1"]
    except (KeyError, ValueError, OverflowError, OSError) as error:
        raise InvalidWebhook("the signature header is not readable") from error


def _event(body: bytes) -> WebhookEvent:
    try:
        event = json.loads(body)
        values = [event[name] for name in VALUES]
        dispute = event.get("dispute", "")
        readable = "".join([*values, dispute]).isprintable() and len(dispute) <= LONGEST_REFERENCE
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InvalidWebhook("the body is not an event") from error
    if not readable or any(len(value) > VALUES[name] for name, value in zip(VALUES, values, strict=True)):
        raise InvalidWebhook("the body is not an event")
    return replace(WebhookEvent(*values), dispute=dispute)
