"""
Webhooks: verify, store once, answer; process after.

What a webhook says is only a hint to go and look at the gateway, so neither order nor
repetition matters.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta

from django.db.models import QuerySet

from . import cards, charging, disputes, refunds
from .batches import Counts
from .gateways import get_gateway, registry
from .gateways.base import GatewayUnavailable
from .models import CardVisit, GatewayEvent, Payment, Refund, TaskKind
from .staffing import ask_staff

logger = logging.getLogger(__name__)

BACK_OFF = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=2))
STUCK_AFTER = 5


class UnknownGateway(Exception):
    """There is no gateway of that name."""


def receive(gateway_name: str, *, body: bytes, headers: Mapping[str, str], at: datetime) -> GatewayEvent:
    """Verify and store a webhook once; raises ``UnknownGateway`` and ``InvalidWebhook``."""
    if gateway_name not in registry:
        raise UnknownGateway(gateway_name)
    hint = get_gateway(gateway_name).parse_webhook(body=body, headers=headers, at=at)
    event, _ = GatewayEvent.objects.get_or_create(
        gateway=gateway_name,
        gateway_account=hint.gateway_account,
        event_id=hint.id,
        defaults={
            "type": hint.type,
            "body": body,
            "session_id": hint.session_id,
            "idempotency_key": hint.idempotency_key,
            "dispute": hint.dispute,
            "received_at": at,
            "next_action_at": at,
        },
    )
    return event


def process_waiting(*, at: datetime) -> Counts:
    """Go and look at what the stored webhooks hint at; counts ``processed`` and ``failed``."""
    counts: Counts = Counter()
    for event in GatewayEvent.objects.waiting(at=at).order_by("pk"):
        counts["processed" if process(event, at=at) else "failed"] += 1
    return counts


def process(event: GatewayEvent, *, at: datetime) -> bool:
    """Look at the payment, refund, dispute or visit the webhook hints at; says whether that worked."""
    try:
        _look(event, at=at)
    except GatewayUnavailable as error:
        return _try_again_later(event, error, at=at)
    except Exception as error:
        logger.exception("webhook %s could not be processed", event.pk)
        return _try_again_later(event, error, at=at)
    GatewayEvent.objects.filter(pk=event.pk).update(processed_at=at, next_action_at=None, last_error="")
    return True


def _look(event: GatewayEvent, *, at: datetime) -> None:
    scope = {"gateway": event.gateway, "gateway_account": event.gateway_account}
    if event.session_id:
        for visit in CardVisit.objects.filter(session_id=event.session_id, **scope):
            cards.finish(visit, at=at)
    if event.idempotency_key:
        for payment in Payment.objects.undecided().filter(idempotency_key=event.idempotency_key, **scope):
            charging.check(payment, at=at)
        for refund in Refund.objects.undecided().filter(through__in=_charged(event)):
            refunds.check(refund, at=at)
    if event.dispute:
        disputes.look(at=at, reference=event.dispute, **scope)


def _charged(event: GatewayEvent) -> QuerySet[Payment]:
    same_place = Payment.objects.filter(gateway=event.gateway, gateway_account=event.gateway_account)
    return same_place.filter(idempotency_key=event.idempotency_key)


def _try_again_later(event: GatewayEvent, error: Exception, *, at: datetime) -> bool:
    """Set the moment of the next attempt; from the fifth in vain, staff hear of it."""
    pause = BACK_OFF[min(event.attempts, len(BACK_OFF) - 1)]
    GatewayEvent.objects.filter(pk=event.pk).update(
        attempts=event.attempts + 1, last_error=type(error).__name__, next_action_at=at + pause
    )
    if event.attempts + 1 >= STUCK_AFTER:
        ask_staff(
            TaskKind.WEBHOOK_STUCK,
            key=f"webhook:{event.pk}",
            at=at,
            webhook=event.pk,
            event_id=event.event_id,
            error=type(error).__name__,
        )
    return False
