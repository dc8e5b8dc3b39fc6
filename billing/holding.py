"""
Put debts on hold: a transfer on its way, a promise, a dispute, a question, and so on.

Every hold has an end, a reason and an author, and is told on the timeline. While it is
open nothing escalates for what it covers; ``billing.paused`` answers what that is. Paying
always works.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from django.db import transaction

from . import deciding, paused, retries, standing
from .batches import Counts, for_each_account
from .events import record
from .models import Account, Hold, HoldKind, Invoice, Seller, User
from .scope import EVERYONE, Scope

Held = Account | Invoice | Seller


class EndsTooEarly(Exception):
    """A hold must end in the future."""


class NotOpen(Exception):
    """The hold is over or was lifted already."""


@transaction.atomic
def place(kind: str, *, on: Held, until: datetime, reason: str, by: User | None, at: datetime) -> Hold:
    """
    Put an account, one of its invoices or all that a seller is owed on hold.

    An announced stop of what is covered is called off. Raises ``EndsTooEarly``.
    """
    if until <= at:
        raise EndsTooEarly(f"{until} is not after {at}")
    account = _lock(_account_of(on))
    hold = Hold.objects.create(
        kind=kind,
        account=account,
        invoice=on if isinstance(on, Invoice) else None,
        seller=on if isinstance(on, Seller) else None,
        reason=reason,
        starts_at=at,
        ends_at=until,
        created_by=by,
        next_action_at=until,
    )
    _tell("grace.used" if kind == HoldKind.GRACE else "hold.placed", hold, at=at, by=by)
    if account:
        deciding.close(account, by=by, at=at)
        standing.plan_anew(account, at=at)
    return hold


@transaction.atomic
def extend(hold: Hold, *, until: datetime, by: User, at: datetime) -> Hold:
    """Let an open hold last longer. Raises ``NotOpen`` and ``EndsTooEarly``."""
    account, hold = _open(hold, at=at)
    if until <= hold.ends_at:
        raise EndsTooEarly(f"{hold} ends at {hold.ends_at} already")
    return _end(hold, account, "hold.extended", at=at, by=by, ends_at=until, next_action_at=until)


@transaction.atomic
def lift(hold: Hold, *, by: User | None, at: datetime) -> Hold:
    """End an open hold now; what waited for it is planned anew. Raises ``NotOpen``."""
    account, hold = _open(hold, at=at)
    return _end(hold, account, "hold.lifted", at=at, by=by, lifted_at=at, lifted_by=by, next_action_at=None)


def run(*, at: datetime, scope: Scope = EVERYONE) -> Counts:
    """End the holds whose end has come, and those with nothing left to wait for; counts ``holds ended``."""
    counts: Counts = Counter()
    if not scope.account:
        for pause in Hold.objects.due(at=at).filter(account=None):
            counts["holds ended"] += _finish(pause, at=at)
    return counts + for_each_account(
        due_accounts(at=at, scope=scope), lambda account: _run(account, at=at), job="holding", at=at
    )


def due_accounts(*, at: datetime, scope: Scope = EVERYONE) -> list[int]:
    return scope.account_pks(Hold.objects.due(at=at).filter(account__isnull=False))


def pauses_deletion(account: Account, *, at: datetime) -> bool:
    """Say whether a dispute, a legal matter or a question to support stops the clock of deletion."""
    holds = Hold.objects.for_account(account).in_force(at=at)
    return holds.filter(kind__in=paused.PAUSES_DELETION).exists()


def _run(account: Account, *, at: datetime) -> Counts:
    counts: Counts = Counter()
    for hold in Hold.objects.due(at=at).for_account(account).select_related("account", "invoice"):
        counts["holds ended"] += _finish(hold, at=at)
    return +counts


@transaction.atomic
def _finish(hold: Hold, *, at: datetime) -> int:
    """End one hold; returns 0 when it was woken for nothing and waits for its end again."""
    account = hold.account
    if hold.kind == HoldKind.PROMISE and account:
        return _judge(hold, account, at=at)
    if hold.ends_at > at and not (account and _nothing_owed(hold, account, at=at)):
        Hold.objects.filter(pk=hold.pk).update(next_action_at=hold.ends_at)
        return 0
    early = {"lifted_at": at} if hold.ends_at > at else {}
    _end(hold, account, "hold.ended", at=at, by=None, next_action_at=None, **early)
    return 1


def _judge(hold: Hold, account: Account, *, at: datetime) -> int:
    """A promise is kept when what it was about is paid, and broken when its day has gone by."""
    if _nothing_owed(hold, account, at=at):
        _end(hold, account, "promise.kept", at=at, by=None, lifted_at=min(at, hold.ends_at), next_action_at=None)
    elif hold.ends_at <= at:
        _end(hold, account, "promise.broken", at=at, by=None, next_action_at=None)
    else:
        Hold.objects.filter(pk=hold.pk).update(next_action_at=hold.ends_at)
        return 0
    return 1


def _nothing_owed(hold: Hold, account: Account, *, at: datetime) -> bool:
    owed = standing.debt(account, on=account.today(at)).invoices
    return not ([hold.invoice_id] if hold.invoice_id in owed else [] if hold.invoice_id else owed)


def _open(hold: Hold, *, at: datetime) -> tuple[Account | None, Hold]:
    account = _lock(hold.account)
    hold = Hold.objects.select_related("account", "invoice", "seller").get(pk=hold.pk)
    if not hold.is_in_force(at=at):
        raise NotOpen(f"{hold} is over")
    return account, hold


def _end(hold: Hold, account: Account | None, event: str, *, at: datetime, by: User | None, **changes: object) -> Hold:
    """Change the hold's end, tell it, and plan what it covers anew."""
    Hold.objects.filter(pk=hold.pk).update(**changes)
    hold.refresh_from_db()
    _tell(event, hold, at=at, by=by)
    if account:
        standing.plan_anew(account, at=at)
        retries.resume(account, at=at)
    return hold


def _tell(event: str, hold: Hold, *, at: datetime, by: User | None) -> None:
    record(
        event,
        at=at,
        account=hold.account,
        invoice=hold.invoice,
        actor=by,
        hold=hold.reference,
        kind=hold.kind,
        until=hold.ends_at.isoformat(),
    )


def _account_of(on: Held) -> Account | None:
    match on:
        case Account():
            return on
        case Invoice():
            return on.account
        case _:
            return None


def _lock(account: Account | None) -> Account | None:
    return Account.objects.locked().get(pk=account.pk) if account else None
