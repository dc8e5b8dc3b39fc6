"""
Find the truth about money that has no end yet, and compare our books with the gateway's.

Undecided payments are asked for on a schedule that grows from seconds to days; then both
lists of charges are compared, and every difference becomes a staff task.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

from django.db.models import QuerySet

from . import cards, charging, listening, refund_lists, refunds, webhooks
from .batches import Counts, Watch, guarded, unwatched
from .gateways import get_gateway
from .gateways.base import ChargeRecord, GatewayUnavailable, Status
from .models import CardVisit, GatewayEvent, Payment, Seller, TaskKind
from .scope import EVERYONE, Scope
from .staffing import ask_staff
from .states import LIVE_PAYMENT_STATES, PaymentState

WINDOW = timedelta(days=3)


def run(*, at: datetime, scope: Scope = EVERYONE, watch: Watch = unwatched) -> Counts:
    """
    Look at every waiting webhook, undecided payment, refund, open visit and silent product whose moment has come.

    Counts ``processed``, ``decided``, ``refunded``, ``undecided``, ``visits``, ``unheard`` and ``failed``.
    """
    counts = webhooks.process_waiting(at=at) + refunds.run(at=at, scope=scope, watch=watch)
    counts += listening.run(at=at, scope=scope)
    return counts + _check_payments(at=at, scope=scope, watch=watch) + _finish_visits(at=at, scope=scope)


def waiting(*, at: datetime, scope: Scope = EVERYONE) -> Counts:
    """Count what ``run`` would look at."""
    return Counter(
        webhooks=GatewayEvent.objects.waiting(at=at).count(),
        payments=_due_payments(at, scope).count(),
        refunds=refunds.waiting(at=at, scope=scope).count(),
        visits=_due_visits(at, scope).count(),
    )


def _due_payments(at: datetime, scope: Scope) -> QuerySet[Payment]:
    return scope.limit(Payment.objects.undecided().filter(next_action_at__lte=at).order_by("next_action_at"))


def _due_visits(at: datetime, scope: Scope) -> QuerySet[CardVisit]:
    return scope.limit(CardVisit.objects.filter(next_action_at__lte=at))


def _check_payments(*, at: datetime, scope: Scope, watch: Watch) -> Counts:
    counts: Counts = Counter()
    for pk in watch(list(_due_payments(at, scope).values_list("pk", flat=True))):
        payment = Payment.objects.select_related("account", "payment_method", "seller").get(pk=pk)
        with guarded(counts, payment.account_id, job="reconciling", at=at):
            decided = charging.check(payment, at=at).state not in LIVE_PAYMENT_STATES
            counts["decided" if decided else "undecided"] += 1
    return counts


def _finish_visits(*, at: datetime, scope: Scope) -> Counts:
    counts: Counts = Counter()
    for visit in _due_visits(at, scope).select_related("account", "settlement", "started_by", "payment_method"):
        with guarded(counts, visit.account_id, job="reconciling", at=at):
            try:
                cards.finish(visit, at=at)
            except GatewayUnavailable:
                cards.look_again(visit, at=at)
            counts["visits"] += 1
    return counts


def compare(*, at: datetime, since: datetime | None = None) -> list[str]:
    """
    Compare our payments and refunds with the gateway's lists both ways and return the differences.

    Each difference is also a staff task. Raises ``GatewayUnavailable``.
    """
    since = since or at - WINDOW
    differences: list[str] = []
    for gateway_account in sorted(set(Seller.objects.values_list("gateway_account", flat=True))):
        charges = list(get_gateway().list_charges(gateway_account=gateway_account, since=since))
        differences += _theirs_not_ours(charges, gateway_account, at=at)
        taken = {charge.idempotency_key for charge in charges if charge.status == Status.SUCCEEDED}
        differences += _ours_not_theirs(taken, gateway_account, since, at=at)
        differences += refund_lists.compare(gateway_account, since=since, at=at)
    return differences


def _theirs_not_ours(charges: list[ChargeRecord], gateway_account: str, *, at: datetime) -> list[str]:
    keys = [charge.idempotency_key for charge in charges]
    ours = {p.idempotency_key: p for p in Payment.objects.filter(idempotency_key__in=keys).select_related("account")}
    differences = []
    seen: set[str] = set()
    for charge in charges:
        if charge.status != Status.SUCCEEDED:
            continue
        # A second charge under one key is nobody's, whatever the first was.
        payment = None if charge.idempotency_key in seen else ours.get(charge.idempotency_key)
        seen.add(charge.idempotency_key)
        if payment and payment.state in LIVE_PAYMENT_STATES:
            with guarded(Counter(), payment.account_id, job="reconciling", at=at):
                payment = charging.check(payment, at=at)
        if payment is None or not _agree(payment, charge):
            ask_staff(
                TaskKind.CHARGE_UNEXPLAINED,
                key=f"charge:{gateway_account}:{charge.reference}",
                payment=payment,
                account=payment.account if payment else None,
                at=at,
                reference=charge.reference,
            )
            differences.append(f"{gateway_account}: charge {charge.reference} is not a payment of ours")
    return differences


def _agree(payment: Payment, charge: ChargeRecord) -> bool:
    ours = (payment.state, payment.amount, payment.currency)
    return ours == (PaymentState.SUCCEEDED, charge.amount, charge.currency)


def _ours_not_theirs(keys: set[str], gateway_account: str, since: datetime, *, at: datetime) -> list[str]:
    ours = Payment.objects.succeeded().filter(gateway_account=gateway_account, settled_at__gt=since)
    differences = []
    for payment in ours.exclude(idempotency_key__in=keys).select_related("account"):
        if _is_known(payment):
            continue
        ask_staff(
            TaskKind.PAYMENT_MISSING, key=f"missing:{payment.pk}", account=payment.account, payment=payment, at=at
        )
        differences.append(f"{gateway_account}: payment {payment.reference} is not a charge of theirs")
    return differences


def _is_known(payment: Payment) -> bool:
    found = get_gateway(payment.gateway).look_up(
        gateway_account=payment.gateway_account, idempotency_key=payment.idempotency_key
    )
    return found is not None and found.status == Status.SUCCEEDED
