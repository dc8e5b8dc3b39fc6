"""Take an API request apart, and refuse what is not well-formed."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ..base import ChargeRequest, Presence
from .messages import Refused
from .store import Transaction


def read_body(body: bytes) -> dict[str, Any]:
    """Read a JSON object; an empty body is an empty object."""
    try:
        data = json.loads(body or b"{}")
    except ValueError as error:
        raise Refused("invalid_json") from error
    if not isinstance(data, dict):
        raise Refused("invalid_json")
    return data


@dataclass(frozen=True, slots=True)
class Call:
    """One authenticated request, with readers for what it carries."""

    tx: Transaction
    account: str
    key: str
    query: Mapping[str, str]
    data: Mapping[str, Any]

    def text(self, name: str) -> str:
        value = self.data.get(name)
        if not isinstance(value, str):
            raise Refused(f"invalid_{name}")
        return value

    def amount(self) -> int:
        value = self.data.get("amount")
        if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
            raise Refused("invalid_amount")
        return value

    def currency(self) -> str:
        value = self.text("currency")
        if not re.fullmatch("[A-Z]{3}", value):
            raise Refused("invalid_currency")
        return value

    def return_url(self) -> str:
        """Read where the person goes afterwards: a whole web address."""
        url = self.text("return_url")
        if not url.isascii() or not url.isprintable() or not url.startswith(("http://", "https://")):
            raise Refused("invalid_return_url")
        return url

    def required_key(self) -> str:
        if not self.key:
            raise Refused("no_idempotency_key")
        return self.key

    def charge_request(self) -> ChargeRequest:
        try:
            presence = Presence(self.text("presence"))
        except ValueError as error:
            raise Refused("invalid_presence") from error
        return ChargeRequest(
            gateway_account=self.account,
            idempotency_key=self.required_key(),
            amount=self.amount(),
            currency=self.currency(),
            description=self.text("description"),
            # A charge of a stored card may have no person to send anywhere.
            return_url=self.return_url() if self.text("return_url") else "",
            token=self.text("token"),
            presence=presence,
        )

    def payment(self) -> ChargeRequest | None:
        """Read the payment inside of a card setup, with the key of its own."""
        payment = self.data.get("payment")
        if payment is None:
            return None
        if not isinstance(payment, dict) or not isinstance(payment.get("idempotency_key"), str):
            raise Refused("invalid_payment")
        return Call(self.tx, self.account, payment["idempotency_key"], {}, payment).charge_request()

    def since(self) -> datetime:
        try:
            moment = datetime.fromisoformat(self.query["since"])
        except (KeyError, ValueError) as error:
            raise Refused("invalid_since") from error
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)

    def after(self) -> int:
        value = self.query.get("after", "0")
        if not value.isdecimal():
            raise Refused("invalid_after")
        return int(value)
