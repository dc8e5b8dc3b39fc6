"""
Read the gateway's answers, strictly.

An answer that is not exactly what the API promises says nothing:
``GatewayUnavailable``.
"""

from __future__ import annotations

import json
from collections.abc import Container
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

from ..base import (
    Card,
    ChargeRecord,
    DisputeRecord,
    DisputeStatus,
    GatewayUnavailable,
    HostedSession,
    Outcome,
    Payout,
    RefundRecord,
    SessionStatus,
    Status,
)
from .messages import Response

Choice = TypeVar("Choice", bound=StrEnum)
Data = dict[str, Any]


def read(response: Response, *, statuses: Container[int]) -> Data:
    """Return the JSON object of an answer with one of the expected statuses."""
    if response.status not in statuses:
        raise GatewayUnavailable(f"the gateway answered with status {response.status}")
    try:
        data = json.loads(response.body)
    except (ValueError, RecursionError) as error:
        raise GatewayUnavailable("the gateway's answer is not JSON") from error
    if not isinstance(data, dict):
        raise GatewayUnavailable("the gateway's answer is not an object")
    return data


def items(data: Data) -> list[Data]:
    values = data.get("data")
    if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
        raise _unclear("data")
    return values


def outcome(data: Data, *, base_url: str) -> Outcome:
    status = choice(data, "status", Status)
    action_path = text(data, "action_path")
    if (status is Status.REQUIRES_ACTION) != action_path.startswith("/"):
        raise _unclear("action_path")
    return Outcome(
        status=status,
        reference=required_text(data, "reference"),
        amount=number(data, "amount"),
        currency=required_text(data, "currency"),
        decline_code=text(data, "decline_code"),
        action_url=base_url + action_path if action_path else "",
    )


def session(data: Data, *, base_url: str) -> HostedSession:
    card_data, charge_data = _optional(data, "card"), _optional(data, "charge")
    return HostedSession(
        id=required_text(data, "id"),
        url=base_url + required_text(data, "path"),
        status=choice(data, "status", SessionStatus),
        card=card(card_data) if card_data else None,
        outcome=outcome(charge_data, base_url=base_url) if charge_data else None,
    )


def card(data: Data) -> Card:
    return Card(
        token=required_text(data, "token"),
        fingerprint=required_text(data, "fingerprint"),
        brand=required_text(data, "brand"),
        last4=required_text(data, "last4"),
        exp_month=number(data, "exp_month"),
        exp_year=number(data, "exp_year"),
    )


def charge_record(data: Data) -> ChargeRecord:
    return ChargeRecord(
        reference=required_text(data, "reference"),
        idempotency_key=required_text(data, "idempotency_key"),
        status=choice(data, "status", Status),
        amount=number(data, "amount"),
        currency=required_text(data, "currency"),
        created_at=moment(data, "created_at"),
    )


def payout(data: Data) -> Payout:
    return Payout(
        reference=required_text(data, "reference"),
        amount=number(data, "amount"),
        currency=required_text(data, "currency"),
        paid_at=moment(data, "paid_at"),
    )


def refund_record(data: Data) -> RefundRecord:
    return RefundRecord(
        reference=required_text(data, "reference"),
        idempotency_key=required_text(data, "idempotency_key"),
        charge=required_text(data, "charge"),
        status=choice(data, "status", Status),
        amount=number(data, "amount"),
        currency=required_text(data, "currency"),
    )


def dispute_record(data: Data) -> DisputeRecord:
    return DisputeRecord(
        reference=required_text(data, "reference"),
        charge=required_text(data, "charge"),
        charge_key=required_text(data, "charge_key"),
        status=choice(data, "status", DisputeStatus),
        amount=number(data, "amount"),
        currency=required_text(data, "currency"),
        reason=text(data, "reason"),
        opened_at=moment(data, "opened_at"),
        respond_by=moment(data, "respond_by"),
    )


def text(data: Data, name: str) -> str:
    value = data.get(name)
    if not isinstance(value, str):
        raise _unclear(name)
    return value


def required_text(data: Data, name: str) -> str:
    value = text(data, name)
    if not value:
        raise _unclear(name)
    return value


def number(data: Data, name: str) -> int:
    value = data.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise _unclear(name)
    return value


def flag(data: Data, name: str) -> bool:
    value = data.get(name)
    if not isinstance(value, bool):
        raise _unclear(name)
    return value


def moment(data: Data, name: str) -> datetime:
    try:
        return datetime.fromisoformat(text(data, name))
    except ValueError as error:
        raise _unclear(name) from error


def choice(data: Data, name: str, choices: type[Choice]) -> Choice:
    """Read one of the gateway's words; ``unknown`` and ``not_sent`` are ours, never the gateway's."""
    value = text(data, name)
    if value not in set(choices) or value in (Status.UNKNOWN, Status.NOT_SENT):
        raise _unclear(name)
    return choices(value)


def _optional(data: Data, name: str) -> Data | None:
    value = data.get(name)
    if value is not None and not isinstance(value, dict):
        raise _unclear(name)
    return value


def _unclear(name: str) -> GatewayUnavailable:
    return GatewayUnavailable(f"the gateway's answer has no usable {name}")
