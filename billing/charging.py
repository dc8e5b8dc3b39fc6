"""
Take money for an account.

    begin (commit)  ->  ask the gateway  ->  settle (commit)

The gateway is never called inside a transaction: a crash between the two commits
leaves pending payments, which ``reconciling`` settles later by their idempotency keys.
Every answer, by whatever way it comes, ends in the one ``settle``.
"""

from __future__ import annotations

import logging
from collections import Counter
from datetime import datetime, timedelta

from django.db import transaction

from . import applying, links, standing
from .batches import Counts, Watch, guarded, unwatched
from .brakes import AbnormalRun, ChargeBrake
from .events import record
from .gateways import get_gateway
from .gateways.base import NO_ANSWER, ChargeRequest, GatewayUnavailable, Outcome, Presence, Status
from .models import (
    AUTOMATIC_TRIGGERS,
    Account,
    Invoice,
    LedgerEntry,
    Payment,
    PaymentMethod,
    StaffTask,
    TaskKind,
    Trigger,
    User,
)
from .retries import after_refusal, automatic_groups, stop_trying_without_card, try_again
from .schedule import next_check
from .scope import EVERYONE, Scope
from .staffing import ask_staff
from .states import LIVE_PAYMENT_STATES, PaymentState

logger = logging.getLogger(__name__)

LEASE = timedelta(minutes=15)
SEND_AGAIN_AFTER = timedelta(minutes=15)
# Gateways forget keys after a day; an hour before that a key is not sent again.
KEY_LIFE = timedelta(hours=23)
UNKNOWN_TOO_LONG = timedelta(hours=1)


def collect(*, at: datetime, scope: Scope = EVERYONE, watch: Watch = unwatched) -> Counts:
    """
    Try the card of every account with an invoice whose automatic charge is due.

    Counts ``charged``, ``refused``, ``unclear`` and ``failed`` (accounts that could not be
    processed). Raises ``AbnormalRun`` when too many charges are refused, and asks for no
    more on that day until staff have closed the task about it.
    """
    counts: Counts = Counter()
    brake = ChargeBrake()
    stopped_today = f"collecting:{at:%Y-%m-%d}"
    if not scope.account and StaffTask.objects.filter(key=stopped_today, done_at=None).exists():
        raise AbnormalRun("staff have not yet looked at the stop before", counts)
    for pk in watch(due_accounts(at=at, scope=scope)):
        with guarded(counts, pk, job="collecting", at=at):
            payments = [settle(payment, ask(payment), at=at) for payment in begin(pk, at=at)]
            counts += brake.count(payments)
        if brake.is_on:
            record("dunning.stopped", at=at, job="collecting", refused=counts["refused"], charged=counts["charged"])
            ask_staff(TaskKind.ABNORMAL_NIGHT, key=stopped_today, at=at, refused=counts["refused"])
            raise AbnormalRun("too many charges were refused", counts)
    return counts


def due_accounts(*, at: datetime, scope: Scope = EVERYONE) -> list[int]:
    return scope.account_pks(Invoice.objects.open().filter(next_charge_at__lte=at))


@transaction.atomic(durable=True)
def begin(account_pk: int, *, at: datetime) -> list[Payment]:
    """
    Put down a payment for each seller and currency of which an automatic charge is due.

    The due moment moves on by the lease in the same commit, so that no other process
    takes the account meanwhile.
    """
    account = Account.objects.locked().get(pk=account_pk)
    applying.apply_credit(account, at=at)
    standing.refresh(account, at=at)
    groups = automatic_groups(account, at=at)
    stop_trying_without_card(account, at=at)
    Invoice.objects.for_account(account).open().filter(next_charge_at__lte=at).update(next_charge_at=at + LEASE)
    return [
        Payment.objects.create(
            account=account,
            seller=group.seller,
            currency=group.currency,
            amount=group.amount,
            payment_method=group.method,
            gateway=group.method.gateway,
            gateway_account=group.method.gateway_account,
            trigger=group.trigger,
            created_at=at,
            next_action_at=next_check(created_at=at, checks=0, at=at),
        )
        for group in groups
    ]


def ask(payment: Payment) -> Outcome:
    """Ask the gateway for the charge; no answer is an answer too."""
    if payment.payment_method is None:
        raise ValueError(f"{payment} has no stored card to charge")
    return get_gateway(payment.gateway).charge(
        ChargeRequest(
            gateway_account=payment.gateway_account,
            idempotency_key=payment.idempotency_key,
            amount=payment.amount,
            currency=payment.currency,
            description=str(payment.seller),
            return_url=links.payment_return(payment),
            token=payment.payment_method.token,
            presence=Presence.OFF_SESSION if payment.trigger in AUTOMATIC_TRIGGERS else Presence.ON_SESSION,
        )
    )


@transaction.atomic(durable=True)
def settle(payment: Payment, outcome: Outcome, *, at: datetime) -> Payment:
    """
    Write down what the gateway said; settling twice is a no-op.

    Only the call that moves the row out of a live state posts entries and events.
    """
    account = Account.objects.locked().get(pk=payment.account_id)
    payment = Payment.objects.select_related("account", "seller", "payment_method", "settlement").get(pk=payment.pk)
    if payment.state not in LIVE_PAYMENT_STATES:
        return _already_settled(payment, outcome, at=at)
    if _names_another(payment, outcome):
        outcome = NO_ANSWER
    if _differs(payment, outcome):
        return _hold_for_staff(payment, outcome, at=at)
    match outcome.status:
        case Status.SUCCEEDED:
            _succeed(account, payment, outcome, at=at)
        case Status.FAILED:
            _fail(account, payment, outcome, at=at)
        case Status.CANCELED:
            _cancel(account, payment, outcome, at=at)
        case Status.REQUIRES_ACTION:
            _wait_for_approval(payment, outcome, at=at)
        case Status.PENDING:
            _wait(payment, at=at)
        case Status.UNKNOWN:
            _doubt(payment, at=at)
    return payment


def check(payment: Payment, *, at: datetime) -> Payment:
    """
    Ask the gateway what became of an undecided payment and settle it.

    A key that the gateway does not know may be on its way still: it is sent again only
    when it is old enough to have arrived, and young enough not to be forgotten.
    """
    if payment.state not in LIVE_PAYMENT_STATES:
        return payment
    gateway = get_gateway(payment.gateway)
    try:
        outcome = gateway.look_up(gateway_account=payment.gateway_account, idempotency_key=payment.idempotency_key)
    except GatewayUnavailable:
        outcome = None
        age = timedelta(0)
    else:
        age = at - payment.created_at
    if outcome is None and SEND_AGAIN_AFTER <= age < KEY_LIFE and _may_be_sent_again(payment):
        outcome = ask(payment)
    return settle(payment, outcome or NO_ANSWER, at=at)


def _may_be_sent_again(payment: Payment) -> bool:
    """Say whether nobody has chosen another way to pay meanwhile."""
    waiting = Payment.objects.live().filter(pk=payment.pk, payment_method__isnull=False)
    return waiting.exists()


def _succeed(account: Account, payment: Payment, outcome: Outcome, *, at: datetime) -> None:
    payment.move(
        PaymentState.SUCCEEDED,
        gateway_reference=outcome.reference,
        settled_at=at,
        next_action_at=None,
        action_url="",
        decline_code="",
    )
    LedgerEntry.objects.create(
        account=account,
        seller=payment.seller,
        currency=payment.currency,
        amount=-payment.amount,
        payment=payment,
        at=at,
    )
    left = applying.apply(payment, at=at)
    record("payment.succeeded", at=at, account=account, payment=payment, unapplied=left)
    if left:
        # It was as much as was due when it began, so something else has paid the same since.
        ask_staff(TaskKind.DOUBLE_CHARGE, key=f"double:{payment.pk}", account=account, payment=payment, at=at)
    if payment.trigger == Trigger.CARD_UPDATE and payment.payment_method:
        make_default(payment.payment_method, at=at)
    standing.refresh(account, at=at)


def _fail(account: Account, payment: Payment, outcome: Outcome, *, at: datetime) -> None:
    payment.move(
        PaymentState.FAILED,
        gateway_reference=outcome.reference,
        decline_code=outcome.decline_code,
        settled_at=at,
        next_action_at=None,
        action_url="",
    )
    first_refusal = after_refusal(payment, at=at)
    record(
        "payment.failed",
        at=at,
        account=account,
        payment=payment,
        payment_method=payment.payment_method,
        decline_code=payment.decline_code,
        trigger=payment.trigger,
        first_refusal=first_refusal,
    )
    standing.refresh(account, at=at)


def _cancel(account: Account, payment: Payment, outcome: Outcome, *, at: datetime) -> None:
    payment.move(
        PaymentState.CANCELED,
        gateway_reference=outcome.reference,
        decline_code=outcome.decline_code,
        settled_at=at,
        next_action_at=None,
        action_url="",
    )
    if payment.trigger in AUTOMATIC_TRIGGERS:
        after_refusal(payment, at=at)
    record("payment.canceled", at=at, account=account, payment=payment, reason=outcome.decline_code)
    standing.refresh(account, at=at)


def _wait_for_approval(payment: Payment, outcome: Outcome, *, at: datetime) -> None:
    waiting = {"action_url": outcome.action_url, "next_action_at": _recheck(payment, at=at)}
    if payment.state == PaymentState.REQUIRES_ACTION:
        _touch(payment, **waiting)
        return
    payment.move(PaymentState.REQUIRES_ACTION, **waiting)
    record(
        "payment.action_required",
        at=at,
        key=f"payment:{payment.pk}:action_required",
        account=payment.account,
        payment=payment,
        trigger=payment.trigger,
    )


def _wait(payment: Payment, *, at: datetime) -> None:
    if payment.state == PaymentState.PENDING:
        _touch(payment, next_action_at=_recheck(payment, at=at))
    else:
        payment.move(PaymentState.PENDING, next_action_at=_recheck(payment, at=at), action_url="")


def _doubt(payment: Payment, *, at: datetime) -> None:
    """No answer: nothing is concluded, the next check is set, and staff hear of it when it lasts."""
    if at - payment.created_at >= UNKNOWN_TOO_LONG:
        ask_staff(
            TaskKind.PAYMENT_UNKNOWN, key=f"unknown:{payment.pk}", account=payment.account, payment=payment, at=at
        )
    if payment.state == PaymentState.PENDING:
        payment.move(PaymentState.UNKNOWN, next_action_at=_recheck(payment, at=at))
        record(
            "payment.unknown",
            at=at,
            key=f"payment:{payment.pk}:unknown",
            account=payment.account,
            payment=payment,
        )
    else:
        _touch(payment, next_action_at=_recheck(payment, at=at))


def _recheck(payment: Payment, *, at: datetime) -> datetime | None:
    """Return when to ask again; when there is no next time, staff are told instead."""
    Payment.objects.filter(pk=payment.pk).update(checks=payment.checks + 1)
    following = next_check(created_at=payment.created_at, checks=payment.checks, at=at)
    if following is None:
        ask_staff(
            TaskKind.PAYMENT_UNKNOWN, key=f"unknown:{payment.pk}", account=payment.account, payment=payment, at=at
        )
    return following


def _touch(payment: Payment, **changes: object) -> None:
    Payment.objects.filter(pk=payment.pk).update(**changes)
    payment.refresh_from_db()


def _names_another(payment: Payment, outcome: Outcome) -> bool:
    """Say whether the answer carries the reference of another payment's charge: it says nothing about this one."""
    others = Payment.objects.filter(
        gateway=payment.gateway, gateway_account=payment.gateway_account, gateway_reference=outcome.reference
    )
    return bool(outcome.reference) and others.exclude(pk=payment.pk).exists()


def _differs(payment: Payment, outcome: Outcome) -> bool:
    return outcome.status == Status.SUCCEEDED and (outcome.amount, outcome.currency) != (
        payment.amount,
        payment.currency,
    )


def _hold_for_staff(payment: Payment, outcome: Outcome, *, at: datetime) -> Payment:
    """The gateway took another amount than was asked: never called paid, a person looks."""
    ask_staff(
        TaskKind.AMOUNT_DIFFERS,
        key=f"differs:{payment.pk}",
        account=payment.account,
        payment=payment,
        at=at,
        charged=outcome.amount,
        currency=outcome.currency,
    )
    _doubt(payment, at=at)
    return payment


def _already_settled(payment: Payment, outcome: Outcome, *, at: datetime) -> Payment:
    """A second answer changes nothing, but money against an earlier refusal is put before staff."""
    if outcome.status == Status.SUCCEEDED and payment.state != PaymentState.SUCCEEDED:
        ask_staff(
            TaskKind.CHARGE_UNEXPLAINED,
            key=f"late:{payment.pk}",
            account=payment.account,
            payment=payment,
            at=at,
            reference=outcome.reference,
        )
    return payment


def make_default(method: PaymentMethod, *, at: datetime, by: User | None = None) -> None:
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
