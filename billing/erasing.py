"""
Deletion before its date: only on an administrator's own confirmed demand.

Everyone the account has named is told at once and may have it stopped for 72 hours. Then
the same purge begins as at the end of the ninety days, unless a hold forbids it.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from . import purge
from .events import record
from .models import Account, ErasureDemand, Event, Membership, Role, Subscription, User
from .notices import first_out
from .states import SubscriptionState

WAIT = timedelta(hours=72)
LOOK_AGAIN = timedelta(hours=1)


class NotAdministrator(Exception):
    """Only an administrator of the account may demand that data is deleted, or stop it."""


class NotCanceled(Exception):
    """The service is not canceled: what runs, or may run again by itself, is not erased."""


class AlreadyDemanded(Exception):
    """The deletion is on its way already."""


class NothingDemanded(Exception):
    """No demand is open, or its deletion has begun."""


@transaction.atomic
def demand(subscription: Subscription, *, by: User, at: datetime) -> ErasureDemand:
    """
    Ask that the data of a canceled service is deleted in 72 hours.

    Whoever asks must have proved who they are just before. Raises ``NotAdministrator``,
    ``NotCanceled`` and ``AlreadyDemanded``.
    """
    service = _locked(subscription)
    _refuse_others(service.account, by)
    if service.state != SubscriptionState.CANCELED:
        raise NotCanceled(service)
    if service.is_purging or demand_of(service):
        raise AlreadyDemanded(service)
    due_at = at + WAIT
    wanted = ErasureDemand.objects.create(
        subscription=service, demanded_by=by, demanded_at=at, due_at=due_at, next_action_at=due_at
    )
    record(
        "service.erasure_demanded",
        at=at,
        account=service.account,
        subscription=service,
        actor=by,
        due_at=due_at.isoformat(),
        demand=wanted.pk,
    )
    return wanted


@transaction.atomic
def withdraw(wanted: ErasureDemand, *, by: User, at: datetime) -> ErasureDemand:
    """Stop the deletion; any administrator may. Raises ``NotAdministrator`` and ``NothingDemanded``."""
    service = _locked(wanted.subscription)
    _refuse_others(service.account, by)
    _close(wanted, by=by, at=at)
    return wanted


def demand_of(service: Subscription) -> ErasureDemand | None:
    """Return the open demand to erase a service's data."""
    return ErasureDemand.objects.open().filter(subscription=service).select_related("demanded_by").first()


def take_step(wanted: ErasureDemand, *, at: datetime) -> str:
    """
    Begin the purge once everyone has had 72 hours to stop it, in the transaction that has the account locked.

    A service that came back meanwhile is no longer to be erased.
    """
    service = wanted.subscription
    if service.state != SubscriptionState.CANCELED or service.is_purging:
        _close(wanted, by=None, at=at)
        return "withdrawn"
    earliest = _earliest(wanted)
    if earliest is None or at < earliest:
        return put_off(wanted, at=at)
    ErasureDemand.objects.open().filter(pk=wanted.pk).update(begun_at=at, next_action_at=None)
    purge.begin(service, because="erasure", at=at)
    return "deletion_due"


def put_off(wanted: ErasureDemand, *, at: datetime) -> str:
    """Look again in an hour: its notice is not out for long enough, or a hold forbids to delete."""
    ErasureDemand.objects.filter(pk=wanted.pk).update(next_action_at=at + LOOK_AGAIN)
    return "waits"


def _earliest(wanted: ErasureDemand) -> datetime | None:
    """Return from when the data may go: 72 hours after the demand, and after its notice was out."""
    told = Event.objects.filter(
        type="service.erasure_demanded", subscription=wanted.subscription, codes__demand=wanted.pk
    )
    notice = told.first()
    out = first_out(notice) if notice else None
    return max(wanted.due_at, out + WAIT) if out else None


def _close(wanted: ErasureDemand, *, by: User | None, at: datetime) -> None:
    still_open = ErasureDemand.objects.open().filter(pk=wanted.pk)
    if not still_open.update(withdrawn_at=at, withdrawn_by=by, next_action_at=None):
        raise NothingDemanded(wanted)
    wanted.refresh_from_db()
    service = wanted.subscription
    record("service.erasure_withdrawn", at=at, account=service.account, subscription=service, actor=by)


def _refuse_others(account: Account, by: User) -> None:
    if not Membership.objects.filter(account=account, user=by, role=Role.ADMINISTRATOR).exists():
        raise NotAdministrator(by)


def _locked(subscription: Subscription) -> Subscription:
    account = Account.objects.locked().get(pk=subscription.account_id)
    return Subscription.objects.select_related("account").get(pk=subscription.pk, account=account)
