"""What happens by itself as the gateway's clock goes on."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import timedelta

from ..base import ChargeRequest, Presence, Status
from . import charges, sessions
from .charges import Charge
from .messages import Refused
from .store import Transaction, stamp

TRAVEL_TIME = timedelta(minutes=2)


def catch_up(tx: Transaction) -> None:
    """Do everything whose moment has come: late requests, late failures, expiries."""
    for request in _arrivals(tx):
        _arrive(tx, request)
    for charge in charges.changing(tx):
        changed = _change(tx, charge)
        if changed.session_id:
            sessions.follow(tx, changed)
    for session in sessions.expiring(tx):
        sessions.expire(tx, session)


def hold_up(tx: Transaction, request: ChargeRequest) -> None:
    """Let a request for a charge arrive only after some time."""
    tx.run(
        "INSERT INTO late_requests (request, arrives_at) VALUES (:request, :arrives_at)",
        request=json.dumps(asdict(request)),
        arrives_at=stamp(tx.now + TRAVEL_TIME),
    )


def _arrivals(tx: Transaction) -> list[ChargeRequest]:
    rows = tx.rows("SELECT * FROM late_requests WHERE arrives_at <= :now ORDER BY number", now=stamp(tx.now))
    tx.run("DELETE FROM late_requests WHERE arrives_at <= :now", now=stamp(tx.now))
    values = [json.loads(row["request"]) for row in rows]
    return [ChargeRequest(**(value | {"presence": Presence(value["presence"])})) for value in values]


def _arrive(tx: Transaction, request: ChargeRequest) -> None:
    try:
        charges.ask(tx, request)
    except Refused:
        # Its key has been used for something else meanwhile; nobody is waiting for the answer.
        return


def _change(tx: Transaction, charge: Charge) -> Charge:
    if charge.status is Status.PENDING:
        return charges.move(tx, charge, Status.FAILED, decline_code="insufficient_funds")
    return charges.move(tx, charge, Status.CANCELED, decline_code="approval_expired")
