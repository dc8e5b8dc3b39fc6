"""Write what moved into the receivables ledger; only ever added, once per kind and cause."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from .models import CAUSES, EntryKind, LedgerEntry


def post(kind: EntryKind, cause: Any, *, amount: int, at: datetime) -> LedgerEntry:
    """
    Write an entry for what ``cause`` did to the debt; ``amount`` is signed minor units, plus is owed more.

    The account, seller and currency are those of the cause, or of the invoice or payment it is about.
    """
    about = cause if hasattr(cause, "currency") else getattr(cause, "invoice", None) or cause.payment
    return LedgerEntry.objects.create(
        kind=kind,
        account_id=about.account_id,
        seller_id=about.seller_id,
        currency=about.currency,
        amount=amount,
        at=at,
        **{CAUSES[kind]: cause},
    )
