"""The payment gateways, by name."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings

from .base import Gateway
from .sandbox.factory import sandbox_engine, sandbox_gateway

__all__ = ["get_gateway", "registry", "sandbox_engine"]

registry: dict[str, Callable[[], Gateway]] = {"sandbox": sandbox_gateway}


def get_gateway(name: str | None = None) -> Gateway:
    """Return the gateway of that name, or the one that new payments go through."""
    return registry[name or settings.GATEWAY]()
