"""
Give unapplied credit back to the card it came from.

    begin (commit)  ->  ask the gateway  ->  settle (commit)

As with charges, the gateway is never called inside a transaction, the key is committed
before it is asked, and no answer is an answer: ``reconciling`` asks again, on the same
ladder. The credit is set aside in the first commit and comes back if the refund fails.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from . import applying, refundable, standing
from .applying import Credit
from .batches import Counts, Watch, guarded, unwatched
from .charging import KEY_FORGOTTEN, KEY_LIFE, MayStillArrive
from .events import record
from .gateways import get_gateway
from .gateways.base import GatewayUnavailable, RefundRecord, Status
from .models import Account, Invoice, Payment, Refund, TaskKind, User
from .refundable import tell
from .schedule import UNKNOWN_TOO_LONG, next_check
from .scope import EVERYONE, Scope
from .staffing import ask_staff
from .states import LIVE_REFUND_STATES, Incomplete, RefundState


def request(credit: Credit, amount: int, *, reason: str, by: User | None, at: datetime) -> list[Refund]:
    """
    Give credit back to the cards that paid, and ask the gateway at once.

    ``credit`` is the row as whoever decides has seen it. Raises ``CreditHasChanged``,
    ``NotEnoughCredit`` and ``NotRefundable``.
    """
    return [settle(refund, ask(refund, at=at), at=at) for refund in begin(credit, amount, reason=reason, by=by, at=at)]


def free_and_request(payment: Payment, invoice: Invoice, *, reason: str, by: User, at: datetime) -> list[Refund]:
    """
    Give back to the card what a payment has paid of an invoice, which is open again.

    Chosen for itself: where the invoice was wrong, it is credited instead.
    """
    begun = begin_freed(payment, invoice, reason=reason, by=by, at=at)
    return [settle(refund, ask(refund, at=at), at=at) for refund in begun]


def keep(credit: Credit, *, reason: str, by: User, at: datetime) -> None:
    """Leave what is not applied as credit for the next invoice, and say that this was decided."""
    record(
        "credit.kept",
        at=at,
        account=credit.account,
        payment=credit if isinstance(credit, Payment) else None,
        actor=by,
        amount=credit.unapplied,
        currency=credit.currency,
        reason=reason,
    )


@transaction.atomic(durable=True)
def begin(credit: Credit, amount: int, *, reason: str, by: User | None, at: datetime) -> list[Refund]:
    """Set the credit aside, with a refund for each charge it goes back through."""
    Account.objects.locked().get(pk=credit.account_id)
    return _to_cards(refundable.unchanged(credit, amount), amount, reason=reason, by=by, at=at)


@transaction.atomic(durable=True)
def begin_freed(payment: Payment, invoice: Invoice, *, reason: str, by: User, at: datetime) -> list[Refund]:
    account = Account.objects.locked().get(pk=payment.account_id)
    payment = Payment.objects.select_related("account").get(pk=payment.pk)
    before = payment.unapplied
    applying.free(payment, Invoice.objects.get(pk=invoice.pk), at=at)
    begun = _to_cards(payment, payment.unapplied - before, reason=reason, by=by, at=at)
    standing.refresh(account, at=at)
    return begun


def _to_cards(credit: Credit, amount: int, *, reason: str, by: User | None, at: datetime) -> list[Refund]:
    return [
        refundable.to_card(credit, share, through=payment, reason=reason, at=at, by=by)
        for payment, share in refundable.parts(credit, amount)
    ]


def ask(refund: Refund, *, at: datetime) -> RefundRecord | None:
    """Ask the gateway for the refund; ``None`` when it gives no answer."""
    payment = refund.through
    if payment is None:
        raise Incomplete(refund)
    # Before the gateway can know the key, so that its life is never thought longer than it is.
    Refund.objects.filter(pk=refund.pk, asked_at=None).update(asked_at=at)
    try:
        return get_gateway(payment.gateway).refund(
            gateway_account=payment.gateway_account,
            reference=payment.gateway_reference,
            idempotency_key=refund.idempotency_key,
            amount=refund.amount,
            currency=refund.currency,
        )
    except GatewayUnavailable:
        return None


@transaction.atomic(durable=True)
def settle(refund: Refund, answer: RefundRecord | None, *, at: datetime) -> Refund:
    """Write down what the gateway said; settling twice is a no-op."""
    Account.objects.locked().get(pk=refund.account_id)
    refund = _read(refund)
    if refund.state not in LIVE_REFUND_STATES:
        return _already_settled(refund, answer, at=at)
    if answer is not None and _is_another(refund, answer):
        answer = None
    if answer is not None and (answer.amount, answer.currency) != (refund.amount, refund.currency):
        _ask_staff(TaskKind.AMOUNT_DIFFERS, refund, at=at, refunded=answer.amount)
        answer = None
    if answer is not None and answer.status == Status.SUCCEEDED:
        refund.move(RefundState.SUCCEEDED, gateway_reference=answer.reference, settled_at=at, next_action_at=None)
        tell("succeeded", refund, at=at)
    elif answer is not None and answer.status == Status.FAILED:
        fail(refund, at=at, gateway_reference=answer.reference)
    else:
        _doubt(refund, answer, at=at)
    return refund


def fail(refund: Refund, *, at: datetime, by: User | None = None, gateway_reference: str = "") -> None:
    """End a refund that was not paid: its credit comes back, and staff find another way."""
    refund.move(RefundState.FAILED, gateway_reference=gateway_reference, settled_at=at, next_action_at=None)
    refundable.put_back(refund, at=at)
    tell("failed", refund, at=at, actor=by)
    kind = TaskKind.DOUBLE_CHARGE if refund.reason == "double" else TaskKind.REFUND_FAILED
    _ask_staff(kind, refund, at=at)


def check(refund: Refund, *, at: datetime) -> Refund:
    """
    Find out what became of a refund, and settle it.

    One that the gateway does not know is sent again under its key, which pays once for as
    long as the gateway remembers it, and never after that.
    """
    refund = _read(refund)
    if refund.state not in LIVE_REFUND_STATES or refund.through is None:
        return refund
    try:
        answer = get_gateway(refund.through.gateway).look_up_refund(
            gateway_account=refund.through.gateway_account, idempotency_key=refund.idempotency_key
        )
    except GatewayUnavailable:
        return settle(refund, None, at=at)
    if answer is None and (refund.asked_at is None or at - refund.asked_at < KEY_LIFE):
        answer = ask(refund, at=at)
    return settle(refund, answer, at=at)


def give_up(refund: Refund, *, by: User, at: datetime) -> Refund:
    """
    End a refund that staff know was never paid, after asking the gateway once more.

    Raises ``MayStillArrive`` for the day in which the gateway may still take the key.
    """
    refund = check(refund, at=at)
    if refund.state not in LIVE_REFUND_STATES:
        return refund
    if refund.asked_at is None or at - refund.asked_at < KEY_FORGOTTEN:
        raise MayStillArrive(f"{refund} was asked for less than a day ago")
    with transaction.atomic(durable=True):
        Account.objects.locked().get(pk=refund.account_id)
        fail(refund, at=at, by=by)
    return refund


def run(*, at: datetime, scope: Scope = EVERYONE, watch: Watch = unwatched) -> Counts:
    """Ask the gateway about every refund whose moment has come; counts ``refunded``, ``undecided`` and ``failed``."""
    counts: Counts = Counter()
    for pk in watch(list(waiting(at=at, scope=scope).values_list("pk", flat=True))):
        refund = Refund.objects.get(pk=pk)
        with guarded(counts, refund.account_id, job="refunding", at=at):
            decided = check(refund, at=at).state not in LIVE_REFUND_STATES
            counts["refunded" if decided else "undecided"] += 1
    return counts


def waiting(*, at: datetime, scope: Scope = EVERYONE) -> QuerySet[Refund]:
    return scope.limit(Refund.objects.undecided().filter(next_action_at__lte=at).order_by("next_action_at"))


def _read(refund: Refund) -> Refund:
    return Refund.objects.select_related("account", "payment", "through", "credit_note__invoice").get(pk=refund.pk)


def _is_another(refund: Refund, answer: RefundRecord) -> bool:
    """Say whether the answer is another refund's: it says nothing about this one."""
    others = Refund.objects.filter(through=refund.through_id, gateway_reference=answer.reference)
    return answer.idempotency_key != refund.idempotency_key or others.exclude(pk=refund.pk).exists()


def _doubt(refund: Refund, answer: RefundRecord | None, *, at: datetime) -> None:
    """Nothing is concluded, the next check is set, and staff hear of it when it lasts."""
    following = next_check(created_at=refund.requested_at, at=at)
    if following is None or (answer is None and at - refund.requested_at >= UNKNOWN_TOO_LONG):
        _ask_staff(TaskKind.REFUND_UNKNOWN, refund, at=at)
    if answer is None and refund.state == RefundState.PENDING:
        refund.move(RefundState.UNKNOWN)
        tell("unknown", refund, at=at)
    Refund.objects.filter(pk=refund.pk).update(checks=refund.checks + 1, next_action_at=following)
    refund.refresh_from_db()


def _already_settled(refund: Refund, answer: RefundRecord | None, *, at: datetime) -> Refund:
    """A second answer changes nothing, but money against an earlier refusal is put before staff."""
    paid = answer is not None and answer.status == Status.SUCCEEDED
    if paid and refund.state != RefundState.SUCCEEDED:
        _ask_staff(TaskKind.REFUND_UNEXPLAINED, refund, at=at)
    return refund


def _ask_staff(kind: TaskKind, refund: Refund, *, at: datetime, **codes: Any) -> None:
    ask_staff(
        kind,
        key=f"{kind}:refund:{refund.pk}",
        account=refund.account,
        payment=refund.payment or refund.through,
        at=at,
        refund=refund.reference,
        **codes,
    )
