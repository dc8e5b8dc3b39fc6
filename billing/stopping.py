"""What staff stop and let go again: a reason of their own, besides whatever is owed."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from . import standing
from .events import record
from .models import Account, Subscription, User
from .states import DisabledReason, SubscriptionState

OF_STAFF = (DisabledReason.STAFF, DisabledReason.FRAUD_REVIEW)


class NotOfStaff(Exception):
    """The reason is not one that staff give or take away: debt and the customer's own will are not theirs."""


class NothingToStop(Exception):
    """The service is gone, or stopped for this reason already."""


class NotStopped(Exception):
    """The service is not stopped for this reason."""


@transaction.atomic
def stop(subscription: Subscription, *, because: DisabledReason, by: User, at: datetime) -> Subscription:
    """Stop a service, or keep one off that is; its data stays. Raises ``NothingToStop`` and ``NotOfStaff``."""
    service = _locked(subscription, because)
    if service.state == SubscriptionState.DELETED or because in service.disabled_reasons:
        raise NothingToStop(service)
    standing.turn_off(service, because=because, at=at)
    record("service.stopped_by_staff", at=at, account=service.account, subscription=service, actor=by, because=because)
    return service


@transaction.atomic
def let_go(subscription: Subscription, *, because: DisabledReason, by: User, at: datetime) -> Subscription:
    """
    Take a reason of staff's away; the service is on again when no other is left.

    Raises ``NotStopped`` and ``NotOfStaff``.
    """
    service = _locked(subscription, because)
    if because not in service.disabled_reasons:
        raise NotStopped(service)
    is_on = standing.turn_on(service, without=because, at=at)
    record(
        "service.let_go_by_staff",
        at=at,
        account=service.account,
        subscription=service,
        actor=by,
        because=because,
        is_on=is_on,
    )
    return service


def _locked(subscription: Subscription, because: DisabledReason) -> Subscription:
    if because not in OF_STAFF:
        raise NotOfStaff(because)
    account = Account.objects.locked().get(pk=subscription.account_id)
    return Subscription.objects.select_related("account").get(pk=subscription.pk, account=account)
