"""
What each answer of the gateway makes of a payment, and of what it was for.

Called by ``charging.settle`` alone, in its transaction and with the account row locked.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from . import applying, default_card, ledger, refundable, standing, writing_off
from .events import record
from .gateways.base import Outcome, Status
from .models import AUTOMATIC_TRIGGERS, Account, EntryKind, Payment, TaskKind, Trigger, User
from .retries import GATEWAY_AWAY, after_refusal
from .schedule import UNKNOWN_TOO_LONG, next_check
from .staffing import ask_staff
from .states import PaymentState

SENT_AGAIN_IN = timedelta(minutes=5)


def succeed(account: Account, payment: Payment, outcome: Outcome, *, at: datetime) -> None:
    payment.move(
        PaymentState.SUCCEEDED,
        gateway_reference=outcome.reference,
        settled_at=at,
        next_action_at=None,
        action_url="",
        decline_code="",
    )
    ledger.post(EntryKind.PAYMENT, payment, amount=-payment.amount, at=at)
    applying.apply(payment, at=at)
    writing_off.tolerate_rests(payment, at=at)
    left = writing_off.recover(payment, at=at)
    record("payment.succeeded", at=at, account=account, payment=payment, unapplied=left)
    # A double goes back by itself: the gateway is asked for it after this commit, by the next job.
    if left and refundable.is_double(payment) and refundable.give_back_double(payment, at=at) is None:
        ask_staff(TaskKind.DOUBLE_CHARGE, key=f"double:{payment.pk}", account=account, payment=payment, at=at)
    if payment.trigger == Trigger.CARD_UPDATE:
        default_card.follow_payment(payment, at=at)
    standing.refresh(account, at=at)


def fail(account: Account, payment: Payment, outcome: Outcome, *, at: datetime) -> None:
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


def cancel(account: Account, payment: Payment, outcome: Outcome, *, at: datetime, by: User | None) -> None:
    payment.move(
        PaymentState.CANCELED,
        gateway_reference=outcome.reference,
        decline_code=outcome.decline_code,
        settled_at=at,
        next_action_at=None,
        action_url="",
    )
    if payment.trigger in AUTOMATIC_TRIGGERS and outcome.decline_code != GATEWAY_AWAY:
        after_refusal(payment, at=at)
    record("payment.canceled", at=at, account=account, payment=payment, reason=outcome.decline_code, actor=by)
    standing.refresh(account, at=at)


def wait_for_approval(payment: Payment, outcome: Outcome, *, at: datetime) -> None:
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


def wait(payment: Payment, *, at: datetime) -> None:
    if payment.state == PaymentState.PENDING:
        _touch(payment, next_action_at=_recheck(payment, at=at))
    else:
        payment.move(PaymentState.PENDING, next_action_at=_recheck(payment, at=at), action_url="")


def doubt(payment: Payment, *, at: datetime) -> None:
    """No answer: nothing is concluded, the next check is set, and staff hear of it when it lasts."""
    if at - payment.asked_at >= UNKNOWN_TOO_LONG:
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


def keep_to_send(account: Account, payment: Payment, *, at: datetime) -> None:
    """
    The gateway could not be reached: no try is counted and nothing is declined.

    An automatic charge is sent a few minutes later; a person is told to try again.
    """
    if payment.state != PaymentState.PENDING:
        doubt(payment, at=at)
    elif payment.trigger in AUTOMATIC_TRIGGERS:
        _touch(payment, unsent_at=at, next_action_at=at + SENT_AGAIN_IN)
    else:
        cancel(account, payment, Outcome(Status.CANCELED, decline_code=GATEWAY_AWAY), at=at, by=None)


def _recheck(payment: Payment, *, at: datetime) -> datetime | None:
    """Return when to ask again; when there is no next time, staff are told instead."""
    Payment.objects.filter(pk=payment.pk).update(checks=payment.checks + 1)
    following = next_check(created_at=payment.created_at, at=at)
    if following is None:
        ask_staff(
            TaskKind.PAYMENT_UNKNOWN, key=f"unknown:{payment.pk}", account=payment.account, payment=payment, at=at
        )
    return following


def _touch(payment: Payment, **changes: object) -> None:
    Payment.objects.filter(pk=payment.pk).update(**changes)
    payment.refresh_from_db()


def names_another(payment: Payment, outcome: Outcome) -> bool:
    """Say whether the answer carries the reference of another payment's charge: it says nothing about this one."""
    others = Payment.objects.filter(
        gateway=payment.gateway, gateway_account=payment.gateway_account, gateway_reference=outcome.reference
    )
    return bool(outcome.reference) and others.exclude(pk=payment.pk).exists()


def differs(payment: Payment, outcome: Outcome) -> bool:
    return outcome.status == Status.SUCCEEDED and (outcome.amount, outcome.currency) != (
        payment.amount,
        payment.currency,
    )


def hold_for_staff(payment: Payment, outcome: Outcome, *, at: datetime) -> Payment:
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
    doubt(payment, at=at)
    return payment


def already_settled(payment: Payment, outcome: Outcome, *, at: datetime) -> Payment:
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
