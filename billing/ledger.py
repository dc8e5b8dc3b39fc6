"""Write what moved into the receivables ledger; only ever added, once per kind and cause."""

from __future__ import annotations

from datetime import datetime

from .models import (
    CAUSES,
    CreditNote,
    Dispute,
    EntryKind,
    Invoice,
    LedgerEntry,
    Payment,
    Refund,
    Return,
    WriteOff,
)

Cause = Invoice | Payment | CreditNote | Refund | Return | Dispute | WriteOff


def post(kind: EntryKind, cause: Cause, *, amount: int, at: datetime) -> LedgerEntry:
    """
    Write an entry for what ``cause`` did to the debt; ``amount`` is signed minor units, plus is owed more.

    A return or dispute counts where its payment does, a write-off where its invoice does.
    """
    owed: Invoice | Payment | CreditNote | Refund
    match cause:
        case Return() | Dispute():
            owed = cause.payment
        case WriteOff():
            owed = cause.invoice
        case _:
            owed = cause
    return LedgerEntry.objects.create(
        kind=kind,
        account_id=owed.account_id,
        seller_id=owed.seller_id,
        currency=owed.currency,
        amount=amount,
        at=at,
        **{CAUSES[kind]: cause},
    )
