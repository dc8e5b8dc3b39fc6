"""Sample letters, one per mail, to look at and to test without a database."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from billing import declines
from billing.models import Account, CollectionMethod, Event, Invoice, Subscription
from billing.money import Money

from . import facts
from .letters import (
    Approval,
    Card,
    Credit,
    Debt,
    Letter,
    Line,
    Links,
    MoneyBack,
    Note,
    Receipt,
    Refusal,
    Step,
    Transfer,
)
from .rules import RULES

CLOUD, POST = "Example Cloud B.V.", "Example Post B.V."
VISA = "Visa •••• 4242"
STOP = datetime(2026, 11, 24, 9, tzinfo=UTC)
CANCEL = datetime(2026, 12, 24, 9, tzinfo=UTC)
DELETE = datetime(2027, 3, 23, 23, tzinfo=UTC)

STEPS = (
    Step("charge", datetime(2026, 11, 12, 8, tzinfo=UTC), amounts=(Money(238_00, "EUR"),)),
    Step("stop", STOP, services=("Hosting", "Mail")),
    Step("cancel", CANCEL, services=("Hosting", "Mail")),
    Step("delete", DELETE, services=("Hosting", "Mail")),
)
# How many of the steps lie behind, or are what the mail itself announces.
AFTER = {"service.warned": 2, "service.suspended": 2} | dict.fromkeys(
    ("service.canceled", "service.deletion_announced", "service.left", "service.leaving", "service.deleted"), 4
)


BY_CHOICE = {
    "service.left": STEPS[3:],
    "service.leaving": (Step("leave", STOP, services=("Hosting", "Mail")),),
    "service.reactivated": (),
    "service.deleted": (),
    "service.erasure_demanded": (Step("erase", STOP, services=("Hosting", "Mail")),),
}


def rich(event_type: str) -> Letter:
    """Return a letter with everything in it: two creditors, two services, other recipients."""
    letter = Letter(
        type=event_type,
        account="Contoso B.V.",
        account_reference="A-7F3K22QDM4XW0R9T",
        zone="Europe/Amsterdam",
        links=_links(event_type),
        totals=(Money(238_00, "EUR"),),
        oldest_due_on=date(2026, 11, 3),
        debts=(_debt(CLOUD, "CLOUD-2026-0912", 119_00), _debt(POST, "POST-2026-0855", 119_00)),
        refusals=(_refusal("insufficient_funds"),),
        sellers=(CLOUD, POST),
        steps=STEPS[AFTER.get(event_type, 0) :],
        also_to=("finance@contoso.example", "second.person@contoso.example"),
    )
    return replace(letter, **_particulars(event_type))


def minimal(event_type: str) -> Letter:
    """Return a letter with nothing that may be missing: no card, no other recipient, no date ahead."""
    letter = replace(
        rich(event_type),
        is_member=False,
        debts=(),
        totals=(),
        refusals=(Refusal(card="", sellers=(CLOUD,), reason=declines.advice("").reason, advice=""),),
        notes=(),
        steps=(),
        also_to=(),
        sellers=(CLOUD,),
    )
    if event_type in (
        "payment.failed",
        "card.missing",
        "dunning.reminded",
        "hold.ended",
        "promise.broken",
        "service.warned",
    ):
        debt = _debt(CLOUD, "CLOUD-2026-0912", 119_00)
        letter = replace(letter, debts=(debt,), totals=(debt.total,))
    return letter


def _debt(seller: str, number: str, amount: int) -> Debt:
    money = Money(amount, "EUR")
    return Debt(seller=seller, total=money, lines=(Line(number=number, amount=money, due_on=date(2026, 11, 3)),))


def _refusal(code: str) -> Refusal:
    words = declines.advice(code)
    return Refusal(card=VISA, sellers=(CLOUD, POST), reason=words.reason, advice=words.advice)


def _links(event_type: str) -> Links:
    codes = {"credit_note": "C-9H5D0C2W1Q6T4M8Z"}
    pays = CollectionMethod.SEND_INVOICE if event_type.startswith("invoice.") else CollectionMethod.CHARGE_AUTOMATICALLY
    account = Account(reference="A-7F3K22QDM4XW0R9T", collection_method=pays)
    invoice = Invoice(reference="I-4M8Z1Q6T0C2W9H5D", account=account)
    service = Subscription(reference="S-4M8Z1Q6T0C2W9H5D", account=account)
    event = Event(type=event_type, account=account, invoice=invoice, subscription=service, codes=codes)
    return facts.links_of(event, account)


def _particulars(event_type: str) -> dict[str, Any]:
    services = ("Hosting", "Mail")
    if event_type == "payment.action_required":
        return {"approvals": (Approval(seller=CLOUD, amount=Money(119_00, "EUR"), card=VISA),), "refusals": ()}
    if event_type == "payment.succeeded":
        line = Line(number="CLOUD-2026-0912", amount=Money(119_00, "EUR"))
        receipt = Receipt("PAY-7F3K22QDM4XW0R9T", CLOUD, line.amount, date(2026, 11, 24), VISA, (line,), services)
        return {"receipt": receipt, "totals": (Money(119_00, "EUR"),), "sellers": (CLOUD,)}
    if event_type == "credit_note.issued":
        line = Line(number="Hosting", amount=Money(49_00, "EUR"))
        left = {"due": Money(0, "EUR"), "left": Money(19_00, "EUR")}
        credit = Credit("CLOUD-C-2026-00012", "CLOUD-2026-0912", Money(49_00, "EUR"), (line,), **left)
        return {"credit": credit, "sellers": (CLOUD,)}
    if event_type == "refund.succeeded":
        back = MoneyBack("R-7F3K22QDM4XW0R9T", CLOUD, Money(119_00, "EUR"), card=VISA)
        return {"back": back, "debts": (), "totals": (), "steps": (), "refusals": (), "sellers": (CLOUD,)}
    if event_type == "payment.returned":
        back = MoneyBack("PAY-7F3K22QDM4XW0R9T", CLOUD, Money(119_00, "EUR"))
        return {"back": back, "refusals": (), "steps": (), "sellers": (CLOUD,)}
    if event_type == "card.missing":
        return {"refusals": (), "steps": STEPS[1:]}
    if event_type == "card.expiring":
        return {"card": Card(VISA, date(2026, 11, 30), date(2026, 12, 20)), "debts": (), "totals": ()}
    if event_type == "service.warned":
        return {"services": services, "announced": STEPS[1:2]}
    if event_type == "promise.broken":
        return {"promised_on": date(2026, 11, 16), "notes": (Note("hold.ended"),)}
    if event_type == "service.suspended":
        note = Note("service.warned", services=("Backup",), at=datetime(2026, 12, 1, 9, tzinfo=UTC))
        return {"services": services, "notes": (note,)}
    if event_type in ("service.canceled", "service.deletion_announced"):
        return {"services": services, "announced": STEPS[3:], "days_left": 7}
    if event_type in BY_CHOICE:
        announced = BY_CHOICE[event_type]
        return {"services": services, "announced": announced, "debts": (), "totals": (), "steps": ()}
    if event_type.startswith("invoice."):
        transfer = Transfer(CLOUD, "NL91 ABNA 0417 1643 00", "ABNANL2A", "RF18539007547034")
        invoice = Line("CLOUD-2026-0912", Money(119_00, "EUR"), date(2026, 12, 3), transfer)
        return {"invoice": invoice, "pays_by_card": False, "sellers": (CLOUD,)}
    return {}


def every() -> list[Letter]:
    """Return a rich letter of every mail there is."""
    return [rich(event_type) for event_type in RULES]
