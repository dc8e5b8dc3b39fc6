"""
How an account stands and what happens next: what pages, alerts and mails tell.

Read in a fixed number of queries, whatever the number of invoices and services.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Case, Exists, Q, Value, When

from .models import Account, CreditNote, Hold, HoldKind, Invoice, Payment, PaymentMethod, Subscription
from .money import Money
from .paused import Holds
from .states import LIVE_PAYMENT_STATES, InvoiceState, PaymentState, SubscriptionState

RECENT_FAILURES = timedelta(days=90)
RECENT_SUCCESS = timedelta(hours=24)
RECENT_INVOICES = 3


@dataclass(frozen=True, slots=True)
class Upcoming:
    """Something that will happen: ``charge``, ``due``, ``stop``, ``cancel``, ``leave``, ``delete`` or ``invoice``."""

    at: datetime
    code: str
    subscription: Subscription | None = None
    money: Money | None = None


@dataclass(frozen=True, slots=True)
class Outlook:
    """One account at one moment."""

    account: Account
    at: datetime
    today: date
    due: list[Invoice]
    coming: list[Invoice]
    recent: list[Invoice]
    services: list[Subscription]
    cards: list[PaymentMethod]
    live: list[Payment]
    failures: list[Payment]
    received: list[Payment]
    credits: list[Payment]
    upcoming: list[Upcoming]
    holds: list[Hold] = field(default_factory=list)

    @property
    def promise_broken_on(self) -> date | None:
        """When a promise went by for something that is owed still."""
        oldest = self.owed[0] if self.owed else None
        return Holds(self.account, self.holds).promise_broken_on(oldest, at=self.at) if oldest else None

    @property
    def grace(self) -> Hold | None:
        """The emergency grace in force: what had stopped for want of payment is on until it ends."""
        return next((hold for hold in self._open_holds if hold.kind == HoldKind.GRACE), None)

    @property
    def _open_holds(self) -> list[Hold]:
        return [hold for hold in self.holds if hold.is_in_force(at=self.at)]

    def hold_on(self, invoices: Iterable[Invoice]) -> Hold | None:
        """Return the hold in force that covers all of the invoices for longest, but for grace."""
        wanted = list(invoices)
        covering = [
            hold
            for hold in self._open_holds
            if hold.kind != HoldKind.GRACE and wanted and all(hold.touches(invoice) for invoice in wanted)
        ]
        return max(covering, key=lambda hold: hold.ends_at, default=None)

    @property
    def totals(self) -> list[Money]:
        """What is due, per currency; never summed across currencies."""
        return sums(invoice.due_money for invoice in self.due)

    @property
    def unapplied(self) -> list[Money]:
        """What was received or credited and pays nothing yet, per currency; credit notes are read when asked."""
        notes = CreditNote.objects.for_account(self.account).unapplied()
        return sums(Money(credit.unapplied, credit.currency) for credit in [*self.credits, *notes])

    @property
    def owed(self) -> list[Invoice]:
        """What counts against services: past due, or refused by the bank."""
        return [invoice for invoice in self.due if invoice.is_owed(on=self.today)]

    @property
    def card(self) -> PaymentMethod | None:
        return next((card for card in self.cards if card.is_default), None)

    @property
    def last_failure(self) -> Payment | None:
        return self.failures[0] if self.failures and self.due else None

    @property
    def next_stop_at(self) -> datetime | None:
        return next((upcoming.at for upcoming in self.upcoming if upcoming.code == "stop"), None)


def sums(amounts: Iterable[Money]) -> list[Money]:
    """Add amounts per currency, in order of currency."""
    totals: dict[str, Money] = {}
    for money in amounts:
        totals[money.currency] = totals[money.currency] + money if money.currency in totals else money
    return [totals[currency] for currency in sorted(totals)]


def outlook(account: Account, *, at: datetime) -> Outlook:
    """Read how the account stands at ``at``."""
    today = account.today(at)
    invoices, may_be_held = _invoices(account)
    due = [invoice for invoice in invoices if invoice.is_due(on=today)]
    coming = [invoice for invoice in invoices if invoice.state == InvoiceState.OPEN and not invoice.is_due(on=today)]
    services = list(Subscription.objects.for_account(account).select_related("seller"))
    payments = _payments(account, at=at)
    cards = list(PaymentMethod.objects.for_account(account).on_file())
    return Outlook(
        account=account,
        at=at,
        today=today,
        due=due,
        coming=coming,
        recent=sorted(invoices, key=lambda invoice: -invoice.pk)[:RECENT_INVOICES],
        services=services,
        cards=cards,
        live=[payment for payment in payments if payment.is_live and payment.unsent_at is None],
        failures=[payment for payment in payments if payment.state == PaymentState.FAILED],
        received=[payment for payment in payments if _is_fresh(payment, at=at)],
        credits=[payment for payment in payments if payment.unapplied],
        upcoming=sorted(
            [
                *_charges(invoices, cards, payments, at=at),
                *_due_dates(account, coming),
                *_service_steps(account, services, at=at),
            ],
            key=lambda upcoming: upcoming.at,
        ),
        holds=_holds(account, at=at) if may_be_held else [],
    )


def _invoices(account: Account) -> tuple[list[Invoice], bool]:
    """
    Return the open invoices, oldest due first, with the few newest whatever their state, and whether holds exist.

    Most accounts have none: one look beside their invoices spares them a query.
    """
    newest = Invoice.objects.for_account(account).finalized().order_by("-pk").values("pk")[:RECENT_INVOICES]
    wanted = Invoice.objects.for_account(account).filter(Q(state=InvoiceState.OPEN) | Q(pk__in=newest))
    found: list[Any] = list(
        wanted.select_related("seller").oldest_first().annotate(has_holds=Exists(Hold.objects.filter(account=account)))
    )
    return found, any(invoice.has_holds for invoice in found)


def _holds(account: Account, *, at: datetime) -> list[Hold]:
    return list(Hold.objects.for_account(account).filter(ends_at__gt=at - RECENT_FAILURES))


def _payments(account: Account, *, at: datetime) -> list[Payment]:
    """Return the payments that still matter, newest first."""
    recent = Q(state=PaymentState.FAILED, settled_at__gt=at - RECENT_FAILURES) | Q(
        state=PaymentState.SUCCEEDED, settled_at__gt=at - RECENT_SUCCESS
    )
    kept = Q(state__in=LIVE_PAYMENT_STATES) | Q(unapplied__gt=0)
    matters = (
        Payment.objects.for_account(account)
        .filter(kept | recent)
        .annotate(rank=Case(When(kept, then=Value(0)), default=Value(1)))
    )
    # Many refusals must not push out a payment that is live, or money that is not applied yet.
    first = matters.select_related("seller", "payment_method", "settlement").order_by("rank", "-pk")[:50]
    return sorted(first, key=lambda payment: -payment.pk)


def _is_fresh(payment: Payment, *, at: datetime) -> bool:
    settled_at = payment.settled_at
    return payment.state == PaymentState.SUCCEEDED and settled_at is not None and settled_at > at - RECENT_SUCCESS


def _charges(
    invoices: list[Invoice], cards: list[PaymentMethod], payments: list[Payment], *, at: datetime
) -> list[Upcoming]:
    """Return the automatic charges to come, one per day and currency: where there is a card, and none under way."""
    busy = {(payment.seller_id, payment.currency) for payment in payments if payment.is_live}
    usable = {card.gateway_account for card in cards if card.is_default and not card.blocked_reason}
    days: dict[tuple[datetime, str], Money] = {}
    for invoice in invoices:
        if invoice.state != InvoiceState.OPEN or invoice.next_charge_at is None:
            continue
        if (invoice.seller_id, invoice.currency) in busy:
            continue
        if invoice.seller.gateway_account in usable:
            key = (max(invoice.next_charge_at, at), invoice.currency)
            days[key] = days.get(key, Money(0, invoice.currency)) + invoice.due_money
    return [Upcoming(moment, "charge", money=money) for (moment, _), money in days.items()]


def _due_dates(account: Account, coming: list[Invoice]) -> list[Upcoming]:
    return [
        Upcoming(account.moment(invoice.due_on, 0), "due", money=invoice.due_money)
        for invoice in coming
        if invoice.due_on and invoice.next_charge_at is None
    ]


def _service_steps(account: Account, services: list[Subscription], *, at: datetime) -> list[Upcoming]:
    """Return the next step of each service; one whose moment went by was held back, and says nothing of the future."""
    return [step for service in services for step in _steps(account, service) if step.at > at]


def _steps(account: Account, service: Subscription) -> list[Upcoming]:
    moment: datetime | None
    match service.state:
        case SubscriptionState.ACTIVE if service.leaves_at:
            moment, code = service.leaves_at, "leave"
        case SubscriptionState.ACTIVE:
            moment, code = service.next_invoice_at, "invoice"
        case SubscriptionState.PAST_DUE | SubscriptionState.WARNED:
            moment, code = service.suspend_at, "stop"
        case SubscriptionState.SUSPENDED:
            moment, code = service.cancel_at, "cancel"
        case SubscriptionState.CANCELED:
            moment, code = account.moment(service.delete_on, 0) if service.delete_on else None, "delete"
        case _:
            return []
    return [Upcoming(moment, code, subscription=service)] if moment else []
