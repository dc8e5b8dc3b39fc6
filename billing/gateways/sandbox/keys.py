"""
Idempotency keys.

A key belongs to one gateway account and lives for a day. Its first answer is
saved and replayed for the same request; the same key with another request is
a conflict. A key older than its life is forgotten, and asking again with it
does everything again.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from .messages import Refused, Response
from .store import Transaction, stamp

KEY_LIFE = timedelta(hours=24)


def once(
    tx: Transaction, gateway_account: str, key: str, parameters: Mapping[str, Any], act: Callable[[], Response]
) -> Response:
    """Act and save the answer, or replay the one that was saved."""
    prune(tx, older_than=KEY_LIFE)
    fingerprint = json.dumps(parameters, sort_keys=True)
    saved = _find(tx, gateway_account, key)
    if saved is None:
        response = act()
        _save(tx, gateway_account, key, fingerprint, response)
        return response
    if saved["parameters"] != fingerprint:
        raise Refused("idempotency_conflict", status=409)
    return Response(saved["status"], saved["body"], {"Content-Type": "application/json"})


def reserve(tx: Transaction, gateway_account: str, key: str, *, holder: str) -> None:
    """Keep a key for a charge that a hosted page will make, so that nothing else can use it."""
    if _find(tx, gateway_account, key) is not None:
        raise Refused("idempotency_conflict", status=409)
    _save(tx, gateway_account, key, holder, Response(409))


def overwrite(tx: Transaction, gateway_account: str, key: str, response: Response) -> None:
    """Replace the saved answer of a key."""
    tx.run(
        "UPDATE idempotency_keys SET status = :status, body = :body"
        " WHERE gateway_account = :gateway_account AND key = :key",
        gateway_account=gateway_account,
        key=key,
        status=response.status,
        body=response.body,
    )


def prune(tx: Transaction, *, older_than: timedelta) -> int:
    """Forget keys that are too old and return how many there were."""
    limit = stamp(tx.now - older_than)
    return tx.run("DELETE FROM idempotency_keys WHERE created_at <= :limit", limit=limit)


def _find(tx: Transaction, gateway_account: str, key: str) -> sqlite3.Row | None:
    return tx.row(
        "SELECT * FROM idempotency_keys WHERE gateway_account = :gateway_account AND key = :key",
        gateway_account=gateway_account,
        key=key,
    )


def _save(tx: Transaction, gateway_account: str, key: str, parameters: str, response: Response) -> None:
    tx.run(
        "INSERT INTO idempotency_keys (gateway_account, key, parameters, status, body, created_at)"
        " VALUES (:gateway_account, :key, :parameters, :status, :body, :created_at)",
        gateway_account=gateway_account,
        key=key,
        parameters=parameters,
        status=response.status,
        body=response.body,
        created_at=stamp(tx.now),
    )
