"""
May a service run? The one answer the seller's product asks for.

Derived from facts and time, never stored.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from . import links
from .models import Hold, HoldKind, Invoice, Payment, Subscription
from .money import Money
from .states import DisabledReason, PaymentState, SubscriptionState

FULL, READ_ONLY, EXPORT, NONE = "full", "read_only", "export", "none"

LEVELS = {
    SubscriptionState.ACTIVE: FULL,
    SubscriptionState.PAST_DUE: FULL,
    SubscriptionState.WARNED: FULL,
    SubscriptionState.SUSPENDED: READ_ONLY,
    SubscriptionState.CANCELED: EXPORT,
    SubscriptionState.DELETED: NONE,
}

# While a payment stays unknown the customer gets the benefit of the doubt, for a day.
DOUBT_BEGINS = timedelta(hours=1)
DOUBT_ENDS = timedelta(hours=25)


@dataclass(frozen=True, slots=True)
class Access:
    """What the product may let the customer do, and why."""

    level: str
    state: str
    reasons: list[str]
    balance: list[Money]
    next_change_at: datetime | None
    pay_url: str


def access(subscription: Subscription, *, at: datetime) -> Access:
    """Derive the access to a service at a moment."""
    level = LEVELS[SubscriptionState(subscription.state)]
    reasons = list(subscription.disabled_reasons)
    grace = None
    if reasons == [DisabledReason.NONPAYMENT] and level != NONE:
        grace = _grace(subscription, at=at)
        if grace:
            level, reasons = FULL, ["emergency_grace"]
        elif _is_in_doubt(subscription, at=at):
            level, reasons = FULL, ["payment_checking"]
    return Access(
        level=level,
        state=subscription.state,
        reasons=reasons,
        balance=_balance(subscription, at=at),
        next_change_at=grace.ends_at if grace else _next_change(subscription, at=at),
        pay_url=links.settle(subscription.account),
    )


def _grace(subscription: Subscription, *, at: datetime) -> Hold | None:
    """Return the emergency grace in force, while which every service that was not paid for is on."""
    holds = Hold.objects.for_account(subscription.account).in_force(at=at)
    return holds.filter(kind=HoldKind.GRACE).order_by("-ends_at").first()


def _is_in_doubt(subscription: Subscription, *, at: datetime) -> bool:
    unknown = Payment.objects.for_account(subscription.account).filter(
        seller=subscription.seller_id,
        state=PaymentState.UNKNOWN,
        created_at__lte=at - DOUBT_BEGINS,
        created_at__gt=at - DOUBT_ENDS,
    )
    return unknown.exists()


def _balance(subscription: Subscription, *, at: datetime) -> list[Money]:
    """Return what is due on invoices that name the service, per currency."""
    due = Invoice.objects.due(on=subscription.today(at)).naming(subscription)
    sums: dict[str, int] = {}
    for invoice in due:
        sums[invoice.currency] = sums.get(invoice.currency, 0) + invoice.amount_due
    return [Money(amount, currency) for currency, amount in sorted(sums.items())]


def _next_change(subscription: Subscription, *, at: datetime) -> datetime | None:
    """Return the announced stop, cancellation or deletion; none when its moment went by and it was held back."""
    moment = _announced(subscription)
    return moment if moment and moment > at else None


def _announced(subscription: Subscription) -> datetime | None:
    account = subscription.account
    match subscription.state:
        case SubscriptionState.PAST_DUE | SubscriptionState.WARNED:
            return subscription.suspend_at
        case SubscriptionState.SUSPENDED:
            return subscription.cancel_at
        case SubscriptionState.CANCELED:
            return account.moment(subscription.delete_on, 0) if subscription.delete_on else None
        case _:
            return None
