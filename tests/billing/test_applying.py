"""Received money goes to what was consented, then to the oldest; what is left is credit and is used."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import transaction

from billing import applying, charging, ledger, quotes, settling
from billing.models import EntryKind, Event, Invoice, Payment, PaymentMethod, Return, SettlementPurpose
from billing.states import InvoiceState
from tests.billing.acting import owing
from tests.factories import MONDAY, InvoiceFactory, PlanFactory, UserFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("money_ok")]


def received(service, amount: int, *, at, settlement=None) -> Payment:
    """Charge the card of the service for an amount and settle it."""
    payment = Payment.objects.create(
        account=service.account,
        seller=service.seller,
        settlement=settlement,
        payment_method=PaymentMethod.objects.filter(account=service.account).first(),
        amount=amount,
        currency=service.currency,
        trigger="customer",
        gateway="sandbox",
        gateway_account="main",
        created_at=at,
    )
    return charging.settle(payment, charging.ask(payment), at=at)


def paid(*invoices: Invoice) -> list[int]:
    return [Invoice.objects.get(pk=invoice.pk).amount_paid for invoice in invoices]


def two_invoices():
    """Return a service with an invoice due on Monday and one due the Monday before."""
    service = owing()
    newer = Invoice.objects.get()
    older = InvoiceFactory(account=service.account, seller=service.seller, issued=MONDAY - timedelta(days=7))
    return service, older, newer, service.account.moment(MONDAY, 12)


def test_the_oldest_due_is_paid_first():
    service, older, newer, at = two_invoices()

    received(service, 150_00, at=at)

    assert paid(older, newer) == [121_00, 29_00]
    assert Event.objects.filter(type="invoice.paid").count() == 1


def test_what_was_consented_comes_before_what_is_older():
    service, older, newer, at = two_invoices()
    digest = quotes.quote(service.account, at=at).digest
    settlement = settling.consent(
        service.account, purpose=SettlementPurpose.PAY, digest=digest, by=UserFactory(), at=at
    )
    settlement.lines.filter(invoice=older).delete()

    received(service, 121_00, at=at, settlement=settlement)

    assert paid(older, newer) == [0, 121_00]


def test_a_part_payment_leaves_the_rest_due_and_changes_the_version():
    service, older, _, at = two_invoices()

    received(service, 21_00, at=at)

    older.refresh_from_db()
    assert (older.state, older.amount_due, older.version) == (InvoiceState.OPEN, 100_00, 2)


def test_more_than_is_owed_is_kept_as_credit():
    service, older, newer, at = two_invoices()

    payment = received(service, 300_00, at=at)

    assert paid(older, newer) == [121_00, 121_00]
    assert Payment.objects.get(pk=payment.pk).unapplied == 58_00


def test_money_never_crosses_sellers_or_currencies():
    service = owing()
    other_seller = InvoiceFactory(account=service.account)
    dollars = owing("", account=service.account, plan=PlanFactory(seller=service.seller, currency="USD"))

    payment = received(service, 500_00, at=service.account.moment(MONDAY, 12))

    assert paid(other_seller, Invoice.objects.get(currency=dollars.currency)) == [0, 0]
    assert Payment.objects.get(pk=payment.pk).unapplied == 379_00


def test_another_account_s_debt_is_not_paid():
    service, other = owing(), owing("")

    received(service, 200_00, at=service.account.moment(MONDAY, 12))

    assert Invoice.objects.get(account=other.account).amount_paid == 0


def test_credit_pays_the_next_invoice_when_it_falls_due(sandbox):
    service = owing()
    account = service.account
    received(service, 171_00, at=account.moment(MONDAY, 12))
    later = MONDAY + timedelta(days=30)
    InvoiceFactory(subscription=None, account=account, seller=service.seller, issued=later)

    charging.collect(at=account.moment(later, 12))

    assert [charge.amount for charge in sandbox.charges()] == [171_00, 71_00]
    assert not Invoice.objects.open().exists()
    assert not Payment.objects.unapplied().exists()


def test_credit_that_is_enough_needs_no_card(sandbox):
    service = owing()
    account = service.account
    received(service, 300_00, at=account.moment(MONDAY, 12))
    later = MONDAY + timedelta(days=30)
    InvoiceFactory(account=account, seller=service.seller, issued=later)

    charging.collect(at=account.moment(later, 12))

    assert len(sandbox.charges()) == 1
    assert not Invoice.objects.open().exists()


def test_applying_credit_again_applies_nothing_more():
    service, older, newer, at = two_invoices()
    received(service, 150_00, at=at)

    applying.apply_credit(service.account, at=at)

    assert paid(older, newer) == [121_00, 29_00]


def test_what_a_bank_takes_back_reopens_the_last_invoice_it_paid():
    service, older, newer, at = two_invoices()
    payment = received(service, 242_00, at=at)
    returned = Return.objects.create(payment=payment, amount=121_00, bank_reference="b", at=at)

    reopened = applying.take_back(payment, returned.amount, at=at)
    ledger.post(EntryKind.RETURN, returned, amount=returned.amount, at=at)

    assert reopened == [newer]
    assert paid(older, newer) == [121_00, 0]
    newer.refresh_from_db()
    assert (newer.state, newer.paid_at) == (InvoiceState.OPEN, None)
    assert Event.objects.filter(type="invoice.reopened", invoice=newer).count() == 1


def test_what_was_not_applied_is_taken_back_first():
    service, older, newer, at = two_invoices()
    payment = received(service, 300_00, at=at)
    returned = Return.objects.create(payment=payment, amount=58_00, bank_reference="b", at=at)

    assert applying.take_back(payment, returned.amount, at=at) == []
    ledger.post(EntryKind.RETURN, returned, amount=returned.amount, at=at)

    assert paid(older, newer) == [121_00, 121_00]
    assert Payment.objects.get().unapplied == 0


def test_no_more_is_taken_back_than_was_received():
    service, *_, at = two_invoices()
    payment = received(service, 121_00, at=at)

    with pytest.raises(applying.NotEnoughCredit), transaction.atomic():
        applying.take_back(payment, 121_01, at=at)


def test_what_paid_an_invoice_can_be_freed_for_another():
    service, older, newer, at = two_invoices()
    payment = received(service, 121_00, at=at)

    applying.free(payment, Invoice.objects.get(pk=older.pk), at=at)

    assert paid(older, newer) == [0, 0]
    assert Payment.objects.get().unapplied == 121_00
