"""
Which events are mailed, to whom, and how urgent they are: one table.

Mails of the family ``DUNNING`` are at most one per account and day; the event with the
highest rank leads and the others travel with it. An event type without a rule is
looked at and put aside.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from billing.models import AUTOMATIC_TRIGGERS, Event, HoldKind
from billing.states import DisabledReason

from . import truth

INVOICES, PAYMENTS, REMINDERS, SERVICE = "invoices", "payments", "reminders", "service"
# What everybody must hear of, whatever they chose to read.
EVERY_KIND = ""
DUNNING = "dunning"


def every(event: Event) -> bool:
    return True


def every_time(event: Event, at: datetime) -> bool:
    """What has gone back has gone back, whatever came after."""
    return True


def only_who_pays_by_invoice(event: Event) -> bool:
    return event.account is not None and not event.account.pays_by_card


def only_automatic(event: Event) -> bool:
    """A person who pays by hand sees the answer on the page."""
    return event.codes.get("trigger") in AUTOMATIC_TRIGGERS


def only_first_automatic_refusal(event: Event) -> bool:
    """A repeated refusal waits for the next reminder."""
    return only_automatic(event) and bool(event.codes.get("first_refusal"))


def only_a_transfer(event: Event) -> bool:
    """Who said that money was on its way must hear that it did not arrive; the others read it on their page."""
    return bool(event.codes.get("kind") == HoldKind.TRANSFER)


def only_for_nonpayment(event: Event) -> bool:
    """Who canceled it themselves gets a confirmation instead."""
    return bool(event.codes.get("because", DisabledReason.NONPAYMENT) == DisabledReason.NONPAYMENT)


def only_unless_refused(event: Event) -> bool:
    """After a refusal the mail about it has asked for another card."""
    return event.invoice is not None and event.invoice.refused_at is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """
    How one event type is mailed.

    ``kind`` is what contacts choose by. ``applies`` decides when the event is handed
    to mail, ``still_true`` once more when the mail is sent. When a mandatory mail has
    no recipient, staff are asked.
    """

    kind: str
    still_true: Callable[[Event, datetime], bool]
    applies: Callable[[Event], bool] = every
    mandatory: bool = False
    family: str = ""
    rank: int = 0


RULES = {
    "invoice.finalized": Rule(
        kind=INVOICES, applies=only_who_pays_by_invoice, still_true=truth.invoice_is_open, mandatory=True
    ),
    "invoice.due_soon": Rule(
        kind=REMINDERS, applies=only_who_pays_by_invoice, still_true=truth.invoice_falls_due_later
    ),
    "invoice.due_today": Rule(
        kind=REMINDERS, applies=only_who_pays_by_invoice, still_true=truth.invoice_falls_due_today
    ),
    "credit_note.issued": Rule(kind=INVOICES, still_true=truth.always, mandatory=True),
    "payment.succeeded": Rule(kind=PAYMENTS, still_true=truth.money_was_received),
    "payment.returned": Rule(kind=PAYMENTS, still_true=truth.money_is_owed_again, mandatory=True),
    "refund.succeeded": Rule(kind=PAYMENTS, still_true=every_time),
    "card.expiring": Rule(kind=PAYMENTS, still_true=truth.card_is_still_good),
    "card.missing": Rule(
        kind=PAYMENTS,
        applies=only_unless_refused,
        still_true=truth.no_card_can_pay,
        mandatory=True,
        family=DUNNING,
        rank=1,
    ),
    "payment.failed": Rule(
        kind=PAYMENTS,
        applies=only_first_automatic_refusal,
        still_true=truth.refused_money_is_owed,
        mandatory=True,
        family=DUNNING,
        rank=1,
    ),
    "payment.action_required": Rule(
        kind=PAYMENTS,
        applies=only_automatic,
        still_true=truth.approval_is_awaited,
        mandatory=True,
        family=DUNNING,
        rank=2,
    ),
    "dunning.reminded": Rule(kind=REMINDERS, still_true=truth.invoice_is_owed, mandatory=True, family=DUNNING, rank=3),
    "hold.ended": Rule(
        kind=REMINDERS,
        applies=only_a_transfer,
        still_true=truth.held_money_is_owed,
        mandatory=True,
        family=DUNNING,
        rank=3,
    ),
    "promise.broken": Rule(kind=REMINDERS, still_true=truth.held_money_is_owed, mandatory=True, family=DUNNING, rank=3),
    "service.warned": Rule(
        kind=SERVICE, still_true=truth.stop_is_far_enough_ahead, mandatory=True, family=DUNNING, rank=4
    ),
    "service.suspended": Rule(
        kind=SERVICE, still_true=truth.service_is_suspended, mandatory=True, family=DUNNING, rank=5
    ),
    "service.canceled": Rule(
        kind=SERVICE,
        applies=only_for_nonpayment,
        still_true=truth.service_is_canceled,
        mandatory=True,
        family=DUNNING,
        rank=6,
    ),
    "service.deletion_announced": Rule(
        kind=SERVICE, still_true=truth.deletion_lies_ahead, mandatory=True, family=DUNNING, rank=7
    ),
    "service.leaving": Rule(kind=SERVICE, still_true=truth.service_is_leaving),
    "service.left": Rule(kind=SERVICE, still_true=truth.service_is_canceled),
    "service.reactivated": Rule(kind=SERVICE, still_true=truth.service_is_on),
    "service.deleted": Rule(kind=SERVICE, still_true=truth.service_is_deleted, mandatory=True),
    "service.erasure_demanded": Rule(kind=EVERY_KIND, still_true=truth.erasure_is_demanded, mandatory=True),
}

NOT_MAILED = {
    "invoice.paid",  # the receipt of the payment says it
    "invoice.reopened",  # what reopened it is mailed
    "invoice.voided",  # nobody has seen it
    "invoice.written_off",  # it is no longer asked for, and not forgiven
    "invoice.recovered",  # the receipt of what came says it
    "payment.unknown",  # the page says that it is being checked; the end is mailed
    "payment.canceled",  # whoever gave up was there
    "refund.requested",  # its end is mailed
    "refund.approved",
    "refund.rejected",  # whoever asked for it is told by a person
    "refund.unknown",
    "refund.failed",  # staff find another way
    "credit.kept",
    "dispute.opened",  # between the card's holder, their bank and staff
    "dispute.answered",
    "dispute.won",
    "dispute.lost",  # the warning that follows is mailed
    "card.added",
    "card.made_default",
    "card.removed",
    "card.blocked",  # the refusal that caused it is mailed
    "dunning.opened",
    "dunning.closed",
    "dunning.stopped",  # for staff: notifications.staff
    "dunning.stops_tomorrow",
    "hold.placed",  # whoever asked for it was there, or was told by staff
    "hold.extended",
    "hold.lifted",
    "promise.kept",  # the receipt says it
    "grace.used",  # whoever took it was there
    "service.stop_approved",  # the customer was told of the stop before
    "service.started",  # the first invoice says it
    "service.past_due",  # the refusal or the reminder says it
    "service.restored",  # the receipt says it
    "service.deletion_due",  # for the seller's product
    "service.deletion_called_off",  # new notices of the new date follow
    "service.staying",  # whoever took it back was there
    "service.stopped_by_staff",  # staff write to the customer themselves
    "service.let_go_by_staff",
    "service.erasure_withdrawn",  # the pages say it
    "settlement.consented",
    "profile.changed",
    "account.collection_method_changed",  # staff agree it with the customer
    "notice.sent",
    "notice.failed",
}


def is_true(event: Event, *, at: datetime) -> bool:
    return RULES[event.type].still_true(event, at)


def rank(event: Event) -> int:
    return RULES[event.type].rank


def types_of(family: str) -> list[str]:
    return [event_type for event_type, rule in RULES.items() if rule.family == family]
