"""
Gather what a letter says, from the facts as they are at the moment of sending.

``about`` takes the events that are still true, the most urgent first. What is owed and
what happens next come from ``billing.outlook``, as on the pages, so that mail and
portal cannot disagree.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from billing import declines, links
from billing.models import Account, Event, Invoice, Payment, PaymentMethod, Subscription
from billing.money import Money, total
from billing.outlook import Outlook, outlook

from .letters import Approval, Card, Debt, Letter, Line, Links, Note, Receipt, Refusal, Step, Transfer

AHEAD = ("charge", "stop", "cancel", "delete")
BY_SETTLING = {"service.warned", "service.suspended", "service.canceled", "service.deletion_announced"}
WORTH_A_NOTE = {"payment.action_required", "service.warned", "service.suspended", "service.canceled"}


@dataclass(frozen=True, slots=True)
class Reader:
    """To whom a letter goes, and who else got it."""

    is_member: bool = True
    also_to: tuple[str, ...] = ()


def about(events: Sequence[Event], *, reader: Reader, at: datetime) -> Letter:
    """Return the letter that tells of ``events`` of one account; the first one gives it its type."""
    lead, account = events[0], events[0].account
    assert account is not None, "only events of an account are mailed"
    now = outlook(account, at=at)
    first = [event for event in events if event.type == lead.type]
    services = [event.subscription for event in first if event.subscription is not None]
    steps = _steps(now, events, at=at)
    return Letter(
        type=lead.type,
        account=account.legal_name,
        account_reference=account.reference,
        zone=account.time_zone,
        links=_links(lead, account),
        pays_by_card=account.pays_by_card,
        is_member=reader.is_member,
        totals=tuple(now.totals),
        oldest_due_on=now.due[0].due_on if now.due else None,
        debts=_debts(now.due, by_transfer=_by_transfer(account)),
        refusals=_refusals(now, events),
        approvals=tuple(_approval(event.payment) for event in first if event.payment is not None),
        services=_names(services),
        stops=_stops(services),
        steps=steps,
        notes=_notes(event for event in events if event.type != lead.type and event.type in WORTH_A_NOTE),
        deletes_on=min((service.delete_on for service in services if service.delete_on), default=None),
        receipt=_receipt(lead),
        card=_card(lead, now),
        invoice=_line(lead.invoice, by_transfer=_by_transfer(account)) if lead.invoice else None,
        sellers=_sellers(lead, now),
        also_to=reader.also_to,
    )


def _by_transfer(account: Account) -> bool:
    return not account.pays_by_card


def _links(lead: Event, account: Account) -> Links:
    main, second = links.card_change(account), links.settle(account)
    if lead.type in BY_SETTLING:
        main, second = second, main if account.pays_by_card else ""
    elif lead.type == "dunning.reminded" and not account.pays_by_card:
        main, second = second, ""
    elif lead.type == "payment.action_required":
        main, second = links.overview(account), main
    elif lead.type == "payment.succeeded":
        main, second = links.overview(account), ""
    elif lead.type == "card.expiring":
        second = ""
    elif lead.invoice is not None and lead.type.startswith("invoice."):
        main = links.invoice(lead.invoice)
    return Links(main=main, second=second, help=links.help(account))


def _line(invoice: Invoice, *, by_transfer: bool) -> Line:
    seller = invoice.seller
    transfer = Transfer(
        holder=seller.account_holder,
        iban=" ".join(seller.iban[start : start + 4] for start in range(0, len(seller.iban), 4)),
        bic=seller.bic,
        reference=invoice.creditor_reference or str(invoice),
    )
    return Line(
        number=str(invoice),
        amount=invoice.due_money,
        due_on=invoice.due_on,
        transfer=transfer if by_transfer and seller.iban else None,
    )


def _debts(due: Iterable[Invoice], *, by_transfer: bool) -> tuple[Debt, ...]:
    groups: dict[tuple[str, str], list[Line]] = {}
    for invoice in due:
        line = _line(invoice, by_transfer=by_transfer)
        groups.setdefault((invoice.seller.name, invoice.currency), []).append(line)
    return tuple(
        Debt(seller=seller, total=total((line.amount for line in lines), currency), lines=tuple(lines))
        for (seller, currency), lines in groups.items()
    )


def _refusals(now: Outlook, events: Sequence[Event]) -> tuple[Refusal, ...]:
    """Say why each card was refused, once per card and reason; a reminder tells of the last refusal."""
    payments = [event.payment for event in events if event.type == "payment.failed" and event.payment is not None]
    if not payments and now.last_failure is not None and now.due:
        payments = [now.last_failure]
    groups: dict[tuple[str, str], list[Payment]] = {}
    for payment in payments:
        groups.setdefault((_card_name(payment.payment_method), payment.decline_code), []).append(payment)
    refusals = []
    for (card, code), refused in groups.items():
        words = declines.advice(code)
        sellers = tuple(dict.fromkeys(payment.seller.name for payment in refused))
        refusals.append(Refusal(card=card, sellers=sellers, reason=words.reason, advice=words.advice))
    return tuple(refusals)


def _card_name(method: PaymentMethod | None) -> str:
    return f"{method.brand.title()} •••• {method.last4}" if method is not None else ""


def _approval(payment: Payment) -> Approval:
    return Approval(seller=payment.seller.name, amount=payment.money, card=_card_name(payment.payment_method))


def _names(services: Iterable[Subscription]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(service.name for service in services))


def _stops(services: Iterable[Subscription]) -> tuple[Step, ...]:
    planned = [("stop", service.suspend_at, service) for service in services if service.suspend_at is not None]
    return _grouped((code, at, [service], []) for code, at, service in planned)


def _steps(now: Outlook, events: Sequence[Event], *, at: datetime) -> tuple[Step, ...]:
    """Return what lies ahead, from the outlook and from what these very events announce; nothing past."""
    found = [
        (coming.code, coming.at, [coming.subscription] if coming.subscription else [], [coming.money])
        for coming in now.upcoming
        if coming.code in AHEAD
    ]
    for event in events:
        service = event.subscription
        if service is None or service.account_id is None:
            continue
        if event.type == "service.warned" and service.suspend_at is not None:
            found.append(("stop", service.suspend_at, [service], []))
        elif event.type == "service.suspended" and service.cancel_at is not None:
            found.append(("cancel", service.cancel_at, [service], []))
        elif event.type in {"service.canceled", "service.deletion_announced"} and service.delete_on is not None:
            found.append(("delete", _midnight(service.delete_on, now.account), [service], []))
    return _grouped(step for step in found if step[1] > at)


def _midnight(day: date, account: Account) -> datetime:
    return datetime.combine(day, time(), tzinfo=ZoneInfo(account.time_zone))


def _grouped(
    steps: Iterable[tuple[str, datetime, Sequence[Subscription], Sequence[Money | None]]],
) -> tuple[Step, ...]:
    """Put what happens at the same moment into one step, in order of time."""
    groups: dict[tuple[datetime, str], tuple[list[Subscription], list[Money]]] = {}
    for code, moment, services, amounts in steps:
        named, added = groups.setdefault((moment, code), ([], []))
        named += services
        added += [amount for amount in amounts if amount]
    return tuple(
        Step(code=code, at=moment, services=_names(named), amounts=_sums(added) if code == "charge" else ())
        for (moment, code), (named, added) in sorted(groups.items())
    )


def _sums(amounts: Iterable[Money]) -> tuple[Money, ...]:
    sums: dict[str, Money] = {}
    for amount in amounts:
        sums[amount.currency] = sums.get(amount.currency, Money(0, amount.currency)) + amount
    return tuple(sums.values())


def _notes(events: Iterable[Event]) -> tuple[Note, ...]:
    """Tell of the other events in a line each; services that share a fact share a line."""
    notes: list[Note] = []
    groups: dict[tuple[str, datetime | None], list[Subscription]] = {}
    for event in events:
        if event.payment is not None and event.type == "payment.action_required":
            notes.append(Note(type=event.type, approval=_approval(event.payment)))
        elif event.subscription is not None:
            stop = event.subscription.suspend_at if event.type == "service.warned" else None
            groups.setdefault((event.type, stop), []).append(event.subscription)
    notes += [Note(type=name, at=stop, services=_names(services)) for (name, stop), services in groups.items()]
    return tuple(notes)


def _receipt(lead: Event) -> Receipt | None:
    payment, account = lead.payment, lead.account
    if lead.type != "payment.succeeded" or payment is None or account is None:
        return None
    restored = Event.objects.filter(account=account, type="service.restored", at=lead.at, pk__gt=lead.pk)
    restored = restored.filter(subscription__seller=payment.seller_id, codes__was_off=True)
    services = [event.subscription for event in restored.select_related("subscription") if event.subscription]
    return Receipt(
        reference=payment.reference,
        seller=payment.seller.name,
        amount=payment.money,
        on=account.today(payment.settled_at or lead.at),
        card=_card_name(payment.payment_method),
        lines=tuple(
            Line(number=str(allocation.invoice), amount=Money(allocation.amount, payment.currency))
            for allocation in payment.allocations.select_related("invoice").order_by("pk")
        ),
        restored=_names(service for service in services if not service.is_off),
    )


def _card(lead: Event, now: Outlook) -> Card | None:
    method = lead.payment_method
    if method is None:
        return None
    charges = [coming.at for coming in now.upcoming if coming.code in {"charge", "invoice"}]
    return Card(
        name=_card_name(method),
        expires_on=method.expires_on(),
        next_charge_on=now.account.today(min(charges)) if charges else None,
    )


def _sellers(lead: Event, now: Outlook) -> tuple[str, ...]:
    if lead.type == "payment.succeeded" and lead.payment is not None:
        return (lead.payment.seller.name,)
    if lead.type.startswith("invoice.") and lead.invoice is not None:
        return (lead.invoice.seller.name,)
    creditors = [invoice.seller.name for invoice in now.due]
    if not creditors:
        creditors = [service.seller.name for service in now.services]
    return tuple(dict.fromkeys(creditors))
