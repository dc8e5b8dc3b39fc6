"""
Keep the data of a canceled service until its date, and say so in time.

``delete_on`` stands on the row and only ever moves later. The purge begins when 90 days
of 24 hours have passed, the date has come, and the notices have been out: the last for a
day, the first for two weeks. A dispute, a question or a legal hold pauses all of it.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from . import deletion_notices, erasing, holding, leaving, purge, standing
from .batches import Counts, Watch, for_each_account, guarded, unwatched
from .brakes import AbnormalRun, staff_have_looked, usual_limit
from .deletion_notices import FRESH_NOTICE_DAYS
from .events import record
from .models import Account, ErasureDemand, Subscription, TaskKind
from .on_its_way import is_on_its_way
from .schedule import Ladder
from .scope import EVERYONE, Scope
from .staffing import ask_staff
from .states import DisabledReason, SubscriptionState

LOOK_AGAIN = timedelta(days=1)


def run(*, at: datetime, scope: Scope = EVERYONE, watch: Watch = unwatched) -> Counts:
    """
    Let leave who wants to, announce deletions, and ask for those that are due.

    Counts ``left``, ``announced``, ``deletion_due``, ``unanswered``, ``withdrawn`` and ``failed``. Raises
    ``AbnormalRun`` when too many would be due.
    """
    counts = leaving.run(at=at, scope=scope, watch=watch)
    _stop_if_abnormal(counts, at=at, scope=scope)
    pks = _accounts_to_keep(at=at, scope=scope)
    return counts + for_each_account(pks, lambda account: _keep(account, at=at), job="retention", at=at, watch=watch)


def due_accounts(*, at: datetime, scope: Scope = EVERYONE) -> list[int]:
    """Return every account that ``run`` looks at."""
    return sorted({*leaving.due_accounts(at=at, scope=scope), *_accounts_to_keep(at=at, scope=scope)})


def _accounts_to_keep(*, at: datetime, scope: Scope) -> list[int]:
    waiting = Subscription.objects.escalating(at=at).filter(state=SubscriptionState.CANCELED)
    to_erase = Subscription.objects.filter(erasure_demands__in=ErasureDemand.objects.due(at=at))
    return sorted({*scope.account_pks(waiting), *scope.account_pks(to_erase)})


def _stop_if_abnormal(counts: Counts, *, at: datetime, scope: Scope) -> None:
    if staff_have_looked("deleting", at=at):
        return
    # East of Greenwich the date may be tomorrow's already; each account's own decides in ``goes_at``.
    tomorrow = at.date() + timedelta(days=1)
    due = Subscription.objects.escalating(at=at).filter(state=SubscriptionState.CANCELED, delete_on__lte=tomorrow)
    due = scope.limit(due).filter(deletion_due_at=None).select_related("account")
    # Those whose notices were not out get a new date instead, so they are no part of the night.
    wanted = 0
    for service in due:
        with guarded(Counts(), service.account_id, job="retention", at=at):
            moment = deletion_notices.goes_at(service)
            wanted += moment is not None and moment <= at
    limit = usual_limit("service.deletion_due", at=at)
    if wanted > limit:
        record("dunning.stopped", at=at, job="deleting", wanted=wanted, limit=limit)
        ask_staff(TaskKind.ABNORMAL_NIGHT, key=f"deleting:{at:%Y-%m-%d}", at=at, wanted=wanted, limit=limit)
        raise AbnormalRun(f"{wanted} deletions would be due, {limit} is usual", counts)


def _keep(account: Account, *, at: datetime) -> Counts:
    standing.refresh(account, at=at)
    is_held = holding.pauses_deletion(account, at=at)
    counts: Counts = Counts()
    for wanted in ErasureDemand.objects.due(at=at).filter(subscription__account=account):
        counts[erasing.put_off(wanted, at=at) if is_held else erasing.take_step(wanted, at=at)] += 1
    services = Subscription.objects.escalating(at=at).for_account(account).filter(state=SubscriptionState.CANCELED)
    for service in services.select_related("account"):
        if service.is_purging or not (is_held or _waits_for_money(service, at=at)):
            counts[_step(service, at=at)] += 1
        else:
            counts[_pause(service, at=at) if is_held else _wait(service, at + LOOK_AGAIN, at=at)] += 1
    del counts["waits"]
    return counts


def _waits_for_money(service: Subscription, *, at: datetime) -> bool:
    """Say whether what is owed may still be paid: money is on its way, or only a bank statement could tell."""
    if DisabledReason.NONPAYMENT not in service.disabled_reasons:
        return False
    if not service.account.pays_by_card:
        return True
    since = service.canceled_at or at
    owed = standing.owed_by_service(service, on=service.today(at))
    creditors = {(invoice.seller_id, invoice.currency) for invoice in owed}
    return any(is_on_its_way(service.account, seller, currency, since=since) for seller, currency in creditors)


def _step(service: Subscription, *, at: datetime) -> str:
    if service.is_purging:
        purge.remind(service, at=at)
        return "unanswered"
    ladder = _ladder(service, at=at)
    rung = deletion_notices.rung_due(service, ladder, at=at)
    if rung is not None:
        deletion_notices.announce(service, ladder, rung, at=at)
        return "announced"
    left = deletion_notices.days_left(service, at=at)
    if left > 0:
        return _wait(service, deletion_notices.next_moment(service, ladder, left), at=at)
    return _finish(service, ladder, at=at)


def _ladder(service: Subscription, *, at: datetime) -> Ladder:
    owed = standing.owed_by_service(service, on=service.today(at))
    return standing.ladder_of(service.account, owed, at=at)


def _pause(service: Subscription, *, at: datetime) -> str:
    """Announce and delete nothing, and keep the date two weeks away, so that there is time after the hold."""
    deletion_notices.put_off(service, FRESH_NOTICE_DAYS, at=at)
    return _wait(service, at + LOOK_AGAIN, at=at)


def _finish(service: Subscription, ladder: Ladder, *, at: datetime) -> str:
    earliest = deletion_notices.goes_at(service)
    if earliest is None:
        deletion_notices.announce(service, ladder, FRESH_NOTICE_DAYS, at=at)
        return "announced"
    if at < earliest:
        return _wait(service, earliest, at=at)
    purge.begin(service, because="retention", at=at)
    return "deletion_due"


def _wait(service: Subscription, until: datetime, *, at: datetime) -> str:
    Subscription.objects.filter(pk=service.pk).update(next_action_at=max(until, at + timedelta(minutes=1)))
    return "waits"
