"""
Facts, written with what they tell of.

``record`` belongs in the transaction that makes the fact true: the event is both the
account's timeline and the outbox from which mail is made.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from .models import Event

TYPES = {
    "invoice.finalized": "An invoice got its number and is owed.",
    "invoice.due_soon": "An invoice of an account that pays by invoice falls due within days.",
    "invoice.due_today": "An invoice of an account that pays by invoice falls due today.",
    "invoice.paid": "An invoice is paid in full.",
    "invoice.reopened": "An invoice that was paid is owed again: what paid it was taken back.",
    "invoice.voided": "An invoice that nobody had seen was taken back.",
    "invoice.written_off": "An invoice is no longer asked for.",
    "invoice.recovered": "A written-off invoice is asked for again.",
    "credit_note.issued": "Part or all of an invoice was credited.",
    "payment.succeeded": "Money was received.",
    "payment.failed": "The gateway said that a charge was refused.",
    "payment.action_required": "The bank asks a person to approve a charge.",
    "payment.unknown": "The gateway gave no answer; it is being checked.",
    "payment.canceled": "A charge ended without money and without a refusal.",
    "payment.returned": "The payer's bank took back money that was received.",
    "refund.requested": "Credit was set aside to be given back.",
    "refund.approved": "A second person let a refund by bank be paid.",
    "refund.rejected": "A refund by bank is not paid; its credit came back.",
    "refund.unknown": "The gateway gave no answer about a refund; it is being checked.",
    "refund.succeeded": "Credit was given back.",
    "refund.failed": "A refund was not paid; its credit came back.",
    "credit.kept": "It was decided that credit stays for the next invoice.",
    "dispute.opened": "A card's holder contests a charge with their bank.",
    "dispute.answered": "The seller's side of a dispute was handed in.",
    "dispute.won": "The bank decided a dispute for the seller.",
    "dispute.lost": "The bank decided a dispute for the card's holder and took the money back.",
    "card.added": "A card was put on file.",
    "card.made_default": "A card became the one that is charged automatically.",
    "card.removed": "A card was taken off file.",
    "card.blocked": "The bank said never to charge this card again.",
    "card.missing": "An invoice is due and there is no card that may be charged.",
    "card.expiring": "The card that is charged automatically expires soon.",
    "dunning.opened": "An account began to owe a seller something past due.",
    "dunning.reminded": "A reminder is due.",
    "dunning.closed": "Nothing is owed to this seller any more.",
    "dunning.stopped": "A run stopped itself because the night was abnormal.",
    "dunning.stops_tomorrow": "Staff are told which services stop tomorrow.",
    "hold.placed": "Debts were put on hold: nothing escalates for them until a moment.",
    "hold.extended": "A hold lasts longer.",
    "hold.lifted": "A hold was ended before its time.",
    "hold.ended": "A hold is over.",
    "promise.kept": "What was promised by a date was paid by then.",
    "promise.broken": "What was promised by a date was not paid by then.",
    "grace.used": "An administrator took the emergency grace.",
    "service.stop_approved": "Staff let an announced stop be made.",
    "service.started": "An account took a service.",
    "service.past_due": "A service has something past due.",
    "service.warned": "A service's stop is announced.",
    "service.suspended": "A service has stopped.",
    "service.canceled": "A service is canceled.",
    "service.restored": "A service is on again.",
    "service.deletion_announced": "The deletion of a service's data is announced.",
    "service.deletion_due": "A service's data may be deleted.",
    "service.deletion_called_off": "Staff took back the request to delete a service's data.",
    "service.deleted": "The product has deleted a service's data.",
    "service.leaving": "The customer has canceled a service from the end of its paid period on.",
    "service.staying": "The customer took back a cancellation that was to come.",
    "service.left": "The customer's own cancellation has taken effect.",
    "service.reactivated": "The customer took back a cancellation: the service is on again.",
    "service.stopped_by_staff": "Staff stopped a service.",
    "service.let_go_by_staff": "Staff took back a reason of theirs to keep a service off.",
    "service.erasure_demanded": "An administrator wants a service's data deleted before its date.",
    "service.erasure_withdrawn": "A demand to delete data before its date is off.",
    "settlement.consented": "A person consented to pay a list of invoices.",
    "profile.changed": "Details of the account changed.",
    "account.collection_method_changed": "The account pays in another way from now on.",
    "notice.sent": "The mail server accepted a notice.",
    "notice.failed": "A notice could not be delivered to a recipient.",
}

RELATIONS = ("account", "invoice", "payment", "subscription", "payment_method", "settlement", "regards", "actor")


class UnknownEventType(ValueError):
    """The type is not in ``TYPES``."""


def record(event_type: str, *, at: datetime, key: str | None = None, **about: Any) -> Event | None:
    """
    Write an event; relations by name, everything else becomes codes.

    With a ``key`` the event is written once for ever: ``None`` says that it was there already.
    """
    if event_type not in TYPES:
        raise UnknownEventType(event_type)
    relations = {name: about.pop(name) for name in RELATIONS if name in about}
    event = Event(type=event_type, at=at, key=key, codes=about, **relations)
    if key is None:
        event.save(force_insert=True)
        return event
    try:
        with transaction.atomic():
            event.save(force_insert=True)
    except IntegrityError:
        if not Event.objects.filter(key=key).exists():
            raise
        return None
    return event
