"""Money that leaves the gateway: refunds to card holders, payouts to sellers."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Any

from ..base import Payout, Status
from . import charges, outbox
from .charges import Charge
from .messages import Refused, Response, as_json
from .store import Transaction, stamp


def refund(tx: Transaction, gateway_account: str, charge_reference: str, *, amount: int, currency: str) -> Response:
    """Send money of a charge back, or record that it cannot be."""
    charge = _find_charge(tx, gateway_account, charge_reference)
    possible = charge and charge.currency == currency and amount <= _refundable(tx, charge)
    record = {
        "reference": f"re_{secrets.token_hex(12)}",
        "status": Status.SUCCEEDED if possible else Status.FAILED,
        "amount": amount,
        "currency": currency,
    }
    tx.run(
        "INSERT INTO refunds (reference, gateway_account, charge, status, amount, currency)"
        " VALUES (:reference, :gateway_account, :charge, :status, :amount, :currency)",
        gateway_account=gateway_account,
        charge=charge_reference,
        **record,
    )
    if charge and possible:
        outbox.append(tx, "refund.succeeded", gateway_account, idempotency_key=charge.idempotency_key)
    return as_json(record, status=200 if possible else 402)


def pay_out(tx: Transaction, gateway_account: str) -> list[Payout]:
    """Send a seller what is there, one payout per currency; nothing where nothing is owed."""
    amounts: dict[str, int] = {}
    for row in tx.rows(
        "SELECT currency, amount FROM charges"
        " WHERE gateway_account = :account AND status = 'succeeded' AND payout IS NULL"
        " UNION ALL SELECT currency, -amount FROM refunds"
        " WHERE gateway_account = :account AND status = 'succeeded' AND payout IS NULL",
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
    return charge.amount - (row["refunded"] if row else 0)


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
    return payout
