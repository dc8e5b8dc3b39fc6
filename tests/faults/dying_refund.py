"""
Give back, and die on the way: a process of its own, killed by itself with SIGKILL.

As ``dying``, whose ways to die it uses, for the steps of a refund.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from datetime import datetime

import django

django.setup()

from billing import reconciling, refundable, refunds  # noqa: E402 - Django comes first
from billing.gateways.sandbox.transports import InProcessTransport  # noqa: E402
from billing.models import LedgerEntry, Payment, Refund  # noqa: E402
from billing.models.accounts import AccountQuerySet  # noqa: E402
from tests.faults.dying import Die, after, before  # noqa: E402

STEPS: dict[str, Callable[[Die], None]] = {
    "before the lock": before(AccountQuerySet, "locked"),
    "after setting the credit aside": after(Refund, "save"),
    "before the first commit": after(LedgerEntry, "save"),
    "after the first commit": after(refunds, "begin"),
    "after sending": after(InProcessTransport, "__call__"),
    "after the answer": after(refunds, "ask"),
    "in the middle of settling": after(Refund, "move"),
    "before the second commit": after(refunds, "tell"),
    "after the second commit": after(refunds, "settle"),
    # Of a double, which begins in the commit that books it.
    "after a double is set aside": after(refundable, "give_back_double"),
    "while a double is looked up": after(InProcessTransport, "__call__"),
    "after a double was sent": after(InProcessTransport, "__call__", times=2),
}


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def main(act: str, step: str, at: str, pk: str = "") -> None:
    moment = datetime.fromisoformat(at)
    credit = Payment.objects.filter(pk=pk or None).first()
    STEPS[step](die)
    if act == "reconcile":
        reconciling.run(at=moment)
    elif credit:
        refunds.request(credit, credit.unapplied, reason="asked for", by=None, at=moment)


if __name__ == "__main__":
    main(*sys.argv[1:])
