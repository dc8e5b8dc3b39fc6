"""Compare our refunds with the gateway's list of them, both ways; every difference is told."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from . import refunds
from .batches import guarded
from .gateways import get_gateway
from .gateways.base import RefundRecord, Status
from .models import Refund, RefundDestination, TaskKind
from .staffing import ask_staff
from .states import LIVE_REFUND_STATES, Incomplete, RefundState


def compare(gateway_account: str, *, since: datetime, at: datetime) -> list[str]:
    """Return a line for each difference, which is also a staff task. Raises ``GatewayUnavailable``."""
    listed = list(get_gateway().list_refunds(gateway_account=gateway_account, since=since))
    theirs = [line for record in listed for line in _not_ours(record, gateway_account, at=at)]
    return theirs + _not_theirs({record.idempotency_key for record in listed}, gateway_account, since, at=at)


def _not_ours(record: RefundRecord, gateway_account: str, *, at: datetime) -> list[str]:
    if record.status != Status.SUCCEEDED:
        return []
    ours = Refund.objects.filter(idempotency_key=record.idempotency_key, through__gateway_account=gateway_account)
    refund = ours.select_related("account", "through").first()
    if refund and refund.state in LIVE_REFUND_STATES:
        with guarded(Counter(), refund.account_id, job="refunding", at=at):
            refund = refunds.check(refund, at=at)
    if refund and (refund.state, refund.amount, refund.currency) == (
        RefundState.SUCCEEDED,
        record.amount,
        record.currency,
    ):
        return []
    ask_staff(
        TaskKind.REFUND_UNEXPLAINED,
        key=f"refund:{gateway_account}:{record.reference}",
        account=refund.account if refund else None,
        payment=refund.through if refund else None,
        at=at,
        reference=record.reference,
    )
    return [f"{gateway_account}: refund {record.reference} is not a refund of ours"]


def _not_theirs(keys: set[str], gateway_account: str, since: datetime, *, at: datetime) -> list[str]:
    ours = Refund.objects.filter(
        destination=RefundDestination.ORIGINAL,
        state=RefundState.SUCCEEDED,
        settled_at__gt=since,
        through__gateway_account=gateway_account,
    )
    differences = []
    for refund in ours.exclude(idempotency_key__in=keys).select_related("account", "through"):
        if _is_known(refund):
            continue
        ask_staff(
            TaskKind.REFUND_MISSING,
            key=f"refund_missing:{refund.pk}",
            account=refund.account,
            payment=refund.through,
            at=at,
            refund=refund.reference,
        )
        differences.append(f"{gateway_account}: refund {refund.reference} is not a refund of theirs")
    return differences


def _is_known(refund: Refund) -> bool:
    if refund.through is None:
        raise Incomplete(refund)
    found = get_gateway(refund.through.gateway).look_up_refund(
        gateway_account=refund.through.gateway_account, idempotency_key=refund.idempotency_key
    )
    return found is not None and found.status == Status.SUCCEEDED
