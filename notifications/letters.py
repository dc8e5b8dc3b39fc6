"""
What a mail says, as plain values: the one shape that every template reads.

A letter knows nothing of tables and of languages, so a sample can be rendered without a
database. Amounts are money, dates are dates in the account's own zone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from django.utils.functional import Promise

from billing.money import Money


@dataclass(frozen=True, slots=True)
class Transfer:
    """Where to send money for one invoice."""

    holder: str
    iban: str
    bic: str
    reference: str


@dataclass(frozen=True, slots=True)
class Line:
    """One invoice: to be paid, or paid by a receipt."""

    number: str
    amount: Money
    due_on: date | None = None
    transfer: Transfer | None = None


@dataclass(frozen=True, slots=True)
class Debt:
    """What is due to one seller in one currency."""

    seller: str
    total: Money
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a bank refused a card, in plain words, and what to do."""

    card: str
    sellers: tuple[str, ...]
    reason: str | Promise
    advice: str | Promise


@dataclass(frozen=True, slots=True)
class Approval:
    """A payment that waits for a person's approval at the bank."""

    seller: str
    amount: Money
    card: str


@dataclass(frozen=True, slots=True)
class Step:
    """
    Something that will happen to services unless the debt is paid: charge, stop, cancel or delete;
    or because the customer wants it: leave or erase.

    A deletion has a day, everything else a moment.
    """

    code: str
    at: datetime
    services: tuple[str, ...] = ()
    amounts: tuple[Money, ...] = ()


@dataclass(frozen=True, slots=True)
class Note:
    """Another fact that travels with the mail, told in a line of its own."""

    type: str
    services: tuple[str, ...] = ()
    at: datetime | None = None
    approval: Approval | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """Money that was received."""

    reference: str
    seller: str
    amount: Money
    on: date
    card: str
    lines: tuple[Line, ...] = ()
    restored: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Credit:
    """A credit note: what it takes back of which invoice, and what becomes of it."""

    number: str
    of_invoice: str
    amount: Money
    lines: tuple[Line, ...]
    due: Money
    left: Money


@dataclass(frozen=True, slots=True)
class MoneyBack:
    """Money that was given back, to a card or to a bank account of which the end is shown, or that a bank took back."""

    reference: str
    seller: str
    amount: Money
    card: str = ""
    iban_end: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """A card that expires."""

    name: str
    expires_on: date
    first_charge_after: date | None = None


@dataclass(frozen=True, slots=True)
class Links:
    """Where to go on: one main address, a second way, and help."""

    main: str
    second: str
    help: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """
    Everything a template may say to one reader about one account.

    ``by_choice`` says that the services are off because the customer canceled them.
    """

    type: str
    account: str
    account_reference: str
    zone: str
    links: Links
    pays_by_card: bool = True
    is_member: bool = True
    totals: tuple[Money, ...] = ()
    oldest_due_on: date | None = None
    debts: tuple[Debt, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    approvals: tuple[Approval, ...] = ()
    services: tuple[str, ...] = ()
    announced: tuple[Step, ...] = ()
    days_left: int = 0
    promised_on: date | None = None
    steps: tuple[Step, ...] = ()
    notes: tuple[Note, ...] = ()
    receipt: Receipt | None = None
    credit: Credit | None = None
    back: MoneyBack | None = None
    card: Card | None = None
    invoice: Line | None = None
    sellers: tuple[str, ...] = ()
    also_to: tuple[str, ...] = ()
    by_choice: bool = False

    @property
    def first_stop(self) -> Step | None:
        """Until when paying prevents every interruption; a mail about a service says so itself."""
        if self.type.startswith("service."):
            return None
        return next((step for step in self.steps if step.code == "stop"), None)

    @property
    def has_one_due_date(self) -> bool:
        return len({line.due_on for debt in self.debts for line in debt.lines}) == 1
