"""
A payment gateway to develop, test and demonstrate with.

It behaves as a real one does: hosted pages, tokens, idempotency keys, declines,
3-D Secure, lost answers, signed webhooks. It takes no card numbers and no money.
"""

from __future__ import annotations

from .client import SandboxGateway
from .engine import Engine
from .faults import Fault
from .transports import HttpTransport, InProcessTransport

__all__ = ["Engine", "Fault", "HttpTransport", "InProcessTransport", "SandboxGateway"]
