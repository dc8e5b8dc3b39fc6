"""
Visits to a hosted page.

A visit of kind ``setup`` puts a card on file, and charges it when a payment
came with it. A visit of kind ``payment`` charges a card and forgets it. Once
the person has submitted a card, the visit ends with its charge: nothing more
is needed from the browser.
"""

from __future__ import annotations

import secrets
import sqlite3
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from ..base import ChargeRequest, Presence, SessionStatus, Status
from . import cards, charges, keys, outbox
from .charges import Charge
from .messages import Refused, Response, as_json
from .store import Transaction, stamp

SESSION_LIFE = timedelta(hours=1)


class Kind(StrEnum):
    SETUP = "setup"
    PAYMENT = "payment"


@dataclass(frozen=True, slots=True)
class Session:
    """One visit; ``payment`` is what is charged when the card is submitted."""

    id: str
    gateway_account: str
    kind: Kind
    status: SessionStatus
    return_url: str
    token: str
    expires_at: datetime
    payment: ChargeRequest | None

    @classmethod
    def from_row(cls, row: sqlite3.Row) -> Session:
        payment = ChargeRequest(
            gateway_account=row["gateway_account"],
            idempotency_key=row["payment_key"],
            amount=row["amount"],
            currency=row["currency"],
            description=row["description"],
            return_url=row["return_url"],
            presence=Presence.ON_SESSION,
        )
        return cls(
            row["id"],
            row["gateway_account"],
            Kind(row["kind"]),
            SessionStatus(row["status"]),
            row["return_url"],
            row["token"],
            datetime.fromisoformat(row["expires_at"]),
            payment if row["payment_key"] else None,
        )


def start_setup(
    tx: Transaction, *, gateway_account: str, idempotency_key: str, return_url: str, payment: ChargeRequest | None
) -> Response:
    """Open a visit that puts a card on file; the payment's own key is kept for it."""
    parameters = {"kind": Kind.SETUP, "return_url": return_url, "payment": asdict(payment) if payment else None}

    def act() -> Response:
        session = _open(tx, Kind.SETUP, gateway_account, return_url, payment)
        if payment and payment.idempotency_key != idempotency_key:
            keys.reserve(tx, gateway_account, payment.idempotency_key, holder=session.id)
        return as_json(public(tx, session))

    return keys.once(tx, gateway_account, idempotency_key, parameters, act)


def start_payment(tx: Transaction, payment: ChargeRequest) -> Response:
    """Open a visit that pays one amount."""
    parameters = {"kind": Kind.PAYMENT, "payment": asdict(payment)}

    def act() -> Response:
        return as_json(public(tx, _open(tx, Kind.PAYMENT, payment.gateway_account, payment.return_url, payment)))

    return keys.once(tx, payment.gateway_account, payment.idempotency_key, parameters, act)


def submit(tx: Transaction, session: Session, *, card: str) -> Session:
    """Take the named card: store it, charge it if there is a payment, and end the visit unless approval is needed."""
    stored = cards.store(tx, session.gateway_account, card)
    if session.kind is Kind.PAYMENT:
        cards.detach(tx, session.gateway_account, stored.token)
    tx.run("UPDATE sessions SET token = :token WHERE id = :id", id=session.id, token=stored.token)
    if session.payment is None:
        return _end(tx, session, SessionStatus.COMPLETE)
    return follow(tx, charges.make(tx, session.payment, stored, session_id=session.id))


def cancel(tx: Transaction, session: Session) -> Session:
    """End the visit because the person turned back."""
    return _abandon(tx, session, SessionStatus.CANCELED)


def expire(tx: Transaction, session: Session) -> Session:
    """End the visit because nobody came."""
    return _abandon(tx, session, SessionStatus.EXPIRED)


def follow(tx: Transaction, charge: Charge) -> Session:
    """End the visit a charge belongs to, when the charge no longer waits for the person."""
    session = get(tx, charge.session_id)
    if session.status is not SessionStatus.OPEN or charge.status is Status.REQUIRES_ACTION:
        return session
    expired = charge.status is Status.CANCELED
    return _end(tx, session, SessionStatus.EXPIRED if expired else SessionStatus.COMPLETE)


def get(tx: Transaction, id: str) -> Session:
    row = tx.row("SELECT * FROM sessions WHERE id = :id", id=id)
    if row is None:
        raise Refused("no_such_session", status=404)
    return Session.from_row(row)


def expiring(tx: Transaction) -> list[Session]:
    """List the visits on which no card was submitted in time."""
    return [
        Session.from_row(row)
        for row in tx.rows(
            "SELECT * FROM sessions WHERE status = 'open' AND token = '' AND expires_at <= :now", now=stamp(tx.now)
        )
    ]


def public(tx: Transaction, session: Session) -> dict[str, Any]:
    """Return what the API says of a visit; card and charge are told once it has ended."""
    ended = session.status is not SessionStatus.OPEN
    stored = cards.find_attached(tx, session.gateway_account, session.token) if ended else None
    charge = charges.of_session(tx, session.id) if ended else None
    return {
        "id": session.id,
        "path": f"/sessions/{session.id}",
        "status": session.status,
        "card": asdict(stored.public()) if stored else None,
        "charge": charge.public() if charge else None,
    }


def _open(tx: Transaction, kind: Kind, account: str, return_url: str, payment: ChargeRequest | None) -> Session:
    id = f"cs_{secrets.token_hex(16)}"
    tx.run(
        "INSERT INTO sessions (id, gateway_account, kind, status, return_url, payment_key, amount, currency,"
        " description, expires_at) VALUES (:id, :gateway_account, :kind, 'open', :return_url, :payment_key, :amount,"
        " :currency, :description, :expires_at)",
        id=id,
        gateway_account=account,
        kind=kind,
        return_url=return_url,
        payment_key=payment.idempotency_key if payment else "",
        amount=payment.amount if payment else 0,
        currency=payment.currency if payment else "",
        description=payment.description if payment else "",
        expires_at=stamp(tx.now + SESSION_LIFE),
    )
    return get(tx, id)


def _abandon(tx: Transaction, session: Session, status: SessionStatus) -> Session:
    if session.payment:
        charges.make_canceled(tx, session.payment, decline_code=f"session_{status}", session_id=session.id)
    return _end(tx, session, status)


def _end(tx: Transaction, session: Session, status: SessionStatus) -> Session:
    tx.run("UPDATE sessions SET status = :status WHERE id = :id", id=session.id, status=status)
    name = "completed" if status is SessionStatus.COMPLETE else str(status)
    outbox.append(tx, f"session.{name}", session.gateway_account, session_id=session.id)
    return get(tx, session.id)
