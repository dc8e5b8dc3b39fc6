"""One row of every table that the admin shows, as often as a test wants."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import count

from django.contrib import admin
from django.contrib.admin import ModelAdmin
from django.test import Client
from iso4217 import Currency

from billing import ledger
from billing.applying import apply, take_back
from billing.enrolling import enrol
from billing.models import (
    CardVisit,
    CreditNote,
    CreditNoteLine,
    CurrencyFloor,
    Dispute,
    DunningCase,
    DunningPolicy,
    EntryKind,
    ErasureDemand,
    Event,
    GatewayEvent,
    Hold,
    Invoice,
    Membership,
    Payment,
    Refund,
    Return,
    Settlement,
    SettlementLine,
    StaffTask,
    User,
    WriteOff,
)
from tests.factories import (
    MONDAY,
    ContactFactory,
    InvoiceFactory,
    MembershipFactory,
    PaymentFactory,
    PaymentMethodFactory,
    SubscriptionFactory,
    a_rate,
)

NUMBERS = count()
CURRENCIES = sorted(currency.code for currency in Currency)
NO_FLOOR = {"smallest_case": 0, "smallest_suspension": 0}


def billing_admins() -> dict[str, ModelAdmin]:
    """Return the registered admins of billing's tables, by table."""
    return {
        model._meta.model_name: model_admin
        for model, model_admin in admin.site._registry.items()
        if model._meta.app_label == "billing"
    }


def staff(**fields: object) -> User:
    return User.objects.create_user(f"staff{next(NUMBERS)}@example.com", is_staff=True, **fields)


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def superuser() -> Client:
    return signed_in(staff(is_superuser=True))


def a_story(number: int = 0) -> Membership:
    """Make an account that owes, has paid a part, and is looked into: a row in every table."""
    # Without passwords, which take long to hash.
    user, successor = (enrol(f"person{next(NUMBERS)}@example.org") for _ in range(2))
    membership = MembershipFactory(user=user, successor=successor)
    account = membership.account
    at = account.moment(MONDAY, 12)
    ContactFactory(account=account)
    service = SubscriptionFactory(account=account)
    invoice = InvoiceFactory(subscription=service)
    card = PaymentMethodFactory(account=account, added_by=user)
    settlement = Settlement.objects.create(
        account=account, purpose="pay", consent_version="1", created_by=user, created_at=at
    )
    SettlementLine.objects.create(settlement=settlement, invoice=invoice, version=1, amount=invoice.total)
    payment = _a_payment(invoice, card, settlement, at=at)
    CardVisit.objects.create(
        account=account,
        settlement=settlement,
        gateway="sandbox",
        gateway_account="main",
        session_id=f"session-{number}",
        started_by=user,
        started_at=at,
        payment_method=card,
    )
    GatewayEvent.objects.create(
        gateway="sandbox", gateway_account="main", event_id=f"e{number}", type="charge", body=b"{}", received_at=at
    )
    Event.objects.create(type="profile.changed", at=at, account=account, actor=user, invoice=invoice, payment=payment)
    StaffTask.objects.create(
        kind="no_recipient",
        key=f"story-{number}",
        account=account,
        payment=payment,
        opened_at=at,
        due_at=at,
        taken_by=user,
    )
    _corrected(invoice, user, at=at)
    _money_back(payment, user, at=at)
    Hold.objects.create(
        kind="promise", account=account, reason="asked for a week", starts_at=at, ends_at=at + timedelta(days=7)
    )
    ErasureDemand.objects.create(
        subscription=service, demanded_by=user, demanded_at=at, due_at=at + timedelta(hours=72), withdrawn_at=at
    )
    DunningCase.objects.create(
        account=account,
        seller=invoice.seller,
        currency="EUR",
        policy=DunningPolicy.objects.in_force(account, at=at),
        anchor=invoice,
        opened_at=at,
    )
    CurrencyFloor.objects.get_or_create(currency=CURRENCIES[number], defaults=NO_FLOOR)
    a_rate("EUR", next(code for code in CURRENCIES[number:] if code != "EUR"), on=MONDAY)
    return membership


def _a_payment(invoice, card, settlement, *, at: datetime) -> Payment:
    payment = PaymentFactory(
        account=invoice.account,
        seller=invoice.seller,
        payment_method=card,
        settlement=settlement,
        amount=21_00,
        state="succeeded",
        settled_at=at,
    )
    ledger.post(EntryKind.PAYMENT, payment, amount=-21_00, at=at)
    apply(payment, at=at)
    return payment


def _corrected(invoice: Invoice, user: User, *, at: datetime) -> None:
    note = CreditNote.objects.create(
        account=invoice.account,
        seller=invoice.seller,
        invoice=invoice,
        number=f"{invoice.number}-C",
        currency=invoice.currency,
        net=1_00,
        tax=21,
        total=1_21,
        tax_currency="EUR",
        unapplied=1_21,
        reason="goodwill",
        issued_on=MONDAY,
        created_at=at,
        created_by=user,
    )
    line = invoice.lines.first()
    CreditNoteLine.objects.create(
        credit_note=note, invoice_line=line, description=line.description, net=1_00, tax_rate=210_000, tax=21
    )
    ledger.post(EntryKind.CREDIT_NOTE, note, amount=-note.total, at=at)
    WriteOff.objects.create(invoice=invoice, kind="bad_debt", amount=1_00, requested_at=at, requested_by=user)


def _money_back(payment: Payment, user: User, *, at: datetime) -> None:
    """Rows of all three kinds, the refund one that was rejected and the dispute one that nobody has lost."""
    Refund.objects.create(
        account=payment.account,
        seller=payment.seller,
        payment=payment,
        through=payment,
        amount=1_00,
        currency=payment.currency,
        destination="original",
        state="rejected",
        requested_at=at,
        requested_by=user,
    )
    Dispute.objects.create(payment=payment, amount=1_00, gateway_reference=f"d{payment.pk}", opened_at=at)
    returned = Return.objects.create(payment=payment, amount=1_00, bank_reference="b1", at=at)
    take_back(payment, returned.amount, at=at)
    ledger.post(EntryKind.RETURN, returned, amount=returned.amount, at=at)
