"""
The gateway's JSON API, free of any framework.

Both transports of the client come through ``respond``. A caller shows the
secret as a bearer token and names its account in a header; it never sees
anything of another account.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from ..base import ChargeRequest, Presence
from . import cards, charges, faults, keys, money_out, outbox, passing_time, sessions
from .charges import Charge
from .engine import Engine
from .faults import Fault
from .messages import Refused, Request, Response, as_json, error
from .store import Transaction, stamp

IDEMPOTENCY_KEY = "Idempotency-Key"
PAGE_SIZE = 100


@dataclass(frozen=True, slots=True)
class Call:
    """One authenticated request, taken apart."""

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
        if type(value) is not int or value <= 0:
            raise Refused("invalid_amount")
        return value

    def return_url(self, *, data: Mapping[str, Any] | None = None) -> str:
        url = (data or self.data).get("return_url")
        if not isinstance(url, str) or not url.isprintable() or urlsplit(url).scheme not in {"http", "https", ""}:
            raise Refused("invalid_return_url")
        return url
