"""
Charges as the gateway records them.

A charge is decided by the card's behaviour when it is made. One that waits
(for the holder's approval, or for the bank) carries the moment at which it
changes by itself.
"""

from __future__ import annotations

import secrets
import sqlite3
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from ..base import ChargeRequest, Presence, Status
from . import cards, keys, outbox
from .cards import Behaviour, StoredCard
from .messages import Delivery, Refused, Response, as_json
from .store import Transaction, stamp

APPROVAL_LIFE = timedelta(hours=1)
LATE_AFTER = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Charge:
    """One charge in the gateway's own record."""

    reference: str
    gateway_account: str
    idempotency_key: str
    status: Status
    amount: int
    currency: str
    description: str
    decline_code: str
    session_id: str
    return_url: str
    created_at: datetime
    number: int = 0

    @classmethod
    def from_row(cls, row: sqlite3.Row) -> Charge:
        names = cls.__slots__
        values = {name: row[name] for name in names}
        values |= {"status": Status(row["status"]), "created_at": datetime.fromisoformat(row["created_at"])}
        return cls(**values)

    def public(self) -> dict[str, Any]:
        """Return what the API says of it."""
        waits = self.status is Status.REQUIRES_ACTION
        return {
            "reference": self.reference,
            "idempotency_key": self.idempotency_key,
            "status": self.status,
            "amount": self.amount,
            "currency": self.currency,
            "decline_code": self.decline_code,
            "action_path": f"/approvals/{self.reference}" if waits else "",
            "created_at": stamp(self.created_at),
            "number": self.number,
        }


def ask(tx: Transaction, request: ChargeRequest) -> Response:
    """Charge a stored card once per key, the way its behaviour answers."""
    card = cards.find_attached(tx, request.gateway_account, request.token)
    if card and card.kind.behaviour is Behaviour.TIMES_OUT:
        return Response(504, delivery=Delivery.NEVER)

    def act() -> Response:
        charge = make(tx, request, card)
        loses = card is not None and card.kind.behaviour is Behaviour.LOSES_ANSWER
        return as_json(
            charge.public(),
            status=402 if charge.status is Status.FAILED else 200,
            delivery=Delivery.NEVER if loses else Delivery.WHOLE,
        )

    return keys.once(tx, request.gateway_account, request.idempotency_key, asdict(request), act)


def make(tx: Transaction, request: ChargeRequest, card: StoredCard | None, *, session_id: str = "") -> Charge:
    """Make a charge and decide it by its card."""
    status, decline_code = _verdict(card, request.presence, at=tx.now)
    return _record(tx, request, status, decline_code, session_id)


def make_canceled(tx: Transaction, request: ChargeRequest, *, decline_code: str, session_id: str) -> Charge:
    """Record that a charge for which a hosted page was opened will never be made."""
    return _record(tx, request, Status.CANCELED, decline_code, session_id)


def move(tx: Transaction, charge: Charge, status: Status, *, decline_code: str = "") -> Charge:
    """Decide a charge that waits; one that is decided already is refused."""
    moved = tx.run(
        "UPDATE charges SET status = :status, decline_code = :decline_code, changes_at = NULL"
        " WHERE reference = :reference AND status IN ('pending', 'requires_action')",
        reference=charge.reference,
        status=status,
        decline_code=decline_code,
    )
    if not moved:
        raise Refused("charge_is_decided", status=409)
    outbox.append(tx, f"charge.{status}", charge.gateway_account, idempotency_key=charge.idempotency_key)
    return get(tx, charge.reference)


def get(tx: Transaction, reference: str) -> Charge:
    row = tx.row("SELECT * FROM charges WHERE reference = :reference", reference=reference)
    if row is None:
        raise Refused("no_such_charge", status=404)
    return Charge.from_row(row)


def of_session(tx: Transaction, session_id: str) -> Charge | None:
    row = tx.row("SELECT * FROM charges WHERE session_id = :id AND session_id != ''", id=session_id)
    return Charge.from_row(row) if row else None


def changing(tx: Transaction) -> list[Charge]:
    """List the waiting charges whose moment has come."""
    return [
        Charge.from_row(row)
        for row in tx.rows("SELECT * FROM charges WHERE changes_at <= :now ORDER BY number", now=stamp(tx.now))
    ]


def _verdict(card: StoredCard | None, presence: Presence, *, at: datetime) -> tuple[Status, str]:
    if card is None:
        return Status.FAILED, "no_such_card"
    if card.is_expired(at=at):
        return Status.FAILED, "expired_card"
    match card.kind.behaviour:
        case Behaviour.SUCCEEDS | Behaviour.LOSES_ANSWER:
            return Status.SUCCEEDED, ""
        case Behaviour.ASKS_APPROVAL:
            return Status.REQUIRES_ACTION, "" if presence is Presence.ON_SESSION else "authentication_required"
        case Behaviour.FAILS_LATE:
            return Status.PENDING, ""
        case Behaviour.DECLINES | Behaviour.TIMES_OUT:
            return Status.FAILED, card.kind.decline_code or "processing_error"


def _record(tx: Transaction, request: ChargeRequest, status: Status, decline_code: str, session_id: str) -> Charge:
    waits = {Status.PENDING: LATE_AFTER, Status.REQUIRES_ACTION: APPROVAL_LIFE}.get(status)
    reference = f"ch_{secrets.token_hex(12)}"
    tx.run(
        "INSERT INTO charges (reference, gateway_account, idempotency_key, status, amount, currency, description,"
        " decline_code, session_id, return_url, created_at, changes_at)"
        " VALUES (:reference, :gateway_account, :idempotency_key, :status, :amount, :currency, :description,"
        " :decline_code, :session_id, :return_url, :created_at, :changes_at)",
        reference=reference,
        gateway_account=request.gateway_account,
        idempotency_key=request.idempotency_key,
        status=status,
        amount=request.amount,
        currency=request.currency,
        description=request.description,
        decline_code=decline_code,
        session_id=session_id,
        return_url=request.return_url,
        created_at=stamp(tx.now),
        changes_at=stamp(tx.now + waits) if waits else None,
    )
    if status is not Status.PENDING:
        outbox.append(tx, f"charge.{status}", request.gateway_account, idempotency_key=request.idempotency_key)
    return get(tx, reference)
