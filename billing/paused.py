"""
What is on hold: which debts wait, until when, and by how many days their ladder has moved.

Read once for an account, holds answer by themselves. While an invoice is on hold nothing
escalates for it; afterwards its steps count from a due date that has moved by the days on
hold, so that none is caught up. A promise and a contested charge move nothing:
when they come to nothing, the warning is due.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import Q

from .models import Account, Hold, HoldKind, Invoice
from .schedule import CHARGE_HOUR, days_covered
from .states import Incomplete

# While they last no card is charged automatically; paying by hand always works.
STOPS_CARD_TRIES = (
    HoldKind.TRANSFER,
    HoldKind.PROMISE,
    HoldKind.DISPUTE,
    HoldKind.INSOLVENCY,
    HoldKind.LEGAL,
)
PAUSES_DELETION = (HoldKind.DISPUTE, HoldKind.LEGAL, HoldKind.SUPPORT)


@dataclass(frozen=True, slots=True)
class Holds:
    """The holds that an account has or ever had, and the pauses of those it buys from."""

    account: Account
    rows: Sequence[Hold]

    def of(self, invoice: Invoice) -> list[Hold]:
        return [hold for hold in self.rows if hold.touches(invoice)]

    def free_at(self, invoice: Invoice, *, at: datetime) -> datetime | None:
        """Return until when the invoice is on hold; ``None`` when it is not."""
        return max((hold.ends_at for hold in self.of(invoice) if hold.is_in_force(at=at)), default=None)

    def pressing(self, invoices: Iterable[Invoice], *, at: datetime) -> list[Invoice]:
        """Return the invoices that are not on hold."""
        return [invoice for invoice in invoices if self.free_at(invoice, at=at) is None]

    def until(self, invoices: Iterable[Invoice], *, at: datetime) -> datetime | None:
        """Return when the first of the invoices is free; ``None`` when one is now."""
        ends = [self.free_at(invoice, at=at) for invoice in invoices]
        return None if None in ends else min((end for end in ends if end), default=None)

    def days(self, invoice: Invoice, *, since: date) -> int:
        """Return the days of holds on the invoice from a date on, those still to come of an open one included."""
        spells = [
            (self.account.today(hold.starts_at), self.account.today(hold.over_at))
            for hold in self.of(invoice)
            if hold.moves_the_ladder
        ]
        return days_covered(spells, since=since)

    def due_on(self, invoice: Invoice) -> date:
        """Return the date that the steps of the ladder count from."""
        if invoice.due_on is None:
            raise Incomplete(invoice)
        return invoice.due_on + timedelta(days=self.days(invoice, since=invoice.due_on))

    def last_end(self, invoice: Invoice) -> datetime | None:
        return max((hold.over_at for hold in self.of(invoice)), default=None)

    def promise_broken_on(self, invoice: Invoice, *, at: datetime) -> date | None:
        """Return when a promise to pay the invoice went by; it is broken if the invoice is still owed."""
        if invoice.due_on is None:
            raise Incomplete(invoice)
        gone = [
            self.account.today(hold.ends_at)
            for hold in self.of(invoice)
            if hold.kind == HoldKind.PROMISE and hold.lifted_at is None and hold.ends_at <= at
        ]
        return min((day for day in gone if day >= invoice.due_on), default=None)

    def card_waits_until(self, invoice: Invoice, *, at: datetime) -> datetime | None:
        """Return until when no card is charged automatically for the invoice; ``None`` when one may be."""
        waits = [
            self._tries_resume_at(hold)
            for hold in self.of(invoice)
            if hold.kind in STOPS_CARD_TRIES and hold.is_in_force(at=at)
        ]
        return max((moment for moment in waits if moment > at), default=None)

    def _tries_resume_at(self, hold: Hold) -> datetime:
        """On the day that was promised the card is tried again."""
        if hold.kind != HoldKind.PROMISE:
            return hold.ends_at
        return self.account.moment(self.account.today(hold.ends_at) - timedelta(days=1), CHARGE_HOUR)


def of(account: Account) -> Holds:
    """Read the holds of an account and the pauses of every seller."""
    return Holds(account, list(Hold.objects.filter(Q(account=account) | Q(kind=HoldKind.SELLER_PAUSE))))


def wake(account: Account, *, at: datetime) -> None:
    """Nothing is owed any more: what was promised or declared can be looked at now."""
    waiting = Hold.objects.for_account(account).in_force(at=at)
    waiting.filter(kind__in=(HoldKind.PROMISE, HoldKind.TRANSFER)).update(next_action_at=at)
