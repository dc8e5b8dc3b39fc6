"""
Climb the ladder: notify, remind, warn, suspend, cancel, each on its announced date.

Reminders hang on a creditor's oldest invoice, the steps that stop a service on the
service's own. Whatever the run pattern, only the highest step due is taken, nothing stops
before its notice has been out for its lead, and nothing moves for what is on hold.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

from django.db.models import F

from . import deciding, expiring, holding, invoicing, paused, standing
from .batches import Counts, Watch, for_each_account, guarded, unwatched
from .brakes import AbnormalRun, staff_have_looked, usual_limit
from .calendars import is_stop_day
from .events import record
from .models import (
    Account,
    DunningCase,
    DunningPolicy,
    Event,
    Invoice,
    Subscription,
    TaskKind,
)
from .notices import first_out
from .on_its_way import is_on_its_way
from .paused import Holds
from .schedule import NOTICE_HOUR, Ladder, stop_day
from .scope import EVERYONE, Scope
from .staffing import ask_staff
from .states import Incomplete, SubscriptionState

LOOK_AGAIN = timedelta(hours=1)
# A job that runs once a day, at whatever hour, keeps an announced moment within a day.
ON_TIME = timedelta(days=1)
CLIMBING = (SubscriptionState.PAST_DUE, SubscriptionState.WARNED, SubscriptionState.SUSPENDED)


def run(*, at: datetime, scope: Scope = EVERYONE, watch: Watch = unwatched) -> Counts:
    """
    Take every step that is due at ``at``.

    Holds that are over end first. Counts ``notified``, ``reminded``, ``warned``, ``suspended``, ``canceled``,
    ``holds ended`` and ``failed``. Raises ``AbnormalRun`` before the first suspension when there would be too many.
    """
    counts = expiring.run(at=at, scope=scope) + holding.run(at=at, scope=scope)
    telling = _accounts_to_tell(at=at, scope=scope)
    counts += for_each_account(telling, lambda account: _notify(account, at=at), job="dunning", at=at, watch=watch)
    _stop_if_abnormal(counts, at=at, scope=scope)
    climbing = _climbing_accounts(at=at, scope=scope)
    return counts + for_each_account(
        climbing, lambda account: _climb(account, at=at), job="dunning", at=at, watch=watch
    )


def due_accounts(*, at: datetime, scope: Scope = EVERYONE) -> list[int]:
    """Return every account that ``run`` looks at: to tell something, to take a step, or because a card expires."""
    looks = (expiring.due_accounts, holding.due_accounts, _accounts_to_tell, _climbing_accounts)
    return sorted({pk for look in looks for pk in look(at=at, scope=scope)})


def _accounts_to_tell(*, at: datetime, scope: Scope = EVERYONE) -> list[int]:
    """Return the accounts with an invoice or a case whose notice is due."""
    invoices = Invoice.objects.open().filter(next_action_at__lte=at)
    cases = DunningCase.objects.due(at=at)
    return sorted({*scope.account_pks(invoices), *scope.account_pks(cases)})


def _climbing_accounts(*, at: datetime, scope: Scope = EVERYONE) -> list[int]:
    return scope.account_pks(Subscription.objects.escalating(at=at).filter(state__in=CLIMBING))


def _stop_if_abnormal(counts: Counts, *, at: datetime, scope: Scope = EVERYONE) -> None:
    if staff_have_looked("suspending", at=at):
        return
    # A stop that comes too late is not made any more but announced anew, so it is no part of the night.
    stopping = scope.limit(Subscription.objects.escalating(at=at).filter(state=SubscriptionState.WARNED))
    announced = stopping.filter(suspend_at__lte=at, suspend_at__gte=at - ON_TIME).select_related("account")
    wanted = 0
    for subscription in announced:
        with guarded(Counter(), subscription.account_id, job="dunning", at=at):
            wanted += _would_stop(subscription, at=at)
    limit = usual_limit("service.suspended", at=at)
    if wanted > limit:
        record("dunning.stopped", at=at, job="suspending", wanted=wanted, limit=limit)
        ask_staff(TaskKind.ABNORMAL_NIGHT, key=f"suspending:{at:%Y-%m-%d}", at=at, wanted=wanted, limit=limit)
        raise AbnormalRun(f"{wanted} services would stop, {limit} is usual", counts)


def _notify(account: Account, *, at: datetime) -> Counts:
    """Send what is due about invoices and cases: never while money may be on its way."""
    counts: Counts = Counter()
    for invoice in Invoice.objects.for_account(account).open().filter(next_action_at__lte=at):
        counts["notified"] += _notify_invoice(account, invoice, at=at)
    standing.refresh(account, at=at)
    for case in DunningCase.objects.for_account(account).due(at=at).select_related("account", "anchor", "policy"):
        counts["reminded"] += _remind(case, at=at)
    return +counts


def _notify_invoice(account: Account, invoice: Invoice, *, at: datetime) -> int:
    """Announce the due date; once it has gone by, standing opens the case."""
    if invoice.due_on is None:
        raise Incomplete(invoice)
    today = account.today(at)
    days = (today - invoice.due_on).days
    if days > 0:
        Invoice.objects.filter(pk=invoice.pk).update(next_action_at=None)
        return 0
    ladder = DunningPolicy.objects.in_force(account, at=at).ladder()
    day = max((notice for notice in ladder.notices if notice <= days), default=None)
    following = invoicing.next_notice_at(account, invoice.due_on, after=today, at=at)
    Invoice.objects.filter(pk=invoice.pk).update(next_action_at=following)
    if day is None:
        return 0
    kind = "invoice.due_soon" if day < 0 else "invoice.due_today"
    return int(bool(record(kind, at=at, key=f"invoice:{invoice.pk}:notice:{day}", account=account, invoice=invoice)))


def _remind(case: DunningCase, *, at: datetime) -> int:
    holds = paused.of(case.account)
    if free_at := holds.free_at(case.anchor, at=at):
        DunningCase.objects.filter(pk=case.pk).update(next_action_at=free_at)
        return 0
    if is_on_its_way(case.account, case.seller_id, case.currency, since=case.opened_at):
        DunningCase.objects.filter(pk=case.pk).update(next_action_at=at + LOOK_AGAIN)
        return 0
    days = (case.account.today(at) - holds.due_on(case.anchor)).days
    day = case.policy.ladder().reminder_due(days, after=case.step_day)
    DunningCase.objects.filter(pk=case.pk).update(
        step_day=day if day is not None else F("step_day"),
        next_action_at=standing.next_reminder_at(case, holds, days=days),
    )
    if day is None:
        return 0
    reminded = record(
        "dunning.reminded",
        at=at,
        key=f"case:{case.pk}:invoice:{case.anchor_id}:reminder:{day}",
        account=case.account,
        invoice=case.anchor,
        case=case.pk,
        day=day,
    )
    return int(reminded is not None)


def _climb(account: Account, *, at: datetime) -> Counts:
    """Take the step that is due for each service of one account."""
    standing.refresh(account, at=at)
    counts: Counts = Counter()
    due = Subscription.objects.escalating(at=at).for_account(account).filter(state__in=CLIMBING)
    for subscription in due.select_related("account"):
        counts[_climb_one(subscription, at=at)] += 1
    del counts["waits"]
    return counts


def _climb_one(subscription: Subscription, *, at: datetime) -> str:
    owed = standing.owed_by_service(subscription, on=subscription.today(at))
    holds = paused.of(subscription.account)
    if until := holds.until(owed, at=at):
        return _wait(subscription, until=until)
    pressing = holds.pressing(owed, at=at)
    ladder = standing.ladder_of(subscription.account, pressing, at=at)
    if _is_held(subscription, pressing, at=at):
        return _wait(subscription, until=at + LOOK_AGAIN)
    match subscription.state:
        case SubscriptionState.PAST_DUE:
            return _warn(subscription, pressing, ladder, holds, at=at)
        case SubscriptionState.WARNED:
            return _suspend(subscription, pressing[0], ladder, holds, at=at)
        case _:
            return _cancel(subscription, ladder, at=at)


def _would_stop(subscription: Subscription, *, at: datetime) -> bool:
    """Say whether the announced stop would be made now: not if it is held back, or would be announced anew."""
    owed = standing.owed_by_service(subscription, on=subscription.today(at))
    pressing = paused.of(subscription.account).pressing(owed, at=at)
    if not pressing or _is_held(subscription, pressing, at=at) or not _is_in_time(subscription, at=at):
        return False
    if subscription.account.decide_before_suspension and not deciding.is_approved(subscription):
        return False
    return _notice_was_out(subscription, standing.ladder_of(subscription.account, pressing, at=at))


def _is_held(subscription: Subscription, owed: list[Invoice], *, at: datetime) -> bool:
    """Say whether nothing may stop: money may be on its way, or the account has come to pay by invoice."""
    if not subscription.account.pays_by_card:
        return True
    since = subscription.warned_at or at - timedelta(days=30)
    groups = {(invoice.seller_id, invoice.currency) for invoice in owed}
    return any(is_on_its_way(subscription.account, seller, currency, since=since) for seller, currency in groups)


def _warn(subscription: Subscription, owed: list[Invoice], ladder: Ladder, holds: Holds, *, at: datetime) -> str:
    account = subscription.account
    warn_on = standing.warning_due_on(owed, ladder, holds, at=at)
    if account.today(at) < warn_on:
        return _wait(subscription, until=account.moment(warn_on, NOTICE_HOUR))
    return _announce(subscription, owed[0], ladder, holds, at=at)


def _announce(subscription: Subscription, anchor: Invoice, ladder: Ladder, holds: Holds, *, at: datetime) -> str:
    """Announce the first day allowed for the stop; where a person must decide, they have until the day before."""
    account = subscription.account
    due_on, today = holds.due_on(anchor), account.today(at)
    stop_on = stop_day(ladder, due_on=due_on, announced_on=today, country=account.country)
    standing.warn(subscription, stop_on=stop_on, at=at)
    if account.decide_before_suspension:
        deciding.ask(subscription, at=at)
    return "warned"


def _suspend(subscription: Subscription, anchor: Invoice, ladder: Ladder, holds: Holds, *, at: datetime) -> str:
    """
    Stop the service at the announced moment, or with the first run of the day after it.

    A run that comes later or on no day for stops, a notice that was not out for its lead, or a debt whose rung
    has moved, means a new date and a new notice.
    """
    account = subscription.account
    if subscription.suspend_at is None:
        raise Incomplete(subscription)
    if at < subscription.suspend_at:
        return _wait(subscription, until=subscription.suspend_at)
    if account.decide_before_suspension and not deciding.is_approved(subscription):
        deciding.ask(subscription, at=at)
        return _wait(subscription, until=at + timedelta(days=1))
    too_early = account.today(at) < holds.due_on(anchor) + timedelta(days=ladder.suspend_day)
    if too_early or not _is_in_time(subscription, at=at) or not _notice_was_out(subscription, ladder):
        return _announce(subscription, anchor, ladder, holds, at=at)
    standing.suspend(subscription, ladder=ladder, at=at)
    return "suspended"


def _is_in_time(subscription: Subscription, *, at: datetime) -> bool:
    """Say whether the announced stop may still be made: within a day, and on a day when help is at hand."""
    if subscription.suspend_at is None:
        raise Incomplete(subscription)
    today = subscription.today(at)
    return at <= subscription.suspend_at + ON_TIME and is_stop_day(today, subscription.account.country)


def _notice_was_out(subscription: Subscription, ladder: Ladder) -> bool:
    """Say whether the warning of the present date was accepted by a mail server its lead before the stop."""
    if subscription.suspend_at is None:
        raise Incomplete(subscription)
    warning = Event.objects.filter(subscription=subscription, type="service.warned").order_by("-pk").first()
    sent_at = first_out(warning) if warning else None
    if sent_at is None:
        return False
    stop_on, sent_on = subscription.today(subscription.suspend_at), subscription.today(sent_at)
    return (stop_on - sent_on).days >= ladder.warn_lead


def _cancel(subscription: Subscription, ladder: Ladder, *, at: datetime) -> str:
    if subscription.cancel_at is None:
        raise Incomplete(subscription)
    notice = Event.objects.filter(subscription=subscription, type="service.suspended").order_by("-pk").first()
    sent_at = first_out(notice) if notice else None
    if sent_at is None:
        return _wait(subscription, until=at + LOOK_AGAIN)
    earliest = max(subscription.cancel_at, sent_at + timedelta(days=ladder.warn_lead))
    if at < earliest:
        return _wait(subscription, until=earliest)
    standing.cancel(subscription, ladder=ladder, at=at)
    return "canceled"


def _wait(subscription: Subscription, *, until: datetime) -> str:
    Subscription.objects.filter(pk=subscription.pk).update(next_action_at=until)
    return "waits"
