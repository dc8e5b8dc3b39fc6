"""
Make mail of events: one delivery per event and recipient, in the transaction that marks the event.

Whole accounts are taken, a chunk at a time, with the account rows locked first; an
account that another process holds is that process's. Everything here can be done
again at any time: a marked event is never looked at twice.
"""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import transaction

from billing import schedule, staffing
from billing.batches import Counts, guarded
from billing.models import Account, Event, Payment, TaskKind
from billing.scope import EVERYONE, Scope
from billing.states import PaymentState

from . import contacts, staff
from .contacts import Recipient
from .envelopes import new_message_id
from .models import Delivery, DeliveryState
from .rules import DUNNING, RULES, rank, types_of

logger = logging.getLogger(__name__)

CHUNK = 200
REFUSALS_GATHER = timedelta(minutes=15)


@dataclass(slots=True)
class Batch:
    """Rows to write for a chunk of accounts: leads first, then what they carry."""

    leads: list[Delivery] = field(default_factory=list)
    carried: list[tuple[Delivery, Delivery]] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)


def dispatch(*, at: datetime, scope: Scope = EVERYONE) -> Counts:
    """Turn every event that is ready into deliveries; counts ``mails made`` and ``failed``."""
    counts: Counts = Counter({"mails made": staff.dispatch(at=at)})
    Event.objects.undispatched().exclude(type__in=[*RULES, *staff.TYPES]).update(dispatched_at=at)
    for keys in _chunks(scope):
        try:
            counts["mails made"] += _dispatch(keys, at=at)
        except Exception:
            # One poisoned account costs one account.
            logger.exception("dispatching a chunk failed; its accounts are taken one by one")
            for key in keys:
                with guarded(counts, key, job="dispatch", at=at):
                    counts["mails made"] += _dispatch([key], at=at)
    return counts


def _chunks(scope: Scope) -> Iterator[list[int]]:
    """Yield keys of accounts that have events waiting, in order, without asking for any twice."""
    last = 0
    while True:
        waiting = scope.limit(Event.objects.undispatched().filter(account__gt=last)).order_by("account_id")
        keys = list(waiting.values_list("account_id", flat=True).distinct()[:CHUNK])
        if not keys:
            return
        yield [key for key in keys if key is not None]
        last = keys[-1] or 0


@transaction.atomic
def _dispatch(keys: Sequence[int], *, at: datetime) -> int:
    """Write the deliveries of these accounts and mark their events; return the number of mails."""
    locked = Account.objects.select_for_update(no_key=True, of=("self",), skip_locked=True)
    accounts = {account.pk: account for account in locked.filter(pk__in=keys).order_by("pk")}
    events: dict[int, list[Event]] = defaultdict(list)
    for event in Event.objects.undispatched().filter(account__in=accounts).order_by("pk"):
        if event.account_id is not None:
            event.account = accounts[event.account_id]
            events[event.account_id].append(event)
    recipients = contacts.by_account(accounts.values())
    busy = _with_a_charge_on_its_way(accounts, at=at)
    batch = Batch()
    for key, account in accounts.items():
        if key not in busy:
            _gather(batch, account, events[key], recipients=recipients[key], at=at)
    _write(batch, at=at)
    return len(batch.leads)


def _with_a_charge_on_its_way(accounts: dict[int, Account], *, at: datetime) -> set[int]:
    """Return accounts whose charges have just begun: the refusals of two sellers travel in one mail."""
    pending = Payment.objects.filter(account__in=accounts, state=PaymentState.PENDING)
    return set(pending.filter(created_at__gt=at - REFUSALS_GATHER).values_list("account_id", flat=True))


def _gather(batch: Batch, account: Account, events: list[Event], *, recipients: list[Recipient], at: datetime) -> None:
    """Add the account's mail to the batch; dunning that must wait for another day stays as it is."""
    told = [event for event in events if event.type in RULES and RULES[event.type].applies(event)]
    dunning = [event for event in told if RULES[event.type].family == DUNNING]
    held = dunning if dunning and not _may_go_out_now(account, dunning, at=at) else []
    for event in told:
        if event not in dunning:
            _address(batch, account, [event], recipients=recipients, at=at)
    if dunning and not held:
        _address(batch, account, dunning, recipients=recipients, at=at)
    batch.events += [event for event in events if event not in held]


def _may_go_out_now(account: Account, dunning: list[Event], *, at: datetime) -> bool:
    """One dunning mail per account and day: until the next morning only something more urgent goes out."""
    made = Delivery.objects.filter(account=account, event__type__in=types_of(DUNNING))
    latest = made.exclude(state=DeliveryState.CANCELED).order_by("-created_at").select_related("event").first()
    if latest is None:
        return True
    day = account.today(latest.created_at)
    if at >= account.moment(day + timedelta(days=1), schedule.NOTICE_HOUR):
        return True
    that_day = made.exclude(state=DeliveryState.CANCELED).filter(created_at__gte=account.moment(day, 0))
    told = [delivery.event for delivery in that_day.select_related("event")]
    return max(map(rank, dunning)) > max(map(rank, told))


def _address(batch: Batch, account: Account, events: list[Event], *, recipients: list[Recipient], at: datetime) -> None:
    """Give each recipient one mail about the events: the most urgent leads, the others are carried."""
    by_urgency = sorted(events, key=rank, reverse=True)
    reached: set[int] = set()
    for recipient in recipients:
        theirs = [event for event in by_urgency if recipient.is_told(RULES[event.type].kind)]
        rows = [_delivery(event, account, recipient, at=at) for event in theirs]
        if rows:
            batch.leads.append(rows[0])
            batch.carried += [(row, rows[0]) for row in rows[1:]]
        reached.update(event.pk for event in theirs)
    for event in events:
        if RULES[event.type].mandatory and event.pk not in reached:
            reaches_nobody(event, at=at)


def reaches_nobody(event: Event, *, at: datetime) -> None:
    """Ask staff to find someone who reads the account's mail."""
    key = f"no_recipient:{event.account_id}"
    staffing.ask_staff(TaskKind.NO_RECIPIENT, key=key, at=at, account=event.account, type=event.type, event=event.pk)


def _delivery(event: Event, account: Account, recipient: Recipient, *, at: datetime) -> Delivery:
    return Delivery(
        event=event,
        account=account,
        user=recipient.user,
        contact=recipient.contact,
        recipient=recipient.email,
        language=recipient.language,
        message_id=new_message_id(),
        next_action_at=at,
        created_at=at,
    )


def _write(batch: Batch, *, at: datetime) -> None:
    Delivery.objects.bulk_create(batch.leads)
    for row, lead in batch.carried:
        row.carried_by = lead
    Delivery.objects.bulk_create([row for row, _ in batch.carried])
    marked = Event.objects.undispatched().filter(pk__in=[event.pk for event in batch.events])
    marked.update(dispatched_at=at)
