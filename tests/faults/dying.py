"""
Charge or settle, and die on the way: a process of its own, killed by itself with SIGKILL.

The steps are wrapped from outside; nothing in the product knows of them.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from datetime import datetime
from typing import Any

import django

django.setup()

from billing import charging, settling, standing  # noqa: E402 - Django comes first
from billing.gateways.sandbox.transports import InProcessTransport  # noqa: E402
from billing.models import LedgerEntry, Payment, Settlement  # noqa: E402
from billing.models.accounts import AccountQuerySet  # noqa: E402


def die(*_args: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def before(owner: Any, name: str) -> None:
    """Die instead of calling."""
    setattr(owner, name, die)


def after(owner: Any, name: str, *, times: int = 1) -> None:
    """Die when the call has been made a number of times."""
    original: Callable[..., Any] = getattr(owner, name)
    calls = 0

    def call(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        result = original(*args, **kwargs)
        calls += 1
        if calls == times:
            die()
        return result

    setattr(owner, name, call)


STEPS: dict[str, Callable[[], None]] = {
    "before the lock": lambda: before(AccountQuerySet, "locked"),
    "after the insert": lambda: after(Payment, "save"),
    "after the first commit": lambda: after(charging, "begin"),
    "after sending": lambda: after(InProcessTransport, "__call__"),
    "after the answer": lambda: after(charging, "ask"),
    "in the middle of settling": lambda: after(LedgerEntry, "save"),
    "before the second commit": lambda: after(standing, "refresh", times=2),
    "after the second commit": lambda: after(charging, "settle"),
    "between two sellers": lambda: after(charging, "settle"),
    "before the first of two sellers": lambda: before(charging, "ask"),
    "after asking for the second": lambda: after(charging, "ask", times=2),
}


def main(act: str, step: str, at: str, settlement: str = "") -> None:
    STEPS[step]()
    moment = datetime.fromisoformat(at)
    if act == "collect":
        charging.collect(at=moment)
        return
    consented = Settlement.objects.get(reference=settlement)
    settling.settle(consented, method=consented.account.payment_methods.get(), by=None, at=moment)


if __name__ == "__main__":
    main(*sys.argv[1:])
