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

from . import applying, concluding, links, standing
from .batches import Counts, Watch, guarded, unwatched
from .brakes import AbnormalRun, ChargeBrake
from .events import record
from .gateways import get_gateway
from .gateways.base import NO_ANSWER, ChargeRequest, GatewayUnavailable, Outcome, Presence, Status
from .models import (
    AUTOMATIC_TRIGGERS,
    Account,
    Invoice,
    Payment,
    StaffTask,
    TaskKind,
    User,
)
from .passing import tried_again
from .retries import GATEWAY_AWAY, automatic_groups, put_off, stop_trying_without_card
from .schedule import next_check
from .scope import EVERYONE, Scope
from .staffing import ask_staff
from .states import LIVE_PAYMENT_STATES

logger = logging.getLogger(__name__)

LEASE = timedelta(minutes=15)
SEND_AGAIN_AFTER = timedelta(minutes=15)
# Gateways forget keys after a day; an hour before that a key is not sent again.
KEY_LIFE = timedelta(hours=23)
KEY_FORGOTTEN = timedelta(days=1)


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


@tried_again
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
    put_off(account, at=at)
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
            next_action_at=next_check(created_at=at, at=at),
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


@tried_again
@transaction.atomic(durable=True)
def settle(payment: Payment, outcome: Outcome, *, at: datetime, by: User | None = None) -> Payment:
    """
    Write down what the gateway said, or ``by`` on its behalf; settling twice is a no-op.

    Only the call that moves the row out of a live state posts entries and events.
    """
    account = Account.objects.locked().get(pk=payment.account_id)
    payment = Payment.objects.select_related("account", "seller", "payment_method", "settlement").get(pk=payment.pk)
    if payment.state not in LIVE_PAYMENT_STATES:
        return concluding.already_settled(payment, outcome, at=at)
    if concluding.names_another(payment, outcome):
        outcome = NO_ANSWER
    if concluding.differs(payment, outcome):
        return concluding.hold_for_staff(payment, outcome, at=at)
    match outcome.status:
        case Status.SUCCEEDED:
            concluding.succeed(account, payment, outcome, at=at)
        case Status.FAILED:
            concluding.fail(account, payment, outcome, at=at)
        case Status.CANCELED:
            concluding.cancel(account, payment, outcome, at=at, by=by)
        case Status.REQUIRES_ACTION:
            concluding.wait_for_approval(payment, outcome, at=at)
        case Status.PENDING:
            concluding.wait(payment, at=at)
        case Status.NOT_SENT:
            concluding.keep_to_send(account, payment, at=at)
        case Status.UNKNOWN:
            concluding.doubt(payment, at=at)
    return payment


def check(payment: Payment, *, at: datetime) -> Payment:
    """
    Ask the gateway what became of an undecided payment and settle it.

    A key that the gateway does not know may be on its way still: it is sent again only
    when it is old enough to have arrived, and young enough not to be forgotten.
    """
    if payment.state not in LIVE_PAYMENT_STATES:
        return payment
    if payment.unsent_at is not None:
        return _send_now(payment, at=at)
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


def _send_now(payment: Payment, *, at: datetime) -> Payment:
    """Send what never left, under the key it has, unless another way to pay was chosen or the outage lasts too long."""
    never_sent = Outcome(Status.CANCELED, decline_code=GATEWAY_AWAY)
    if at - payment.created_at >= KEY_LIFE or not _may_be_sent_again(payment):
        return settle(payment, never_sent, at=at)
    # First, as after the call nobody can say any more that it was not sent.
    if not Payment.objects.filter(pk=payment.pk, unsent_at=payment.unsent_at).update(unsent_at=None):
        return payment
    payment.refresh_from_db()
    return settle(payment, ask(payment), at=at)


def _may_be_sent_again(payment: Payment) -> bool:
    """Say whether nobody has chosen another way to pay meanwhile."""
    waiting = Payment.objects.live().filter(pk=payment.pk, payment_method__isnull=False)
    return waiting.exists()


class MayStillArrive(Exception):
    """A charge may still come in under this payment's key, so nobody can say that it never will."""


def give_up(payment: Payment, *, by: User, at: datetime) -> Payment:
    """
    End a payment that staff know was never charged, after asking the gateway once more.

    An answer of the gateway goes before their word. Raises ``MayStillArrive`` while the
    gateway may still take the key: for the day of its life.
    """
    payment = check(payment, at=at)
    if payment.state not in LIVE_PAYMENT_STATES:
        return payment
    if at - payment.asked_at < KEY_FORGOTTEN:
        raise MayStillArrive(f"{payment} was asked for less than a day ago")
    return settle(payment, Outcome(Status.CANCELED, decline_code="never_charged"), at=at, by=by)
