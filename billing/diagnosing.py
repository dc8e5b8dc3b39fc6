"""
Why is a service still off, or past due, although somebody paid? Ordered checks that name the true cause.

Nothing here decides anything: the checks read what ``standing``, ``applying`` and the
gateway have made of the money. ``check_again`` lets them look once more.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import transaction

from . import applying, charging, standing
from .models import Account, Hold, Invoice, Membership, Payment, Subscription, User
from .money import Money
from .states import LIVE_PAYMENT_STATES, AccessLevel, DisabledReason, PaymentState, SubscriptionState

CLEAR, CAUSE, NOTE = "clear", "cause", "note"
RECENT = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found: ``clear``, a ``cause``, or a ``note`` that explains without being the cause."""

    code: str
    verdict: str
    money: list[Money] = field(default_factory=list)
    invoices: list[Invoice] = field(default_factory=list)
    payment: Payment | None = None
    account: Account | None = None
    at: datetime | None = None

    @property
    def is_cause(self) -> bool:
        return self.verdict == CAUSE


def diagnose(subscription: Subscription, *, at: datetime, reader: User | None = None) -> list[Finding]:
    """
    Return what each check found, in the order in which causes count; the first cause is the one to act on.

    Money on another account is told only to a ``reader`` who is a member there.
    """
    service = Subscription.objects.select_related("account", "seller").get(pk=subscription.pk)
    owed = standing.owed_by_service(service, on=service.today(at))
    payments = list(
        Payment.objects.for_account(service.account)
        .filter(created_at__gt=at - RECENT)
        .select_related("seller", "payment_method")
        .order_by("-pk")
    )
    return [
        *_purge(service),
        *_under_way(service, payments),
        *_refused(owed, payments),
        *_elsewhere(service, owed),
        *_on_another_account(service, owed, reader, at=at),
        *_owed(owed),
        *_other_reasons(service),
        *_held(service, at=at),
        *_product(service),
    ]


def first_cause(findings: list[Finding]) -> Finding | None:
    return next((finding for finding in findings if finding.is_cause), None)


def check_again(subscription: Subscription, *, at: datetime) -> None:
    """Ask the gateway about undecided payments, apply what is unapplied, and work out anew how things stand."""
    account = subscription.account
    undecided = Payment.objects.for_account(account).filter(state__in=LIVE_PAYMENT_STATES)
    for payment in undecided.select_related("account", "seller", "payment_method"):
        charging.check(payment, at=at)
    with transaction.atomic():
        account = Account.objects.locked().get(pk=account.pk)
        applying.apply_credit(account, at=at)
        standing.refresh(account, at=at)


def _purge(service: Subscription) -> Iterator[Finding]:
    if service.state == SubscriptionState.DELETED:
        yield Finding("deleted", CAUSE, at=service.deleted_at)
    elif service.is_purging:
        yield Finding("purging", CAUSE, at=service.deletion_due_at)


def _under_way(service: Subscription, payments: list[Payment]) -> Iterator[Finding]:
    live = [payment for payment in payments if payment.is_live]
    for payment in live:
        asked = payment.state == PaymentState.REQUIRES_ACTION
        yield Finding("approval" if asked else "checking", CAUSE, [payment.money], payment=payment)
    if not live:
        yield Finding("none_under_way", CLEAR)


def _refused(owed: list[Invoice], payments: list[Payment]) -> Iterator[Finding]:
    """Tell of the newest payment to a creditor who is still owed, when that was refused."""
    groups = {(invoice.seller_id, invoice.currency) for invoice in owed}
    ended = [payment for payment in payments if not payment.is_live and (payment.seller_id, payment.currency) in groups]
    if ended and ended[0].state == PaymentState.FAILED:
        yield Finding("refused", CAUSE, [ended[0].money], payment=ended[0], at=ended[0].settled_at)
    else:
        yield Finding("none_refused", CLEAR)


def _owed(owed: list[Invoice]) -> Iterator[Finding]:
    if owed:
        yield Finding("owed", CAUSE, _sums(owed), invoices=owed)
    else:
        yield Finding("nothing_owed", CLEAR)


def _elsewhere(service: Subscription, owed: list[Invoice]) -> Iterator[Finding]:
    """Tell of money of the account that cannot pay what is owed: it is another seller's, or in another currency."""
    groups = {(invoice.seller_id, invoice.currency) for invoice in owed}
    lying = [credit for credit in applying.unapplied(service.account) if credit.unapplied]
    of_no_use = [credit for credit in lying if (credit.seller_id, credit.currency) not in groups]
    if owed and of_no_use:
        yield Finding("credit_elsewhere", CAUSE, [Money(credit.unapplied, credit.currency) for credit in of_no_use])
    else:
        yield Finding("no_credit_elsewhere", CLEAR)


def _on_another_account(
    service: Subscription, owed: list[Invoice], reader: User | None, *, at: datetime
) -> Iterator[Finding]:
    if reader is None or not owed:
        return
    others = Membership.objects.filter(user=reader).exclude(account=service.account_id).values("account")
    received = Payment.objects.succeeded().filter(account__in=others, settled_at__gt=at - RECENT)
    amounts = {invoice.amount_due for invoice in owed} | {money.amount for money in _sums(owed)}
    for payment in received.select_related("account").order_by("-pk"):
        if payment.unapplied or payment.amount in amounts:
            yield Finding("other_account", CAUSE, [payment.money], payment=payment, account=payment.account)
            return


def _other_reasons(service: Subscription) -> Iterator[Finding]:
    others = [reason for reason in service.disabled_reasons if reason != DisabledReason.NONPAYMENT]
    for reason in others:
        yield Finding(reason, CAUSE, at=service.canceled_at or service.suspended_at)
    if not others:
        yield Finding("no_other_reason", CLEAR)


def _held(service: Subscription, *, at: datetime) -> Iterator[Finding]:
    """A hold keeps anything worse from happening; it never keeps a service off."""
    for hold in Hold.objects.in_force(at=at).for_account(service.account):
        yield Finding("held", NOTE, at=hold.ends_at)


def _product(service: Subscription) -> Iterator[Finding]:
    """The product keeps a service off until it asks again; of one that never asked nothing is known."""
    if service.is_off or not service.product_level:
        return
    if service.product_level != AccessLevel.FULL:
        yield Finding("product_not_asked", CAUSE, at=service.product_asked_at)
    else:
        yield Finding("product_knows", CLEAR, at=service.product_asked_at)


def _sums(owed: list[Invoice]) -> list[Money]:
    totals: dict[str, int] = {}
    for invoice in owed:
        totals[invoice.currency] = totals.get(invoice.currency, 0) + invoice.amount_due
    return [Money(amount, currency) for currency, amount in sorted(totals.items())]
