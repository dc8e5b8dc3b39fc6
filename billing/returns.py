"""Take back a payment that the payer's bank took back: what it paid is owed again, by its original due date."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from . import applying, ledger, standing
from .events import record
from .models import Account, EntryKind, Payment, PaymentMethod, Return, User
from .states import PaymentState

# ISO 20022: the bank account is wrong, closed or blocked, or its holder allows no more of it.
FOR_GOOD = frozenset({"AC01", "AC04", "AC06", "AG01", "MD01", "MD07"})


class NotReceived(Exception):
    """The payment has not succeeded, so nothing can come back of it."""


@transaction.atomic(durable=True)
def record_return(
    payment: Payment,
    amount: int,
    *,
    bank_reference: str,
    at: datetime,
    reason_code: str = "",
    by: User | None = None,
) -> Return:
    """
    Book what the bank took back, once per its reference, and open again what it had paid.

    Nothing stops because of it before a warning of its own has been out for its lead.
    Raises ``NotReceived`` and ``NotEnoughCredit``.
    """
    account = Account.objects.locked().get(pk=payment.account_id)
    payment = Payment.objects.select_related("account", "payment_method").get(pk=payment.pk)
    known = payment.returns.filter(bank_reference=bank_reference).first()
    if known:
        return known
    if payment.state != PaymentState.SUCCEEDED:
        raise NotReceived(f"{payment} is {payment.state}")
    returned = Return.objects.create(
        payment=payment, amount=amount, reason_code=reason_code, bank_reference=bank_reference, at=at
    )
    reopened = applying.take_back(payment, amount, at=at)
    ledger.post(EntryKind.RETURN, returned, amount=amount, at=at)
    record(
        "payment.returned",
        at=at,
        account=account,
        payment=payment,
        invoice=reopened[0] if reopened else None,
        actor=by,
        amount=amount,
        currency=payment.currency,
        reason=reason_code,
    )
    if reason_code in FOR_GOOD and payment.payment_method:
        PaymentMethod.objects.filter(pk=payment.payment_method.pk).update(blocked_reason="returned")
        record("card.blocked", at=at, account=account, payment_method=payment.payment_method, decline_code="returned")
    standing.refresh(account, at=at)
    return returned
