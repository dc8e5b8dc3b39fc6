"""The request and the response that the API, the pages and the transports share."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

IDEMPOTENCY_KEY = "Idempotency-Key"


class Delivery(StrEnum):
    """How a response travels; anything but ``WHOLE`` is a fault that was asked for."""

    WHOLE = "whole"
    NEVER = "never"
    DROPPED = "dropped"
    DRIPPING = "dripping"


@dataclass(frozen=True, slots=True)
class Request:
    """A request to the API; ``path`` carries its query string."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Response:
    """An answer of the API or of a hosted page."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    delivery: Delivery = Delivery.WHOLE

    def delivered(self, delivery: Delivery) -> Response:
        return replace(self, delivery=delivery)


class NoAnswer(Exception):
    """The other side gave no whole answer in time."""


class NotSent(NoAnswer):
    """No connection was made: the request cannot have arrived."""


class Refused(Exception):
    """The request is wrong and nothing was done; ``code`` says why."""

    def __init__(self, code: str, *, status: int = 400) -> None:
        super().__init__(code)
        self.code = code
        self.status = status


def as_json(data: Mapping[str, Any], *, status: int = 200, delivery: Delivery = Delivery.WHOLE) -> Response:
    return Response(status, json.dumps(data).encode(), {"Content-Type": "application/json"}, delivery)


def error(code: str, *, status: int) -> Response:
    return as_json({"error": {"code": code}}, status=status)
