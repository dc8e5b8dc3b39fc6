"""
What must always be true of the books, checked on live data.

Each check returns a line per row that breaks it; the numbers are those of the
architecture notes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime

from django.db.models import F, Q, Sum
from django.db.models.functions import Coalesce

from .models import (
    Account,
    Allocation,
    CreditNote,
    Dispute,
    Invoice,
    LedgerEntry,
    Payment,
    Refund,
    Return,
    Subscription,
)
from .overdue import known_zones, waiting
from .standing import debt, is_written_off
from .states import (
    DisabledReason,
    InvoiceState,
    PaymentState,
    SubscriptionState,
)

Group = tuple[int, int, str]


def check(*, at: datetime) -> list[str]:
    """Return a line for everything that is wrong; an empty list says that the books are right."""
    return [*_ledger(), *_invoices(), *_payments(), *waiting(at=at), *_services(at=at)]


def _groups(rows: Iterable[tuple[int, int, str, int]]) -> dict[Group, int]:
    return {(account, seller, currency): amount for account, seller, currency, amount in rows if amount}


def _ledger() -> Iterator[str]:
    """I1: the ledger's sum is what is open minus what is unapplied."""
    by = ("account_id", "seller_id", "currency")
    ledger = _groups(LedgerEntry.objects.values_list(*by).annotate(sum=Sum("amount")).order_by())
    opened = Invoice.objects.open().values_list(*by).annotate(sum=Sum(F("total") - F("amount_paid"))).order_by()
    balance, credit = _groups(opened), _credit(*by)
    for group in sorted({*ledger, *balance, *credit}):
        expected = balance.get(group, 0) - credit.get(group, 0)
        if ledger.get(group, 0) != expected:
            yield f"I1 account {group[0]}, seller {group[1]}, {group[2]}: ledger {ledger.get(group, 0)}, is {expected}"


def _credit(*by: str) -> dict[Group, int]:
    """Return the unapplied credit of payments and credit notes, per group."""
    credit: Counter[Group] = Counter()
    for rows in (Payment.objects.unapplied(), CreditNote.objects.unapplied()):
        credit.update(_groups(rows.values_list(*by).annotate(sum=Sum("unapplied")).order_by()))
    return dict(credit)


def _invoices() -> Iterator[str]:
    """I4: an invoice is paid by its allocations, no more and no less."""
    applied = Coalesce(Sum("allocations__amount"), 0)
    wrong = Invoice.objects.annotate(applied=applied).exclude(applied=F("amount_paid"))
    for number, paid, allocated in wrong.values_list("number", "amount_paid", "applied"):
        yield f"I4 invoice {number}: paid {paid}, allocated {allocated}"
    for invoice in Invoice.objects.open().filter(amount_paid__gte=F("total"), total__gt=0):
        yield f"I4 invoice {invoice}: paid in full and still open"


def _payments() -> Iterator[str]:
    """I4: what was received is applied, given back, or unapplied credit."""
    gone = _given_back()
    applied = Coalesce(Sum("allocations__amount"), 0)
    payments = Payment.objects.succeeded().annotate(applied=applied)
    for pk, reference, amount, used, unapplied in payments.values_list(
        "pk", "reference", "amount", "applied", "unapplied"
    ):
        if unapplied != (left := amount - used - gone["payment", pk]):
            yield f"I4 payment {reference}: {left} should be unapplied, is {unapplied}"
    notes = CreditNote.objects.annotate(applied=applied)
    for pk, number, total, used, unapplied in notes.values_list("pk", "number", "total", "applied", "unapplied"):
        if unapplied != (left := total - used - gone["credit_note", pk]):
            yield f"I4 credit note {number}: {left} should be unapplied, is {unapplied}"
    received = Allocation.objects.filter(payment__isnull=False)
    for allocation in received.exclude(payment__state=PaymentState.SUCCEEDED):
        yield f"I4 allocation {allocation.pk}: of a payment that has not succeeded"


def _given_back() -> Counter[tuple[str, int]]:
    """Return what has left payments and credit notes again: refunds, returns, lost disputes."""
    gone: Counter[tuple[str, int]] = Counter()
    set_aside = Refund.objects.set_aside()
    for column in ("payment", "credit_note"):
        refunds = set_aside.exclude(**{column: None}).values_list(column)
        gone.update({(column, pk): amount for pk, amount in refunds.annotate(sum=Sum("amount")).order_by()})
    for taken, amounts in ((Return.objects.all(), "amount"), (Dispute.objects.exclude(taken=0), "taken")):
        rows = taken.values_list("payment").annotate(sum=Sum(amounts)).order_by()
        gone.update({("payment", pk): amount for pk, amount in rows})
    return gone


def _services(*, at: datetime) -> Iterator[str]:
    """I7: a service's state follows from what is owed and what was announced."""
    off = (SubscriptionState.SUSPENDED, SubscriptionState.CANCELED)
    for service in Subscription.objects.filter(state__in=off, disabled_reasons=[]):
        yield f"I7 service {service.reference}: off without a reason"
    for service in Subscription.objects.filter(state=SubscriptionState.CANCELED):
        if service.delete_on and service.canceled_at and service.delete_on < service.canceled_at.date():
            yield f"I7 service {service.reference}: deletion before cancellation"
    unpaid = (SubscriptionState.PAST_DUE, SubscriptionState.WARNED)
    accounts = Account.objects.filter(
        Q(subscriptions__state__in=(*unpaid, *off)) | Q(invoices__state=InvoiceState.OPEN)
    ).distinct()
    for account in accounts.filter(time_zone__in=known_zones()).iterator():
        owing = debt(account, on=account.today(at)).by_service
        for service in account.subscriptions.all():
            yield from _contradiction(service, is_owing=service.pk in owing or is_written_off(service))


def _contradiction(service: Subscription, *, is_owing: bool) -> Iterator[str]:
    paid_up = (SubscriptionState.ACTIVE,)
    for_nonpayment = service.state in (SubscriptionState.PAST_DUE, SubscriptionState.WARNED) or (
        DisabledReason.NONPAYMENT in service.disabled_reasons
    )
    if service.state in paid_up and is_owing:
        yield f"I7 service {service.reference}: active, and something is owed for it"
    if for_nonpayment and not is_owing and service.deletion_due_at is None:
        yield f"I7 service {service.reference}: {service.state}, and nothing is owed for it"
