"""The sandbox that the settings describe; only this module reads them."""

from __future__ import annotations

from functools import lru_cache

from django.conf import settings

from ..breaker import Breaker
from .client import SandboxGateway
from .engine import Engine
from .messages import NoAnswer, NotSent
from .transports import HttpTransport, InProcessTransport

MOUNT = "/sandbox"


def sandbox_engine() -> Engine:
    """Return the engine behind ``SANDBOX_FILE``, to seed and to test with."""
    return _engine(str(settings.SANDBOX_FILE), settings.SANDBOX_SECRET)


def sandbox_gateway() -> SandboxGateway:
    """Return a client of the process at ``SANDBOX_URL``, or of the engine in this process when that is empty."""
    if settings.SANDBOX_URL:
        return _over_http(settings.SANDBOX_URL, settings.SANDBOX_SECRET)
    return _in_process(str(settings.SANDBOX_FILE), settings.SANDBOX_SECRET, settings.BASE_URL)


# Cached by value, so that a changed setting takes effect at once.
@lru_cache
def _engine(file: str, secret: str) -> Engine:
    return Engine(file, secret=secret)


@lru_cache
def _over_http(url: str, secret: str) -> SandboxGateway:
    return SandboxGateway(Breaker(HttpTransport(url), trips_on=NoAnswer, refusal=NotSent), base_url=url, secret=secret)


@lru_cache
def _in_process(file: str, secret: str, base_url: str) -> SandboxGateway:
    transport = InProcessTransport(_engine(file, secret))
    return SandboxGateway(transport, base_url=base_url.rstrip("/") + MOUNT, secret=secret)
