"""Say in time that a card expires: 30 and 7 days before, for the cards that are charged automatically."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

from .batches import Counts, for_each_account
from .events import record
from .models import Account, DunningPolicy, PaymentMethod
from .schedule import NOTICE_HOUR, Ladder
from .scope import EVERYONE, Scope


def plan(method: PaymentMethod, *, at: datetime) -> None:
    """Set the moment of the card's next notice, if there is one to come."""
    account = method.account
    ladder = DunningPolicy.objects.in_force(account, at=at).ladder()
    method.next_action_at = _next_moment(method, ladder, _days_left(method, at=at))
    method.save(update_fields=["next_action_at"])


def run(*, at: datetime, scope: Scope = EVERYONE) -> Counts:
    """Announce what expires; counts ``notified`` and ``failed``."""
    due = due_accounts(at=at, scope=scope)
    return for_each_account(due, lambda account: _announce_all(account, at=at), job="expiring", at=at)


def due_accounts(*, at: datetime, scope: Scope = EVERYONE) -> list[int]:
    return scope.account_pks(PaymentMethod.objects.expiring(at=at))


def _announce_all(account: Account, *, at: datetime) -> Counts:
    methods = PaymentMethod.objects.expiring(at=at).for_account(account)
    return Counter(notified=sum(_announce(method, at=at) for method in methods.select_related("account")))


def _announce(method: PaymentMethod, *, at: datetime) -> int:
    ladder = DunningPolicy.objects.in_force(method.account, at=at).ladder()
    days_left = _days_left(method, at=at)
    plan(method, at=at)
    day = ladder.expiry_notice_due(days_left)
    if day is None or days_left < 0 or not method.is_default or method.blocked_reason:
        return 0
    key = f"card:{method.pk}:expiring:{day}"
    announced = record("card.expiring", at=at, key=key, account=method.account, payment_method=method, days=day)
    return int(announced is not None)


def _days_left(method: PaymentMethod, *, at: datetime) -> int:
    return (method.expires_on() - method.account.today(at)).days


def _next_moment(method: PaymentMethod, ladder: Ladder, days_left: int) -> datetime | None:
    day = ladder.next_expiry_notice(days_left)
    return method.account.moment(method.expires_on() - timedelta(days=day), NOTICE_HOUR) if day is not None else None
