"""Events in plain words: stored are codes and keys, read are sentences."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

from django.utils.translation import gettext as _

from billing.declines import advice
from billing.models import CollectionMethod, Event, RefundDestination
from billing.money import Money
from billing.states import DisabledReason

from .hold_words import held
from .wording import amounts, card, long_date, moment, money

RELATED = ("invoice", "payment__payment_method", "subscription", "payment_method", "actor")


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the timeline; ``tone`` is how good or bad the news is."""

    at: dt.datetime
    tone: str
    text: str
    detail: str
    invoice_reference: str
    actor: str


def told(event: Event) -> Entry:
    """Put one event, loaded with ``RELATED``, into words."""
    tone, sentence = TOLD[event.type]
    text, detail = sentence(event)
    reference = event.invoice.reference if event.invoice else ""
    return Entry(event.at, tone, text, detail, reference, _actor(event))


def _actor(event: Event) -> str:
    if event.actor is None:
        return ""
    return _("Support") if event.actor.is_staff else event.actor.get_full_name()


Words = tuple[str, str]


def _number(event: Event) -> str:
    return str(event.invoice) if event.invoice else ""


def _amount(event: Event) -> str:
    return money(event.payment.money) if event.payment else ""


def _service(event: Event) -> str:
    return event.subscription.name if event.subscription else ""


def _card_name(event: Event) -> str:
    method = event.payment_method or (event.payment.payment_method if event.payment else None)
    return card(method) if method else ""


def _day(event: Event, code: str) -> str:
    value = event.codes.get(code)
    return long_date(dt.date.fromisoformat(value[:10])) if value else ""


def _finalized(event: Event) -> Words:
    amount = money(event.invoice.total_money) if event.invoice else ""
    due = event.invoice.due_on if event.invoice else None
    detail = _("Due on %(date)s.") % {"date": long_date(due)} if due else ""
    return _("Invoice %(number)s of %(amount)s was issued.") % {"number": _number(event), "amount": amount}, detail


def _credited(event: Event) -> Words:
    amount = Money(event.codes.get("amount", 0), event.invoice.currency) if event.invoice else None
    words = {"amount": money(amount) if amount else "", "number": _number(event)}
    return _("%(amount)s of invoice %(number)s was credited.") % words, event.codes.get("number", "")


def _failed(event: Event) -> Words:
    words = {"amount": _amount(event), "card": _card_name(event)}
    text = _("%(amount)s could not be charged to %(card)s.") if words["card"] else _("%(amount)s could not be charged.")
    return text % words, str(advice(event.codes.get("decline_code", "")).reason)


def _succeeded(event: Event) -> Words:
    words = {"amount": _amount(event), "card": _card_name(event)}
    text = _("%(amount)s was received from %(card)s.") if words["card"] else _("%(amount)s was received.")
    return text % words, event.payment.reference if event.payment else ""


def _warned(event: Event) -> Words:
    text = _("We announced that %(service)s will stop.") % {"service": _service(event)}
    value = event.codes.get("suspend_at")
    if not value:
        return text, ""
    return text, _("Announced for %(moment)s.") % {"moment": moment(dt.datetime.fromisoformat(value))}


def _suspended(event: Event) -> Words:
    cancel_on = _day(event, "cancel_on")
    detail = _("It is canceled on %(date)s unless everything is paid.") % {"date": cancel_on} if cancel_on else ""
    return _("%(service)s stopped.") % {"service": _service(event)}, detail


def _canceled(event: Event) -> Words:
    kept = _day(event, "delete_on")
    detail = _("Its data is kept until %(date)s.") % {"date": kept} if kept else ""
    return _("%(service)s was canceled.") % {"service": _service(event)}, detail


def _left(event: Event) -> Words:
    return _("The cancellation of %(service)s was confirmed by e-mail.") % {"service": _service(event)}, ""


def _leaving(event: Event) -> Words:
    words = {"service": _service(event), "date": _day(event, "leaves_on")}
    return _("%(service)s was canceled from %(date)s on.") % words, ""


def _stopped_by_staff(event: Event) -> Words:
    under_review = event.codes.get("because") == DisabledReason.FRAUD_REVIEW
    detail = _("It is under review. Contact us.") if under_review else _("Contact us to hear why.")
    return _("We stopped %(service)s.") % {"service": _service(event)}, detail


def _let_go(event: Event) -> Words:
    detail = "" if event.codes.get("is_on") else _("Something else still keeps it off.")
    return _("We no longer keep %(service)s off.") % {"service": _service(event)}, detail


def _called_off(event: Event) -> Words:
    words = {"service": _service(event), "date": _day(event, "delete_on")}
    return _("We took back the deletion of the data of %(service)s; it is kept until %(date)s.") % words, ""


def _erasure_demanded(event: Event) -> Words:
    words = {"service": _service(event)}
    value = event.codes.get("due_at")
    detail = _("We begin on %(moment)s.") % {"moment": moment(dt.datetime.fromisoformat(value))} if value else ""
    return _("An administrator asked to delete the data of %(service)s before its date.") % words, detail


def _announced(event: Event) -> Words:
    words = {"service": _service(event), "date": _day(event, "delete_on")}
    return _("We announced that the data of %(service)s will be deleted on %(date)s.") % words, ""


def _consented(event: Event) -> Words:
    totals = event.codes.get("totals") or {}
    amount = amounts(Money(value, currency) for currency, value in sorted(totals.items()))
    return _("Agreed to pay %(amount)s.") % {"amount": amount}, ""


def _back_amount(event: Event) -> str:
    return money(Money(event.codes.get("amount", 0), event.codes.get("currency", "EUR")))


def _of_money_back(text: Callable[[], str]) -> Callable[[Event], Words]:
    return lambda event: (text() % {"amount": _back_amount(event)}, "")


def _given_back(event: Event) -> Words:
    words = {"amount": _back_amount(event), "card": _card_name(event)}
    if event.codes.get("destination") == RefundDestination.BANK:
        return _("%(amount)s was paid back by bank transfer.") % words, event.codes.get("refund", "")
    text = _("%(amount)s was paid back to %(card)s.") if words["card"] else _("%(amount)s was paid back.")
    return text % words, event.codes.get("refund", "")


def _of_invoice(text: Callable[[], str]) -> Callable[[Event], Words]:
    return lambda event: (text() % {"number": _number(event)}, "")


def _of_payment(text: Callable[[], str]) -> Callable[[Event], Words]:
    return lambda event: (text() % {"amount": _amount(event)}, "")


def _of_card(text: Callable[[], str]) -> Callable[[Event], Words]:
    return lambda event: (text() % {"card": _card_name(event)}, "")


def _of_service(text: Callable[[], str]) -> Callable[[Event], Words]:
    return lambda event: (text() % {"service": _service(event)}, "")


def _until(event: Event) -> str:
    value = event.codes.get("until")
    if not value:
        return ""
    until = moment(dt.datetime.fromisoformat(value))
    return _("Nothing stops because of it until %(moment)s.") % {"moment": until}


def _held(event: Event) -> Words:
    return held(event.codes.get("kind", "")), _until(event)


def _pays_otherwise(event: Event) -> Words:
    if event.codes.get("to") == CollectionMethod.SEND_INVOICE:
        return _("This account now pays by bank transfer; no card is charged automatically."), ""
    return _("This account now pays by card, charged automatically."), ""


# What the timeline tells, and how the news is taken. Mail deliveries and dunning's own
# book-keeping are left out: the facts they follow from are told.
TOLD: dict[str, tuple[str, Callable[[Event], Words]]] = {
    "invoice.finalized": ("info", _finalized),
    "invoice.due_soon": ("info", _of_invoice(lambda: _("We wrote that invoice %(number)s falls due soon."))),
    "invoice.due_today": ("info", _of_invoice(lambda: _("Invoice %(number)s fell due."))),
    "invoice.reopened": (
        "warning",
        _of_invoice(lambda: _("Invoice %(number)s is open again: what paid it was taken back.")),
    ),
    "invoice.voided": ("info", _of_invoice(lambda: _("Invoice %(number)s was taken back; nothing is due on it."))),
    "invoice.written_off": ("info", _of_invoice(lambda: _("We no longer ask for invoice %(number)s."))),
    "invoice.recovered": ("info", _of_invoice(lambda: _("Invoice %(number)s is open again."))),
    "credit_note.issued": ("success", _credited),
    "invoice.paid": ("success", _of_invoice(lambda: _("Invoice %(number)s was paid in full."))),
    "payment.succeeded": ("success", _succeeded),
    "payment.failed": ("danger", _failed),
    "payment.action_required": (
        "warning",
        _of_payment(lambda: _("The bank asked for approval of a payment of %(amount)s.")),
    ),
    "payment.unknown": ("info", _of_payment(lambda: _("The bank did not answer about %(amount)s; we keep asking."))),
    "payment.canceled": ("info", _of_payment(lambda: _("A payment of %(amount)s was not completed."))),
    "payment.returned": (
        "danger",
        _of_money_back(lambda: _("The bank took back %(amount)s; what it paid is to be paid again.")),
    ),
    "refund.requested": ("info", _of_money_back(lambda: _("%(amount)s is to be paid back."))),
    "refund.approved": (
        "info",
        _of_money_back(lambda: _("It was approved to pay back %(amount)s by bank transfer.")),
    ),
    "refund.rejected": (
        "info",
        _of_money_back(lambda: _("%(amount)s is not paid back; it is credit for the next invoice.")),
    ),
    "refund.unknown": (
        "info",
        _of_money_back(lambda: _("The bank did not answer about paying back %(amount)s; we keep asking.")),
    ),
    "refund.succeeded": ("success", _given_back),
    "refund.failed": (
        "warning",
        _of_money_back(lambda: _("%(amount)s could not be paid back; it is credit until we have found another way.")),
    ),
    "credit.kept": ("info", _of_money_back(lambda: _("%(amount)s stays as credit for the next invoice."))),
    "dispute.opened": (
        "warning",
        _of_money_back(lambda: _("The card's holder disputes a payment of %(amount)s with their bank.")),
    ),
    "dispute.answered": ("info", _of_money_back(lambda: _("We answered the dispute about %(amount)s."))),
    "dispute.won": (
        "info",
        _of_money_back(lambda: _("The bank decided that the disputed %(amount)s was rightly paid.")),
    ),
    "dispute.lost": (
        "danger",
        _of_money_back(lambda: _("The bank gave the disputed %(amount)s back; what it paid is to be paid again.")),
    ),
    "card.added": ("info", _of_card(lambda: _("%(card)s was added."))),
    "card.made_default": ("info", _of_card(lambda: _("%(card)s is now charged automatically."))),
    "card.removed": ("info", _of_card(lambda: _("%(card)s was removed."))),
    "card.blocked": ("warning", _of_card(lambda: _("%(card)s is not charged again: the bank refused it for good."))),
    "card.missing": (
        "warning",
        _of_invoice(lambda: _("Invoice %(number)s could not be charged: there is no card that can be.")),
    ),
    "card.expiring": ("warning", _of_card(lambda: _("We wrote that %(card)s expires soon."))),
    "dunning.reminded": ("warning", _of_invoice(lambda: _("We sent a reminder about invoice %(number)s."))),
    "hold.placed": ("info", _held),
    "grace.used": ("info", _held),
    "hold.extended": ("info", lambda event: (_("We wait longer for what is on hold."), _until(event))),
    "hold.lifted": ("info", lambda event: (_("What was on hold no longer is."), "")),
    "hold.ended": ("info", lambda event: (_("What was on hold no longer is: its time is over."), "")),
    "promise.kept": ("success", lambda event: (_("What was promised was paid in time."), "")),
    "promise.broken": ("warning", lambda event: (_("What was promised was not paid in time."), "")),
    "service.started": ("info", _of_service(lambda: _("%(service)s was started."))),
    "service.past_due": ("warning", _of_service(lambda: _("Payment for %(service)s is overdue."))),
    "service.warned": ("warning", _warned),
    "service.suspended": ("danger", _suspended),
    "service.canceled": ("danger", _canceled),
    "service.restored": ("success", _of_service(lambda: _("%(service)s is on again."))),
    "service.deletion_announced": ("danger", _announced),
    "service.deletion_due": ("danger", _of_service(lambda: _("The data of %(service)s may now be deleted."))),
    "service.deletion_called_off": ("info", _called_off),
    "service.deleted": ("danger", _of_service(lambda: _("The data of %(service)s was deleted."))),
    "service.leaving": ("warning", _leaving),
    "service.staying": ("success", _of_service(lambda: _("%(service)s goes on: its cancellation was taken back."))),
    "service.left": ("info", _left),
    "service.reactivated": ("success", _of_service(lambda: _("%(service)s was reactivated."))),
    "service.stopped_by_staff": ("danger", _stopped_by_staff),
    "service.let_go_by_staff": ("info", _let_go),
    "service.erasure_demanded": ("danger", _erasure_demanded),
    "service.erasure_withdrawn": (
        "info",
        _of_service(lambda: _("The data of %(service)s is not deleted before its date after all.")),
    ),
    "settlement.consented": ("info", _consented),
    "account.collection_method_changed": ("info", _pays_otherwise),
    "profile.changed": ("info", lambda event: (_("The account's details were changed."), "")),
}
