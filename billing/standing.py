"""
Where each service of an account stands; the only writer of ``Subscription.state``.

``refresh`` derives everything from what is owed and on hold now: it opens and closes dunning
cases, makes services past due, calls off a stop that the debt no longer bears, and brings
services back the moment nothing is owed any more. ``change_ladder`` plans anew when an
account comes to pay in another way, ``plan_anew`` when a hold has come, moved or gone.
``warn``, ``suspend`` and ``cancel`` are the announced steps downwards, which ``dunning``
takes on their dates; ``turn_off`` and ``turn_on`` are for reasons besides the debt. All of
them run inside the caller's transaction with the account row locked.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection
from django.db.transaction import TransactionManagementError

from . import clock, paused, schedule
from .events import record
from .models import Account, CurrencyFloor, DunningCase, DunningPolicy, Invoice, Subscription, User
from .paused import Holds
from .schedule import INVOICE_HOUR, NOTICE_HOUR, STOP_HOUR, Ladder
from .states import AccessLevel, CaseState, DisabledReason, Incomplete, SubscriptionState

Group = tuple[int, str]
# A product that was told to keep a service off asks again well within this time.
PRODUCT_LEAD = timedelta(minutes=30)
NOTHING_PLANNED: dict[str, Any] = {
    "disabled_reasons": [],
    "warned_at": None,
    "suspend_at": None,
    "suspended_at": None,
    "cancel_at": None,
    "canceled_at": None,
    "delete_on": None,
    "keep_until": None,
    "next_action_at": None,
}


@dataclass(frozen=True, slots=True)
class Debt:
    """What an account owes on one day: past-due or refused invoices, and the services they name."""

    invoices: dict[int, Invoice]
    by_group: dict[Group, list[Invoice]]
    by_service: dict[int, list[Invoice]]


def refresh(account: Account, *, at: datetime) -> None:
    """Bring cases and services in line with what the account owes at ``at``."""
    if not connection.in_atomic_block:
        raise TransactionManagementError("standing is refreshed in the transaction of the fact that changes it")
    owed, holds = debt(account, on=account.today(at)), paused.of(account)
    _refresh_cases(account, owed, holds, at=at)
    for subscription in _services(account):
        _refresh_service(subscription, owed.by_service.get(subscription.pk, []), holds, at=at)


def debt(account: Account, *, on: date) -> Debt:
    """Collect what is owed, leaving out creditors to whom less than the floor is owed."""
    invoices = list(Invoice.objects.for_account(account).owed(on=on).oldest_first().prefetch_related("lines"))
    floors = dict(CurrencyFloor.objects.values_list("currency", "smallest_case"))
    by_group: dict[Group, list[Invoice]] = defaultdict(list)
    for invoice in invoices:
        by_group[invoice.seller_id, invoice.currency].append(invoice)
    big_enough = {
        group: owed
        for group, owed in by_group.items()
        if sum(invoice.amount_due for invoice in owed) >= floors.get(group[1], 0)
    }
    by_service: dict[int, list[Invoice]] = defaultdict(list)
    for owed in big_enough.values():
        for invoice in owed:
            for service in {line.subscription_id for line in invoice.lines.all() if line.subscription_id}:
                by_service[service].append(invoice)
    return Debt(
        invoices={invoice.pk: invoice for owed in big_enough.values() for invoice in owed},
        by_group=big_enough,
        by_service=by_service,
    )


def _services(account: Account) -> list[Subscription]:
    services = Subscription.objects.for_account(account).exclude(state=SubscriptionState.DELETED)
    return list(services.select_related("account"))


def _refresh_cases(account: Account, owed: Debt, holds: Holds, *, at: datetime) -> None:
    cases = {(case.seller_id, case.currency): case for case in DunningCase.objects.for_account(account).open()}
    anchors = {group: _anchor_of(invoices, holds, at=at) for group, invoices in owed.by_group.items()}
    for group, case in cases.items():
        if group not in owed.by_group:
            case.move(CaseState.CLOSED, closed_at=at, next_action_at=None)
            record("dunning.closed", at=at, account=account, invoice=case.anchor, case=case.pk)
        elif anchors[group].pk != case.anchor_id:
            _anchor(case, anchors[group], holds, at=at)
    for group, anchor in anchors.items():
        if group not in cases:
            _open_case(account, group, anchor, holds, at=at)
    if cases and not owed.invoices:
        paused.wake(account, at=at)


def _anchor_of(invoices: list[Invoice], holds: Holds, *, at: datetime) -> Invoice:
    """Return the oldest invoice that is not on hold; when all are, the oldest of them."""
    return (holds.pressing(invoices, at=at) or invoices)[0]


def _open_case(account: Account, group: Group, anchor: Invoice, holds: Holds, *, at: datetime) -> None:
    policy = DunningPolicy.objects.in_force(account, at=at)
    case = DunningCase.objects.create(
        account=account, seller_id=group[0], currency=group[1], policy=policy, anchor=anchor, opened_at=at
    )
    case.next_action_at = next_reminder_at(case, holds, days=0)
    case.save(update_fields=["next_action_at"])
    Invoice.objects.filter(pk=anchor.pk).update(next_action_at=None)
    record("dunning.opened", at=at, account=account, invoice=anchor, case=case.pk, policy=policy.pk)


def _anchor(case: DunningCase, invoice: Invoice, holds: Holds, *, at: datetime) -> None:
    """Hang the case on its new oldest invoice; reminders whose day has gone by are not caught up."""
    days = (case.account.today(at) - holds.due_on(invoice)).days
    case.anchor = invoice
    case.step_day = case.policy.ladder().reminder_due(days, after=0) or 0
    case.next_action_at = next_reminder_at(case, holds, days=days)
    case.save(update_fields=["anchor", "step_day", "next_action_at"])


def next_reminder_at(case: DunningCase, holds: Holds, *, days: int) -> datetime | None:
    """Return when the reminder after ``days`` past the anchor's due date, moved by its holds, goes out."""
    day = case.policy.ladder().next_reminder(days)
    return None if day is None else case.account.moment(holds.due_on(case.anchor) + timedelta(days=day), NOTICE_HOUR)


def _refresh_service(subscription: Subscription, owed: list[Invoice], holds: Holds, *, at: datetime) -> None:
    if owed and subscription.state == SubscriptionState.ACTIVE:
        _fall_past_due(subscription, owed, holds, at=at)
    elif owed and subscription.state == SubscriptionState.PAST_DUE:
        _plan_again(subscription, owed, holds, at=at)
    elif owed and subscription.state == SubscriptionState.WARNED:
        _call_off_if_too_early(subscription, owed, holds, at=at)
    elif owed and subscription.state == SubscriptionState.SUSPENDED:
        _move_cancellation(subscription, owed, holds, at=at)
    elif not owed and subscription.state != SubscriptionState.ACTIVE and not is_written_off(subscription):
        _recover(subscription, at=at)


def is_written_off(subscription: Subscription) -> bool:
    """Say whether the service is off for a debt that was written off: that is no payment, and it stays off."""
    if not subscription.is_off or DisabledReason.NONPAYMENT not in subscription.disabled_reasons:
        return False
    return Invoice.objects.uncollectible().naming(subscription).exists()


def _fall_past_due(subscription: Subscription, owed: list[Invoice], holds: Holds, *, at: datetime) -> None:
    account = subscription.account
    subscription.move(SubscriptionState.PAST_DUE, **_plan(account, owed, holds, at=at))
    record("service.past_due", at=at, account=account, subscription=subscription, invoice=owed[0])


def _plan_again(subscription: Subscription, owed: list[Invoice], holds: Holds, *, at: datetime) -> None:
    """Move a stop that is not announced yet to where the debt, which may have grown or shrunk, puts it now."""
    plan = _plan(subscription.account, owed, holds, at=at)
    warn_at = plan["next_action_at"]
    if warn_at and warn_at > at and plan["suspend_at"] != subscription.suspend_at:
        Subscription.objects.filter(pk=subscription.pk, state=SubscriptionState.PAST_DUE).update(**plan)


def _call_off_if_too_early(subscription: Subscription, owed: list[Invoice], holds: Holds, *, at: datetime) -> None:
    """
    Take back an announced stop that would not be announced now: all is on hold, or the oldest part is paid.

    What follows later is announced anew, with its own lead.
    """
    account = subscription.account
    pressing = holds.pressing(owed, at=at)
    if pressing and not (account.pays_by_card and _is_too_early(pressing, holds, at=at)):
        return
    subscription.move(SubscriptionState.PAST_DUE, warned_at=None, **_plan(account, owed, holds, at=at))


def _is_too_early(owed: list[Invoice], holds: Holds, *, at: datetime) -> bool:
    ladder = ladder_of(holds.account, owed, at=at)
    return warning_due_on(owed, ladder, holds, at=at) > holds.account.today(at)


def _move_cancellation(subscription: Subscription, owed: list[Invoice], holds: Holds, *, at: datetime) -> None:
    """Put the cancellation off by the days on hold since the stop, with its lead after the last of them."""
    account, suspended_at = subscription.account, subscription.suspended_at
    if suspended_at is None:
        raise Incomplete(subscription)
    debts = holds.pressing(owed, at=at) or owed
    last_end = holds.last_end(debts[0])
    if last_end is None or last_end <= suspended_at:
        return
    days = holds.days(debts[0], since=account.today(suspended_at))
    ladder = ladder_of(account, debts, at=at)
    moved = clock.days_later(suspended_at, ladder.cancel_after + days, account.time_zone)
    cancel_at = max(moved, clock.days_later(last_end, ladder.warn_lead, account.time_zone))
    if cancel_at != subscription.cancel_at:
        Subscription.objects.filter(pk=subscription.pk).update(cancel_at=cancel_at, next_action_at=cancel_at)


def _plan(account: Account, owed: list[Invoice], holds: Holds, *, at: datetime) -> dict[str, datetime | None]:
    """
    Return the planned stop and the moment of its warning: never before a hold on all that is owed ends.

    Accounts that pay by invoice get none: without their bank's statements nobody can
    say that they have not paid.
    """
    if not account.pays_by_card:
        return {"suspend_at": None, "next_action_at": None}
    debts = holds.pressing(owed, at=at) or owed
    ladder = ladder_of(account, debts, at=at)
    warn = warning_due_on(debts, ladder, holds, at=at)
    warn_at = max(account.moment(warn, NOTICE_HOUR), holds.until(owed, at=at) or at)
    stop = schedule.planned_stop_day(
        ladder,
        due_on=holds.due_on(debts[0]),
        warn_on=account.today(warn_at),
        today=account.today(at),
        country=account.country,
    )
    return {"suspend_at": account.moment(stop, STOP_HOUR), "next_action_at": warn_at}


def warning_due_on(owed: list[Invoice], ladder: Ladder, holds: Holds, *, at: datetime) -> date:
    """
    Return the day on which the stop is announced, for invoices that are owed, oldest first.

    A broken promise brings it forward, unless the debt is too small to stop a service for.
    """
    days = patience(owed, ladder)
    due = holds.due_on(owed[0]) + timedelta(days=days)
    broken_on = holds.promise_broken_on(owed[0], at=at)
    return min(due, broken_on) if broken_on and days == ladder.warn_day else due


def patience(owed: list[Invoice], ladder: Ladder) -> int:
    """Return the days before the warning: longer for a debt too small to stop a service for."""
    floors = {floor.currency: floor for floor in CurrencyFloor.objects.all()}
    for currency in {invoice.currency for invoice in owed}:
        floor = floors.get(currency)
        amount = sum(invoice.amount_due for invoice in owed if invoice.currency == currency)
        if floor is None or amount >= floor.smallest_suspension:
            return ladder.warn_day
    return max(floors[invoice.currency].suspension_regardless_days for invoice in owed)


def ladder_of(account: Account, owed: list[Invoice], *, at: datetime) -> Ladder:
    """Return the ladder that the case of the oldest debt opened with; without a case, the one in force."""
    cases = DunningCase.objects.for_account(account).open().select_related("policy")
    case = cases.filter(seller=owed[0].seller_id, currency=owed[0].currency).first() if owed else None
    return (case.policy if case else DunningPolicy.objects.in_force(account, at=at)).ladder()


def change_ladder(account: Account, *, at: datetime) -> None:
    """
    Put what is owed on the ladder of how the account pays now, and plan its steps anew.

    A stop that was announced is called off: if one follows, it is announced with its own lead.
    """
    policy, holds = DunningPolicy.objects.in_force(account, at=at), paused.of(account)
    for case in DunningCase.objects.for_account(account).open().select_related("account", "anchor"):
        case.policy = policy
        case.save(update_fields=["policy"])
        _anchor(case, case.anchor, holds, at=at)
    owed = debt(account, on=account.today(at))
    unpaid = (SubscriptionState.PAST_DUE, SubscriptionState.WARNED)
    for subscription in Subscription.objects.filter(pk__in=owed.by_service, state__in=unpaid):
        plan = _plan(account, owed.by_service[subscription.pk], holds, at=at)
        if subscription.state == SubscriptionState.WARNED:
            subscription.move(SubscriptionState.PAST_DUE, warned_at=None, **plan)
        else:
            Subscription.objects.filter(pk=subscription.pk).update(**plan)


def plan_anew(account: Account, *, at: datetime) -> None:
    """Bring everything in line after a hold came, moved or went, and set the steps that are not announced anew."""
    refresh(account, at=at)
    owed, holds = debt(account, on=account.today(at)), paused.of(account)
    cases = DunningCase.objects.for_account(account).open().select_related("account", "anchor", "policy")
    for case in cases:
        days = (account.today(at) - holds.due_on(case.anchor)).days
        following = next_reminder_at(case, holds, days=max(days, case.step_day))
        DunningCase.objects.filter(pk=case.pk).update(next_action_at=following)
    for subscription in Subscription.objects.filter(pk__in=owed.by_service, state=SubscriptionState.PAST_DUE):
        plan = _plan(account, owed.by_service[subscription.pk], holds, at=at)
        Subscription.objects.filter(pk=subscription.pk).update(**plan)


def _recover(subscription: Subscription, *, at: datetime) -> None:
    """Bring a service back once nothing is owed, unless another reason keeps it off or its purge has begun."""
    if subscription.deletion_due_at is not None:
        return
    reasons = [reason for reason in subscription.disabled_reasons if reason != DisabledReason.NONPAYMENT]
    if reasons:
        # What was announced for non-payment is over with the debt; a deletion under way is not.
        over = subscription.state == SubscriptionState.SUSPENDED
        announced = {"cancel_at": None, "next_action_at": None} if over else {}
        Subscription.objects.filter(pk=subscription.pk).update(disabled_reasons=reasons, **announced)
        return
    was_off = subscription.is_off
    today = subscription.today(at)
    skipped = _next_period(subscription, today) if was_off else {}
    subscription.move(SubscriptionState.ACTIVE, **NOTHING_PLANNED, **_answer_due(subscription, at=at), **skipped)
    record("service.restored", at=at, account=subscription.account, subscription=subscription, was_off=was_off)


def _answer_due(subscription: Subscription, *, at: datetime) -> dict[str, datetime | None]:
    """Return by when a product that keeps the service off should have asked about it again."""
    keeps_it_off = subscription.product_level not in ("", AccessLevel.FULL)
    return {"answer_due_at": at + PRODUCT_LEAD if keeps_it_off else None}


def _next_period(subscription: Subscription, today: date) -> dict[str, date | datetime | None]:
    """Skip the periods in which the service was off: they are not invoiced afterwards."""
    start = subscription.next_period_on
    while start < today:
        start = schedule.period_after(start, interval=subscription.interval, anchor_day=subscription.anchor_day)
    stays = subscription.leaves_at is None
    return {
        "next_period_on": start,
        "next_invoice_at": subscription.account.moment(start, INVOICE_HOUR) if stays else None,
    }


def warn(subscription: Subscription, *, stop_on: date, at: datetime) -> None:
    """Announce the stop: a first warning, or a new date when the old one could not be kept."""
    account = subscription.account
    suspend_at = account.moment(stop_on, STOP_HOUR)
    announced = {"warned_at": at, "suspend_at": suspend_at, "next_action_at": suspend_at}
    if subscription.state == SubscriptionState.WARNED:
        Subscription.objects.filter(pk=subscription.pk, state=SubscriptionState.WARNED).update(**announced)
        subscription.refresh_from_db()
    else:
        subscription.move(SubscriptionState.WARNED, **announced)
    record("service.warned", at=at, account=account, subscription=subscription, suspend_at=suspend_at.isoformat())


def suspend(subscription: Subscription, *, ladder: Ladder, at: datetime) -> None:
    """Stop the service for non-payment; its cancellation is announced with it."""
    account = subscription.account
    cancel_on = account.today(at) + timedelta(days=ladder.cancel_after)
    cancel_at = clock.days_later(at, ladder.cancel_after, account.time_zone)
    subscription.move(
        SubscriptionState.SUSPENDED,
        suspended_at=at,
        cancel_at=cancel_at,
        next_action_at=cancel_at,
        disabled_reasons=sorted({*subscription.disabled_reasons, DisabledReason.NONPAYMENT}),
    )
    record("service.suspended", at=at, account=account, subscription=subscription, cancel_on=cancel_on.isoformat())


def cancel(
    subscription: Subscription,
    *,
    ladder: Ladder,
    at: datetime,
    because: DisabledReason = DisabledReason.NONPAYMENT,
    by: User | None = None,
) -> None:
    """Cancel a service; its data is kept until ``delete_on``, and for as many days of 24 hours."""
    account = subscription.account
    delete_on = account.today(at) + timedelta(days=ladder.delete_after)
    first_notice = account.moment(delete_on - timedelta(days=max(ladder.deletion_notices, default=0)), NOTICE_HOUR)
    subscription.move(
        SubscriptionState.CANCELED,
        canceled_at=at,
        delete_on=delete_on,
        keep_until=at + timedelta(days=ladder.delete_after),
        next_action_at=first_notice,
        disabled_reasons=sorted({*subscription.disabled_reasons, because}),
    )
    record(
        "service.canceled",
        at=at,
        account=account,
        subscription=subscription,
        actor=by,
        because=because,
        delete_on=delete_on.isoformat(),
    )


def delete(subscription: Subscription, *, at: datetime) -> None:
    """End a service whose data the product has deleted; what is owed for it stays due."""
    subscription.move(SubscriptionState.DELETED, deleted_at=at, next_action_at=None, leaves_at=None)


def turn_off(subscription: Subscription, *, because: DisabledReason, at: datetime) -> None:
    """Keep a service off for a reason besides its debt; one that runs stops at once, and what was announced is over."""
    reasons = sorted({*subscription.disabled_reasons, because})
    if subscription.is_off:
        Subscription.objects.filter(pk=subscription.pk).update(disabled_reasons=reasons)
        subscription.refresh_from_db()
    else:
        off = NOTHING_PLANNED | {"suspended_at": at, "disabled_reasons": reasons}
        subscription.move(SubscriptionState.SUSPENDED, **off)


def turn_on(subscription: Subscription, *, without: DisabledReason, at: datetime) -> bool:
    """Take a reason away; says whether none is left, so that the service is on again, past due if something is owed."""
    reasons = [reason for reason in subscription.disabled_reasons if reason != without]
    if reasons or subscription.is_purging or not subscription.is_off:
        Subscription.objects.filter(pk=subscription.pk).update(disabled_reasons=reasons)
        subscription.refresh_from_db()
        return False
    owed = owed_by_service(subscription, on=subscription.today(at))
    on = NOTHING_PLANNED | _answer_due(subscription, at=at) | _next_period(subscription, subscription.today(at))
    if owed:
        subscription.move(
            SubscriptionState.PAST_DUE, **on | _plan(subscription.account, owed, paused.of(subscription.account), at=at)
        )
    else:
        subscription.move(SubscriptionState.ACTIVE, **on)
    return True


def owed_by_service(subscription: Subscription, *, on: date) -> list[Invoice]:
    """Return what counts against the service, oldest first."""
    return debt(subscription.account, on=on).by_service.get(subscription.pk, [])
