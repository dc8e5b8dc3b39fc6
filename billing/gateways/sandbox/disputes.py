"""
Charges that a card holder contests.

The holder's bank opens a dispute and decides it; the merchant may hand in an answer
meanwhile. Each change appends a webhook that names the dispute.
"""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Any

from ..base import DisputeStatus, Status
from . import charges, outbox
from .messages import Refused
from .store import Transaction, stamp

TIME_TO_ANSWER = timedelta(days=14)
DECISIONS = frozenset({DisputeStatus.WON, DisputeStatus.LOST})


def open_one(tx: Transaction, charge_reference: str, *, amount: int | None = None, reason: str) -> dict[str, Any]:
    """Contest a charge that took money, wholly or in part."""
    charge = charges.get(tx, charge_reference)
    if charge.status is not Status.SUCCEEDED:
        raise Refused("charge_took_no_money", status=409)
    reference = f"dp_{secrets.token_hex(12)}"
    tx.run(
        "INSERT INTO disputes (reference, gateway_account, charge, status, amount, currency, reason, opened_at,"
        " respond_by) VALUES (:reference, :account, :charge, :status, :amount, :currency, :reason, :opened_at,"
        " :respond_by)",
        reference=reference,
        account=charge.gateway_account,
        charge=charge.reference,
        status=DisputeStatus.NEEDS_RESPONSE,
        amount=amount or charge.amount,
        currency=charge.currency,
        reason=reason,
        opened_at=stamp(tx.now),
        respond_by=stamp(tx.now + TIME_TO_ANSWER),
    )
    return _told(tx, charge.gateway_account, reference)


def decide(tx: Transaction, reference: str, status: DisputeStatus) -> dict[str, Any]:
    """Let the bank decide; what is decided stays."""
    if status not in DECISIONS:
        raise Refused("no_decision")
    moved = tx.run(
        "UPDATE disputes SET status = :status WHERE reference = :reference AND status NOT IN ('won', 'lost')",
        reference=reference,
        status=status,
    )
    if not moved:
        raise Refused("dispute_is_decided", status=409)
    row = tx.row("SELECT gateway_account FROM disputes WHERE reference = :reference", reference=reference)
    if row is None:
        raise Refused("no_such_dispute", status=404)
    return _told(tx, row["gateway_account"], reference)


def answer(tx: Transaction, gateway_account: str, reference: str, text: str) -> dict[str, Any]:
    """Take in the merchant's side."""
    public(tx, gateway_account, reference)
    taken = tx.run(
        "UPDATE disputes SET status = :status, answer = :text WHERE reference = :reference"
        " AND status NOT IN ('won', 'lost')",
        status=DisputeStatus.UNDER_REVIEW,
        text=text,
        reference=reference,
    )
    return _told(tx, gateway_account, reference) if taken else public(tx, gateway_account, reference)


def public(tx: Transaction, gateway_account: str, reference: str) -> dict[str, Any]:
    """Return what the API says of a dispute; another account's is not there."""
    row = tx.row(
        "SELECT disputes.*, charges.idempotency_key AS charge_key FROM disputes"
        " JOIN charges ON charges.reference = disputes.charge"
        " WHERE disputes.reference = :reference AND disputes.gateway_account = :account",
        reference=reference,
        account=gateway_account,
    )
    if row is None:
        raise Refused("no_such_dispute", status=404)
    names = ("reference", "charge", "charge_key", "status", "amount", "currency", "reason", "opened_at", "respond_by")
    return {name: row[name] for name in names}


def _told(tx: Transaction, gateway_account: str, reference: str) -> dict[str, Any]:
    record = public(tx, gateway_account, reference)
    outbox.append(tx, f"dispute.{record['status']}", gateway_account, dispute=reference)
    return record
