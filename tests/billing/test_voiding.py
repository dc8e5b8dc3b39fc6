"""An invoice is taken back only while nobody can have seen it; its number stays used."""

from __future__ import annotations

from datetime import timedelta

import pytest

from billing import charging, crediting, voiding
from billing.models import CreditReason, Event, Invoice, LedgerEntry, StaffTask
from billing.states import InvoiceState
from notifications import delivery
from tests.billing.acting import live_through, owing
from tests.factories import MONDAY, AccountFactory, InvoiceFactory, MembershipFactory, PaymentFactory, UserFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("money_ok")]


def void(invoice: Invoice) -> Invoice:
    return voiding.void(invoice, reason="twice", by=UserFactory(), at=invoice.account.moment(MONDAY, 13))


def test_an_unsent_invoice_is_taken_back_and_owed_no_more():
    invoice = void(InvoiceFactory())

    assert (invoice.state, invoice.amount_due, invoice.next_action_at) == (InvoiceState.VOID, 0, None)
    assert sum(LedgerEntry.objects.values_list("amount", flat=True)) == 0
    assert Event.objects.filter(type="invoice.voided", invoice=invoice).count() == 1


def test_the_number_of_a_void_invoice_stays_used():
    invoice = void(InvoiceFactory())

    following = InvoiceFactory(seller=invoice.seller)

    assert (invoice.number[-5:], following.number[-5:]) == ("00001", "00002")


def test_voiding_all_that_is_owed_brings_the_service_back():
    service = owing("")
    Invoice.objects.update(due_on=MONDAY - timedelta(days=1))
    charging.collect(at=service.account.moment(MONDAY, 12))
    service.refresh_from_db()
    assert service.state == "past_due"

    void(Invoice.objects.get())

    service.refresh_from_db()
    assert service.state == "active"


def test_an_invoice_is_sent_when_a_server_has_accepted_its_mail():
    account = AccountFactory(by_invoice=True)
    MembershipFactory(account=account)
    invoice = InvoiceFactory(account=account)
    at = account.moment(MONDAY, 12)

    delivery.run(at=at)

    invoice.refresh_from_db()
    assert invoice.sent_at == at
    with pytest.raises(voiding.AlreadySent):
        void(invoice)


def test_an_invoice_whose_page_was_opened_is_sent(client):
    invoice = InvoiceFactory()
    client.force_login(MembershipFactory(account=invoice.account).user)

    client.get(f"/accounts/{invoice.account.reference}/invoices/{invoice.reference}/")

    with pytest.raises(voiding.AlreadySent):
        void(invoice)


def test_a_refused_charge_tells_of_the_invoice():
    service = owing("insufficient_funds")
    live_through(service.account, MONDAY, 1)

    with pytest.raises(voiding.AlreadySent):
        void(Invoice.objects.get())


def test_a_charge_under_way_holds_voiding_back():
    invoice = InvoiceFactory()
    PaymentFactory(account=invoice.account, seller=invoice.seller)

    with pytest.raises(voiding.AlreadySent):
        void(invoice)


def test_what_was_credited_is_not_void_as_well():
    invoice = InvoiceFactory()
    crediting.credit_amount(invoice, 1_00, reason=CreditReason.GOODWILL, by=None, at=invoice.account.moment(MONDAY, 12))

    with pytest.raises(voiding.AlreadySent):
        void(invoice)


def test_a_paid_invoice_is_not_void():
    service = owing()
    charging.collect(at=service.account.moment(MONDAY, 12))

    with pytest.raises(voiding.NotOpen):
        void(Invoice.objects.get())


def test_staff_hear_of_a_void_invoice_that_went_out():
    invoice = void(InvoiceFactory())

    voiding.mark_sent(invoice, at=invoice.account.moment(MONDAY, 14))

    assert StaffTask.objects.get().kind == "void_was_sent"
