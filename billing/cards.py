"""
Cards on file: add one on the gateway's own page, choose the default, take one away.

A visit to the card page may carry a consented settlement; when the person is back, or
when the webhook alone says so, the card is stored and everything outstanding is charged.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.db import transaction

from . import default_card, expiring, links, quotes, settling
from .events import record
from .gateways import get_gateway
from .gateways.base import Card, GatewayUnavailable, SessionStatus
from .models import Account, CardVisit, Invoice, Membership, PaymentMethod, Seller, Settlement, User
from .states import SubscriptionState

logger = logging.getLogger(__name__)

LOOK_AGAIN = timedelta(minutes=5)
REFUSALS = (settling.QuoteChanged, settling.PaymentInProgress, settling.CannotCharge, settling.TooManyTries)


class CannotRemove(Exception):
    """The card is still needed; ``reasons`` are codes that a page explains."""

    def __init__(self, reasons: list[str]) -> None:
        super().__init__(", ".join(reasons))
        self.reasons = reasons


class CannotUse(Exception):
    """The card cannot be charged any more; ``reason`` is ``removed``, ``blocked`` or ``expired``."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def start(account: Account, *, settlement: Settlement | None, by: User, at: datetime) -> CardVisit:
    """Open a visit to the gateway's card page; raises ``GatewayUnavailable``."""
    gateway = get_gateway()
    visit = CardVisit.objects.create(
        account=account,
        settlement=settlement,
        gateway=gateway.name,
        gateway_account=_gateway_account(account, settlement),
        started_by=by,
        started_at=at,
    )
    session = gateway.start_card_setup(
        gateway_account=visit.gateway_account, idempotency_key=visit.reference, return_url=links.card_return(visit)
    )
    visit.session_id, visit.url, visit.next_action_at = session.id, session.url, at + LOOK_AGAIN
    visit.save(update_fields=["session_id", "url", "next_action_at"])
    return visit


def _gateway_account(account: Account, settlement: Settlement | None) -> str:
    """Return where to store the card: with the seller whose debt is the most urgent, whose service it is, or any."""
    if settlement:
        return quotes.groups_of(settlement)[0].gateway_account
    services = account.subscriptions.exclude(state=SubscriptionState.DELETED).select_related("seller")
    service = services.order_by("pk").first()
    seller = service.seller if service else Seller.objects.order_by("pk").first()
    return seller.gateway_account if seller else ""


def finish(visit: CardVisit, *, at: datetime) -> CardVisit:
    """
    Take what became of the visit from the gateway, store the card, and pay what was consented.

    Safe to call by the return page, the webhook and the nightly job at once. Raises
    ``GatewayUnavailable``.
    """
    if visit.finished_at is None:
        session = get_gateway(visit.gateway).fetch_session(
            gateway_account=visit.gateway_account, session_id=visit.session_id
        )
        if session.status == SessionStatus.OPEN:
            look_again(visit, at=at)
            return visit
        _close(visit, session.card, at=at)
        visit.refresh_from_db()
        if session.card and visit.payment_method is None:
            _detach(visit.gateway, visit.gateway_account, session.card.token)
    _pay(visit, at=at)
    return visit


def look_again(visit: CardVisit, *, at: datetime) -> None:
    """Set the moment at which a visit that is still open is looked at next."""
    CardVisit.objects.filter(pk=visit.pk, finished_at=None).update(next_action_at=at + LOOK_AGAIN)


@transaction.atomic(durable=True)
def _close(visit: CardVisit, card: Card | None, *, at: datetime) -> None:
    """Store the card, if whoever gave it may still act for the account; only the call that closes the visit does."""
    account = Account.objects.locked().get(pk=visit.account_id)
    if not CardVisit.objects.filter(pk=visit.pk, finished_at=None).update(finished_at=at):
        return
    if card is None or not _may_still_pay(visit.started_by, account):
        return
    method = PaymentMethod.objects.create(
        account=account,
        gateway=visit.gateway,
        gateway_account=visit.gateway_account,
        token=card.token,
        fingerprint=card.fingerprint,
        brand=card.brand,
        last4=card.last4,
        exp_month=card.exp_month,
        exp_year=card.exp_year,
        added_at=at,
        added_by=visit.started_by,
    )
    expiring.plan(method, at=at)
    CardVisit.objects.filter(pk=visit.pk).update(payment_method=method)
    record("card.added", at=at, account=account, payment_method=method, actor=visit.started_by)
    if _takes_over(method, at=at):
        default_card.make(method, at=at)


def _may_still_pay(person: User | None, account: Account) -> bool:
    membership = Membership.objects.filter(user=person, account=account, user__is_active=True).first()
    return membership is not None and membership.may_pay


def _takes_over(method: PaymentMethod, *, at: datetime) -> bool:
    """A new card takes over at once when nothing is due, or when the old one is of no use; else by paying."""
    account = method.account
    today = account.today(at)
    current = (
        PaymentMethod.objects.for_account(account)
        .on_file()
        .filter(is_default=True, gateway=method.gateway, gateway_account=method.gateway_account)
    )
    old = current.first()
    if old is None or old.blocked_reason or old.is_expired(on=today):
        return True
    return not Invoice.objects.due(on=today).for_account(account).exists()


def _pay(visit: CardVisit, *, at: datetime) -> None:
    """Pay what was consented with the visit; a quote that has changed charges nothing and is asked for again."""
    if visit.settlement and visit.payment_method:
        try:
            settling.settle(visit.settlement, method=visit.payment_method, by=visit.started_by, at=at)
        except REFUSALS:
            visit.settlement.refresh_from_db()
    CardVisit.objects.filter(pk=visit.pk).update(next_action_at=None)


@transaction.atomic
def make_default(method: PaymentMethod, *, by: User, at: datetime) -> None:
    """
    Charge this card automatically from now on; other cards of its gateway account no longer.

    Raises ``CannotUse`` for a card that could not be charged.
    """
    account = Account.objects.locked().get(pk=method.account_id)
    method.refresh_from_db()
    reason = method.why_unusable(on=account.today(at))
    if reason:
        raise CannotUse(reason)
    default_card.make(method, at=at, by=by)


def remove(method: PaymentMethod, *, by: User, at: datetime) -> None:
    """Take a card off file; raises ``CannotRemove`` while it is the only one that can pay an open invoice."""
    _take_off_file(method, by=by, at=at)
    _detach(method.gateway, method.gateway_account, method.token)


def _detach(gateway: str, gateway_account: str, token: str) -> None:
    try:
        get_gateway(gateway).detach(gateway_account=gateway_account, token=token)
    except GatewayUnavailable:
        # Off file here, the card is never charged again; the gateway keeps a token that nobody uses.
        logger.warning("the gateway did not detach a card of %s", gateway_account)


@transaction.atomic(durable=True)
def _take_off_file(method: PaymentMethod, *, by: User, at: datetime) -> None:
    account = Account.objects.locked().get(pk=method.account_id)
    method.refresh_from_db()
    if method.removed_at:
        return
    reasons = reasons_to_keep(method, at=at)
    if reasons:
        raise CannotRemove(reasons)
    PaymentMethod.objects.filter(pk=method.pk).update(removed_at=at, is_default=False)
    record("card.removed", at=at, account=account, payment_method=method, actor=by)


def reasons_to_keep(method: PaymentMethod, *, at: datetime) -> list[str]:
    """Say why the card cannot go: ``only_card_while_owing``, ``default_card``."""
    account = method.account
    others = PaymentMethod.objects.for_account(account).on_file().exclude(pk=method.pk)
    if others.filter(gateway=method.gateway, gateway_account=method.gateway_account).exists():
        return ["default_card"] if method.is_default else []
    served = Invoice.objects.open().for_account(account).filter(seller__gateway_account=method.gateway_account)
    return ["only_card_while_owing"] if served.exists() else []
