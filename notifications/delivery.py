"""
Send what waits: claim a row, look whether it is still true, render, send, say so.

A claim is a lease of five minutes, committed before the mail server is spoken to. A
sender that dies leaves its row to the next one, which sends it with the same
Message-ID. What the server has accepted is appended to the account's timeline as
``notice.sent``, one event per delivery in the mail.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.core.mail import get_connection
from django.db import transaction
from django.db.models import QuerySet

from billing import clock, voiding
from billing.batches import Counts
from billing.events import record
from billing.models import Event
from billing.scope import EVERYONE, Scope
from billing.states import InvalidTransition

from . import contacts, envelopes, facts, rendering, rules, staff
from .dispatching import dispatch, reaches_nobody
from .models import Delivery, DeliveryState
from .transport import Answer, Sender, Verdict

logger = logging.getLogger(__name__)

LEASE = timedelta(minutes=5)
BACK_OFF = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 4 * 60, 12 * 60))
GIVE_UP_AFTER = timedelta(days=5)
# After so many connection failures in a row the server is taken to be down.
DOWN_AFTER = 5
NOT_GOING = (DeliveryState.FAILED, DeliveryState.CANCELED)
# What makes a drain fail; a refused address is an answer, as a declined card is.
TOLD = (Verdict.ACCEPTED, Verdict.REFUSED, Verdict.DEFERRED, Verdict.UNTRUE)
FAILURES = (Verdict.UNREACHABLE, Verdict.BROKEN)


def run(*, at: datetime, scope: Scope = EVERYONE) -> Counts:
    """Make mail of what has happened and send what is due; ``failed`` counts what could not be processed."""
    return dispatch(at=at, scope=scope) + send_due(at=at, scope=scope)


def waiting(*, at: datetime, scope: Scope = EVERYONE) -> Counts:
    """Count what ``run`` would look at: events to make mail of, and mails whose moment has come."""
    for_readers = scope.limit(Event.objects.undispatched().filter(type__in=rules.RULES))
    for_staff = Event.objects.undispatched().filter(type__in=staff.TYPES)
    return Counter(events=for_readers.count() + for_staff.count(), mails=_sendable(at=at, scope=scope).count())


def send_due(*, at: datetime, scope: Scope = EVERYONE, limit: int | None = None) -> Counts:
    """
    Send every mail whose moment has come, over one connection.

    The moment moves on with the work, so that leases taken late in a long drain do not
    end at once.
    """
    verdicts: Counter[Verdict] = Counter()
    begun = time.monotonic()
    unreachable = 0
    with Sender(get_connection()) as sender:
        while unreachable < DOWN_AFTER and (limit is None or verdicts.total() < limit):
            now = at + timedelta(seconds=int(time.monotonic() - begun))
            mail = claim(at=now, scope=scope)
            if mail is None:
                break
            verdict = _process(mail, sender, at=now)
            verdicts[verdict] += 1
            unreachable = unreachable + 1 if verdict == Verdict.UNREACHABLE else 0
    counts: Counts = Counter({str(verdict): verdicts[verdict] for verdict in TOLD})
    counts["failed"] = sum(verdicts[verdict] for verdict in FAILURES)
    counts["waits"] = scope.limit(Delivery.objects.unfinished()).count()
    return +counts


@transaction.atomic
def claim(*, at: datetime, scope: Scope = EVERYONE) -> Delivery | None:
    """
    Take the mail that has waited longest, or ``None``; nobody else takes it before its lease is over.

    A lease is for other processes, so it ends by the clock on the wall even when ``at`` is long ago.
    """
    longest_first = _sendable(at=at, scope=scope).order_by("next_action_at", "pk")
    mail = longest_first.select_for_update(of=("self",), skip_locked=True).first()
    if mail is None:
        return None
    return mail.move(DeliveryState.SENDING, next_action_at=max(at, clock.now()) + LEASE, attempts=mail.attempts + 1)


def _sendable(*, at: datetime, scope: Scope) -> QuerySet[Delivery]:
    """Return the mails whose moment has come; mail to staff belongs to no account, so it is in every scope."""
    sendable = Delivery.objects.sendable(at=at)
    return scope.limit(sendable) | sendable.filter(account=None)


def _process(mail: Delivery, sender: Sender, *, at: datetime) -> Verdict:
    """Bring one claimed mail to an end, or back into the queue."""
    try:
        parts = still_true(mail, at=at)
        if not parts:
            return Verdict.UNTRUE
        if parts[0].pk != mail.pk:
            return Verdict.PROMOTED
        _render(mail, parts, at=at)
        answer = sender.send(envelopes.message(mail))
    except Exception as error:
        # One mail that cannot be made must not stop the others.
        logger.exception("delivery %s could not be made", mail.pk)
        answer = Answer(Verdict.BROKEN, type(error).__name__)
    _settle(mail, answer, at=at)
    return answer.verdict


def still_true(mail: Delivery, *, at: datetime) -> list[Delivery]:
    """
    Cancel the parts of a mail whose facts, or whose reader, are gone; return what is left, the most urgent first.

    When the lead itself is gone, the most urgent of the rest takes its place and is sent in its own right.
    """
    if staff.is_for_staff(mail):
        return [mail]
    parts = [mail, *mail.carries.filter(state=DeliveryState.QUEUED)]
    relations = ("account", "invoice__seller", "payment__seller", "payment__payment_method", "payment_method")
    events = {
        delivery.pk: delivery.event
        for delivery in Delivery.objects.filter(pk__in=[part.pk for part in parts]).select_related(
            "event", *(f"event__{name}" for name in relations), "event__subscription__seller"
        )
    }
    for part in parts:
        part.event = events[part.pk]
    true = [part for part in parts if rules.is_true(part.event, at=at)] if contacts.is_still_told(mail) else []
    true.sort(key=lambda part: (-rules.rank(part.event), part.pk != mail.pk, part.pk))
    with transaction.atomic():
        for part in parts:
            if part not in true:
                part.move(DeliveryState.CANCELED, next_action_at=None)
        if true and mail not in true:
            _promote(true, at=at)
    return [mail, *(part for part in true if part != mail)] if mail in true else true


def _promote(parts: Sequence[Delivery], *, at: datetime) -> None:
    lead, *rest = parts
    Delivery.objects.filter(pk=lead.pk).update(carried_by=None, next_action_at=at)
    Delivery.objects.filter(pk__in=[part.pk for part in rest]).update(carried_by=lead.pk)


def _render(mail: Delivery, parts: Sequence[Delivery], *, at: datetime) -> None:
    """Write the mail from the facts of this moment and keep exactly what is sent."""
    rendered = staff.render(mail) if staff.is_for_staff(mail) else _tell(mail, parts, at=at)
    mail.subject, mail.text, mail.html = rendered.subject, rendered.text, rendered.html
    mail.save(update_fields=["subject", "text", "html"])


def _tell(mail: Delivery, parts: Sequence[Delivery], *, at: datetime) -> rendering.Mail:
    others = (
        Delivery.objects.filter(event=mail.event_id).exclude(pk=mail.pk).exclude(state__in=NOT_GOING).order_by("pk")
    )
    reader = facts.Reader(is_member=mail.user_id is not None, also_to=tuple(others.values_list("recipient", flat=True)))
    letter = facts.about([part.event for part in parts], reader=reader, at=at)
    return rendering.render(letter, language=mail.language)


def _settle(mail: Delivery, answer: Answer, *, at: datetime) -> None:
    """Write down what the server said."""
    try:
        if answer.verdict == Verdict.ACCEPTED:
            _accept(mail, at=at)
        elif answer.verdict == Verdict.REFUSED or _is_hopeless(mail, answer, at=at):
            _fail(mail, answer, at=at)
        else:
            wait = BACK_OFF[min(mail.attempts, len(BACK_OFF)) - 1]
            mail.move(DeliveryState.QUEUED, next_action_at=at + wait, last_error=answer.error)
    except InvalidTransition:
        # Another sender took the mail after the lease was over, and has written its end.
        logger.warning("delivery %s was ended by another sender", mail.pk)


def _is_hopeless(mail: Delivery, answer: Answer, *, at: datetime) -> bool:
    """A mail that cannot be made or taken for days is given up; a server that is away is waited for."""
    return answer.verdict != Verdict.UNREACHABLE and at - mail.created_at > GIVE_UP_AFTER


@transaction.atomic
def _accept(mail: Delivery, *, at: datetime) -> None:
    for part in _parts(mail):
        part.move(DeliveryState.ACCEPTED, accepted_at=at, next_action_at=None, last_error="")
        voiding.mark_told(part.event, at=at)
        _note("notice.sent", part, at=at)


@transaction.atomic
def _fail(mail: Delivery, answer: Answer, *, at: datetime) -> None:
    for part in _parts(mail):
        part.move(DeliveryState.FAILED, next_action_at=None, last_error=answer.error)
        _note("notice.failed", part, at=at)
        others = part.event.deliveries.exclude(state__in=NOT_GOING)
        if not others.exists():
            reaches_nobody(part.event, at=at)


def _parts(mail: Delivery) -> list[Delivery]:
    carried = mail.carries.filter(state=DeliveryState.QUEUED).select_related("event")
    return [mail, *carried]


def _note(event_type: str, part: Delivery, *, at: datetime) -> None:
    event = part.event
    record(
        event_type,
        at=at,
        regards=event,
        account=part.account,
        subscription=event.subscription,
        type=event.type,
        delivery=part.pk,
    )


@transaction.atomic
def retry(mail: Delivery, *, at: datetime) -> None:
    """Put a failed mail back into the queue, with what it carries."""
    mail.carries.filter(state=DeliveryState.FAILED).update(state=DeliveryState.QUEUED)
    mail.move(DeliveryState.QUEUED, next_action_at=at, attempts=0)


@transaction.atomic
def cancel(mail: Delivery) -> None:
    """Take a waiting mail, and what it carries, out of the queue."""
    for part in _parts(mail):
        part.move(DeliveryState.CANCELED, next_action_at=None)
