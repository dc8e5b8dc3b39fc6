"""Money that leaves the gateway: refunds to card holders, payouts to sellers."""

from __future__ import annotations

import secrets
import sqlite3
from datetime import datetime
from typing import Any

from ..base import Payout, Status
from . import charges, outbox
from .charges import Charge
from .messages import Refused, Response, as_json
from .store import Transaction, stamp


def refund(
    tx: Transaction, gateway_account: str, key: str, charge_reference: str, *, amount: int, currency: str
) -> Response:
    """Send money of a charge back, or record that it cannot be."""
    charge = _find_charge(tx, gateway_account, charge_reference)
    possible = charge and charge.currency == currency and amount <= _refundable(tx, charge)
    record = {
        "reference": f"re_{secrets.token_hex(12)}",
        "idempotency_key": key,
        "charge": charge_reference,
        "status": Status.SUCCEEDED if possible else Status.FAILED,
        "amount": amount,
        "currency": currency,
    }
    tx.run(
        "INSERT INTO refunds (reference, gateway_account, idempotency_key, charge, status, amount, currency,"
        " created_at) VALUES (:reference, :gateway_account, :idempotency_key, :charge, :status, :amount, :currency,"
        " :created_at)",
        gateway_account=gateway_account,
        created_at=stamp(tx.now),
        **record,
    )
    if charge and possible:
        outbox.append(tx, "refund.succeeded", gateway_account, idempotency_key=charge.idempotency_key)
    return as_json(record, status=200 if possible else 402)


def refund_of_key(tx: Transaction, gateway_account: str, key: str) -> list[dict[str, Any]]:
    """Find the refund of a key; of several (after the key was forgotten) the one that sent money."""
    rows = tx.rows(
        "SELECT * FROM refunds WHERE gateway_account = :account AND idempotency_key = :key"
        " ORDER BY status = 'succeeded' DESC, number LIMIT 1",
        account=gateway_account,
        key=key,
    )
    return [public_refund(row) for row in rows]


def refunds(tx: Transaction, gateway_account: str, *, since: datetime, after: int, size: int) -> list[dict[str, Any]]:
    """List the refunds of an account since a moment, oldest first."""
    rows = tx.rows(
        "SELECT * FROM refunds WHERE gateway_account = :account AND created_at >= :since AND number > :after"
        " ORDER BY number LIMIT :size",
        account=gateway_account,
        since=stamp(since),
        after=after,
        size=size,
    )
    return [public_refund(row) for row in rows]


def public_refund(row: sqlite3.Row) -> dict[str, Any]:
    """Return what the API says of a refund."""
    names = ("reference", "idempotency_key", "charge", "status", "amount", "currency", "number")
    return {name: row[name] for name in names}


def pay_out(tx: Transaction, gateway_account: str) -> list[Payout]:
    """Send a seller what is there, one payout per currency; nothing where nothing is owed."""
    amounts: dict[str, int] = {}
    for row in tx.rows(
        "SELECT currency, amount FROM charges"
        " WHERE gateway_account = :account AND status = 'succeeded' AND payout IS NULL"
        " UNION ALL SELECT currency, -amount FROM refunds"
        " WHERE gateway_account = :account AND status = 'succeeded' AND payout IS NULL"
        " UNION ALL SELECT currency, -amount FROM disputes"
        " WHERE gateway_account = :account AND status = 'lost' AND payout IS NULL",
        account=gateway_account,
    ):
        amounts[row["currency"]] = amounts.get(row["currency"], 0) + row["amount"]
    return [_pay_out(tx, gateway_account, currency, amount) for currency, amount in amounts.items() if amount > 0]


def payouts(tx: Transaction, gateway_account: str, *, since: datetime) -> list[dict[str, Any]]:
    """List the payouts of an account since a moment, oldest first."""
    return [
        {name: row[name] for name in ("reference", "amount", "currency", "paid_at")}
        for row in tx.rows(
            "SELECT * FROM payouts WHERE gateway_account = :account AND paid_at >= :since ORDER BY number",
            account=gateway_account,
            since=stamp(since),
        )
    ]


def _find_charge(tx: Transaction, gateway_account: str, reference: str) -> Charge | None:
    try:
        charge = charges.get(tx, reference)
    except Refused:
        return None
    paid = charge.gateway_account == gateway_account and charge.status is Status.SUCCEEDED
    return charge if paid else None


def _refundable(tx: Transaction, charge: Charge) -> int:
    row = tx.row(
        "SELECT COALESCE(SUM(amount), 0) AS refunded FROM refunds WHERE charge = :charge AND status = 'succeeded'",
        charge=charge.reference,
    )
    # What is contested is out of reach until the bank has decided; what is lost has gone already.
    disputed = tx.row(
        "SELECT COALESCE(SUM(amount), 0) AS amount FROM disputes WHERE charge = :charge AND status != 'won'",
        charge=charge.reference,
    )
    return charge.amount - (row["refunded"] if row else 0) - (disputed["amount"] if disputed else 0)


def _pay_out(tx: Transaction, gateway_account: str, currency: str, amount: int) -> Payout:
    payout = Payout(f"po_{secrets.token_hex(12)}", amount, currency, tx.now)
    tx.run(
        "INSERT INTO payouts (reference, gateway_account, amount, currency, paid_at)"
        " VALUES (:reference, :gateway_account, :amount, :currency, :paid_at)",
        reference=payout.reference,
        gateway_account=gateway_account,
        amount=amount,
        currency=currency,
        paid_at=stamp(tx.now),
    )
    values = {"reference": payout.reference, "account": gateway_account, "currency": currency}
    tx.run(
        "UPDATE charges SET payout = :reference WHERE gateway_account = :account AND currency = :currency"
        " AND status = 'succeeded' AND payout IS NULL",
        **values,
    )
    tx.run(
        "UPDATE refunds SET payout = :reference WHERE gateway_account = :account AND currency = :currency"
        " AND status = 'succeeded' AND payout IS NULL",
        **values,
    )
    tx.run(
        "UPDATE disputes SET payout = :reference WHERE gateway_account = :account AND currency = :currency"
        " AND status = 'lost' AND payout IS NULL",
        **values,
    )
    return payout
