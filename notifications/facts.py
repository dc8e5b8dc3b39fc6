"""
Gather what a letter says, from the facts as they are at the moment of sending.

What is owed and what happens next come from ``billing.outlook``, as on the pages, so
that mail and portal cannot disagree.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from billing import links
from billing.models import Account, CreditNote, Event, Refund, Subscription
from billing.money import Money
from billing.outlook import Outlook, outlook
from billing.states import DisabledReason, Incomplete

from . import ahead, owing
from .letters import Card, Credit, Letter, Line, Links, MoneyBack, Note, Receipt

BY_SETTLING = {
    "promise.broken",
    "hold.ended",
    "service.warned",
    "service.suspended",
    "service.canceled",
    "service.deletion_announced",
}
BY_CHOICE = {"service.leaving", "service.left", "service.reactivated", "service.deleted"}
WORTH_A_NOTE = {
    "payment.action_required",
    "promise.broken",
    "hold.ended",
    "service.warned",
    "service.suspended",
    "service.canceled",
}


@dataclass(frozen=True, slots=True)
class Reader:
    """To whom a letter goes, and who else got it."""

    is_member: bool = True
    also_to: tuple[str, ...] = ()


def about(events: Sequence[Event], *, reader: Reader, at: datetime) -> Letter:
    """Return the letter that tells of ``events`` of one account; the first, most urgent one gives it its type."""
    lead, account = events[0], events[0].account
    if account is None:
        raise Incomplete(lead)
    now = outlook(account, at=at)
    first = [event for event in events if event.type == lead.type]
    announced = ahead.announced(first) if lead.type != "service.suspended" else ()
    return Letter(
        type=lead.type,
        account=account.legal_name,
        account_reference=account.reference,
        zone=account.time_zone,
        links=links_of(lead, account),
        pays_by_card=account.pays_by_card,
        is_member=reader.is_member,
        totals=tuple(now.totals),
        oldest_due_on=now.due[0].due_on if now.due else None,
        debts=owing.debts(now.due),
        refusals=owing.refusals(now, events),
        approvals=tuple(owing.approval(event.payment) for event in first if event.payment is not None),
        services=ahead.names(event.subscription for event in first if event.subscription is not None),
        announced=announced,
        days_left=lead.codes["days"] if lead.type == "service.deletion_announced" else 0,
        promised_on=_promised_on(lead, account),
        steps=tuple(step for step in ahead.steps(now, events, at=at) if step not in announced),
        notes=_notes(event for event in events if event.type != lead.type and event.type in WORTH_A_NOTE),
        receipt=_receipt(lead, account),
        credit=_credit(lead),
        back=_back(lead),
        card=_card(lead, now),
        invoice=owing.line(lead.invoice) if lead.invoice is not None else None,
        sellers=_sellers(lead, now),
        also_to=reader.also_to,
        by_choice=all(_is_by_choice(event.subscription) for event in first),
    )


def _is_by_choice(service: Subscription | None) -> bool:
    return service is not None and service.disabled_reasons == [DisabledReason.CUSTOMER_CANCEL]


def links_of(lead: Event, account: Account) -> Links:
    """Return where the reader goes on: the page that ends the trouble, and a second way where there is one."""
    change, settle = links.card_change(account), links.settle(account)
    main, second = change, settle
    if lead.type == "service.erasure_demanded" and lead.subscription is not None:
        main, second = links.erasure(lead.subscription), ""
    elif lead.type in BY_CHOICE or (lead.type in BY_SETTLING and _is_by_choice(lead.subscription)):
        main, second = links.services(account), ""
    elif lead.type in BY_SETTLING:
        main, second = settle, change if account.pays_by_card else ""
    elif lead.type == "dunning.reminded" and not account.pays_by_card:
        main, second = settle, ""
    elif lead.type == "payment.action_required":
        main, second = links.overview(account), change
    elif lead.type in {"payment.succeeded", "refund.succeeded"}:
        main, second = links.overview(account), ""
    elif lead.type == "credit_note.issued":
        note = CreditNote(account=account, reference=lead.codes["credit_note"])
        main, second = links.credit_note(note), ""
    elif lead.type == "payment.returned":
        main, second = settle, ""
    elif lead.type in {"card.expiring", "card.missing"}:
        second = ""
    elif lead.type.startswith("invoice.") and lead.invoice is not None:
        main = links.invoice(lead.invoice)
    return Links(main=main, second=second, help=links.help(account))


def _notes(events: Iterable[Event]) -> tuple[Note, ...]:
    """Tell of the other events in a line each; services that share a fact share a line."""
    notes: list[Note] = []
    groups: dict[tuple[str, datetime | None], list[Subscription]] = {}
    for event in events:
        if event.payment is not None and event.type == "payment.action_required":
            notes.append(Note(type=event.type, approval=owing.approval(event.payment)))
        elif event.subscription is not None:
            stop = event.subscription.suspend_at if event.type == "service.warned" else None
            groups.setdefault((event.type, stop), []).append(event.subscription)
        else:
            notes.append(Note(type=event.type))
    notes += [Note(type=name, at=stop, services=ahead.names(services)) for (name, stop), services in groups.items()]
    return tuple(notes)


def _receipt(lead: Event, account: Account) -> Receipt | None:
    payment = lead.payment
    if lead.type != "payment.succeeded" or payment is None:
        return None
    # What a payment brings back is written in its own transaction, after it and at the same moment.
    restored = Event.objects.filter(account=account, type="service.restored", at=lead.at, pk__gt=lead.pk)
    restored = restored.filter(subscription__seller=payment.seller_id, codes__was_off=True)
    services = [event.subscription for event in restored.select_related("subscription") if event.subscription]
    return Receipt(
        reference=payment.reference,
        seller=payment.seller.name,
        amount=payment.money,
        on=account.today(payment.settled_at or lead.at),
        card=owing.card_name(payment.payment_method),
        lines=tuple(
            Line(number=str(allocation.invoice), amount=Money(allocation.amount, payment.currency))
            for allocation in payment.allocations.select_related("invoice").order_by("pk")
        ),
        restored=ahead.names(service for service in services if not service.is_off),
    )


def _credit(lead: Event) -> Credit | None:
    if lead.type != "credit_note.issued":
        return None
    note = CreditNote.objects.select_related("invoice").get(reference=lead.codes["credit_note"])
    return Credit(
        number=note.number,
        of_invoice=str(note.invoice),
        amount=note.total_money,
        lines=tuple(
            Line(number=line.description, amount=Money(line.net + line.tax, note.currency)) for line in note.lines.all()
        ),
        due=note.invoice.due_money,
        left=Money(note.unapplied, note.currency),
    )


def _back(lead: Event) -> MoneyBack | None:
    payment = lead.payment
    if lead.type == "payment.returned" and payment is not None:
        amount = Money(lead.codes["amount"], lead.codes["currency"])
        return MoneyBack(payment.reference, payment.seller.name, amount)
    if lead.type != "refund.succeeded":
        return None
    refund = Refund.objects.select_related("seller", "through__payment_method").get(reference=lead.codes["refund"])
    card = owing.card_name(refund.through.payment_method) if refund.through else ""
    return MoneyBack(refund.reference, refund.seller.name, refund.money, card=card, iban_end=refund.iban[-4:])


def _card(lead: Event, now: Outlook) -> Card | None:
    method = lead.payment_method
    if lead.type != "card.expiring" or method is None:
        return None
    charges = [now.account.today(coming.at) for coming in now.upcoming if coming.code in {"charge", "invoice"}]
    expires_on = method.expires_on()
    return Card(
        name=owing.card_name(method),
        expires_on=expires_on,
        first_charge_after=min((day for day in charges if day > expires_on), default=None),
    )


def _promised_on(lead: Event, account: Account) -> date | None:
    """Return the day that was promised: a promise is over the morning after."""
    if lead.type != "promise.broken":
        return None
    return account.today(datetime.fromisoformat(lead.codes["until"])) - timedelta(days=1)


def _sellers(lead: Event, now: Outlook) -> tuple[str, ...]:
    """Return the legal names for which the mail speaks."""
    if lead.type in {"payment.succeeded", "payment.returned"} and lead.payment is not None:
        return (lead.payment.seller.name,)
    if lead.type == "refund.succeeded":
        return tuple(Refund.objects.filter(reference=lead.codes["refund"]).values_list("seller__name", flat=True))
    if lead.type.startswith(("invoice.", "credit_note.")) and lead.invoice is not None:
        return (lead.invoice.seller.name,)
    sellers = [invoice.seller.name for invoice in now.due] or [service.seller.name for service in now.services]
    return tuple(dict.fromkeys(sellers))
