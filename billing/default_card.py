"""Which card on file is charged automatically: one for each gateway account of an account."""

from __future__ import annotations

from datetime import datetime

from .events import record
from .models import Account, Event, Payment, PaymentMethod, User
from .retries import try_again


def of(account: Account) -> PaymentMethod | None:
    """Return the card that is charged automatically; the newest, when gateway accounts have one each."""
    return PaymentMethod.objects.for_account(account).on_file().filter(is_default=True).order_by("-pk").first()


def make(method: PaymentMethod, *, at: datetime, by: User | None = None) -> None:
    """Charge this card automatically from now on, for every seller of its gateway account."""
    same_place = PaymentMethod.objects.filter(
        account=method.account_id, gateway=method.gateway, gateway_account=method.gateway_account
    )
    others = same_place.filter(is_default=True).exclude(pk=method.pk).update(is_default=False)
    this_one = same_place.filter(pk=method.pk, is_default=False).update(is_default=True)
    method.is_default = True
    if others or this_one:
        record("card.made_default", at=at, account=method.account, payment_method=method, actor=by)
        try_again(method.account, at=at)


def follow_payment(payment: Payment, *, at: datetime) -> None:
    """
    Charge automatically the card that has just paid.

    A payment may succeed late: a card that is of no use any more, or that another choice
    has replaced since it was charged, stays as it is.
    """
    if payment.payment_method is None:
        return
    method = PaymentMethod.objects.get(pk=payment.payment_method.pk)
    if method.removed_at or method.blocked_reason:
        return
    chosen = Event.objects.filter(type="card.made_default", account=payment.account, at__gte=payment.created_at)
    same_place = chosen.filter(
        payment_method__gateway=method.gateway, payment_method__gateway_account=method.gateway_account
    )
    if not same_place.exclude(payment_method=method).exists():
        make(method, at=at)
