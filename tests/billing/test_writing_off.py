"""Bad debts take a second person above a limit, restore nothing, and end when money comes after all."""

from __future__ import annotations

from datetime import timedelta

import pytest

from billing import applying, charging, ledger, standing, writing_off
from billing.models import EntryKind, Invoice, LedgerEntry, Return, StaffTask, WriteOff
from billing.states import InvoiceState
from tests.billing.acting import live_through, owing
from tests.billing.test_applying import received
from tests.factories import MONDAY, InvoiceFactory, PaymentFactory, UserFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("money_ok")]

TUESDAY = MONDAY + timedelta(days=1)


def ask(invoice: Invoice, *, by=None) -> WriteOff:
    return writing_off.request(invoice, reason="bankrupt", by=by or UserFactory(), at=noon(invoice))


def noon(invoice: Invoice):
    return invoice.account.moment(TUESDAY, 12)


def balance() -> int:
    return sum(LedgerEntry.objects.values_list("amount", flat=True))


def small() -> Invoice:
    return InvoiceFactory(price=40_00)


def test_a_small_bad_debt_is_written_off_at_once():
    invoice = small()

    write_off = ask(invoice)

    invoice.refresh_from_db()
    assert (invoice.state, balance()) == (InvoiceState.UNCOLLECTIBLE, 0)
    assert write_off.approved_by == write_off.requested_by


def test_above_the_limit_a_second_person_approves():
    invoice, asker, other = InvoiceFactory(), UserFactory(), UserFactory()
    write_off = ask(invoice, by=asker)

    with pytest.raises(writing_off.SamePerson):
        writing_off.approve(write_off, by=asker, at=noon(invoice))
    invoice.refresh_from_db()
    assert (invoice.state, balance()) == (InvoiceState.OPEN, 121_00)
    assert StaffTask.objects.get(kind="write_off_waits").done_at is None

    writing_off.approve(write_off, by=other, at=noon(invoice))

    invoice.refresh_from_db()
    assert (invoice.state, balance()) == (InvoiceState.UNCOLLECTIBLE, 0)
    assert StaffTask.objects.get(kind="write_off_waits").done_at


def test_a_rejected_write_off_leaves_the_debt_and_may_be_asked_for_again():
    invoice = InvoiceFactory()
    write_off = ask(invoice)

    writing_off.reject(write_off, by=UserFactory(), at=noon(invoice))

    assert Invoice.objects.get().amount_due == 121_00
    with pytest.raises(writing_off.AlreadyDecided):
        writing_off.approve(write_off, by=UserFactory(), at=noon(invoice))
    assert ask(invoice).pk != write_off.pk


def test_one_write_off_of_an_invoice_waits_at_a_time():
    invoice = InvoiceFactory()
    ask(invoice)

    with pytest.raises(writing_off.AlreadyAsked):
        ask(invoice)


def test_what_has_changed_since_is_asked_for_anew():
    service = owing()
    invoice = Invoice.objects.get()
    write_off = ask(invoice)
    received(service, 21_00, at=noon(invoice))

    with pytest.raises(writing_off.NoLongerTheSame):
        writing_off.approve(write_off, by=UserFactory(), at=noon(invoice))


def test_nothing_is_written_off_while_money_may_come():
    invoice = small()
    PaymentFactory(account=invoice.account, seller=invoice.seller)

    with pytest.raises(writing_off.MoneyMayCome):
        ask(invoice)


def test_what_is_paid_is_not_written_off():
    service = owing()
    charging.collect(at=service.account.moment(MONDAY, 12))

    with pytest.raises(writing_off.NothingToWriteOff):
        ask(Invoice.objects.get())


def test_writing_off_does_not_bring_back_what_the_debt_has_stopped():
    service = owing("")
    live_through(service.account, MONDAY, 25)
    write_off = ask(Invoice.objects.get())

    writing_off.approve(write_off, by=UserFactory(), at=service.account.moment(MONDAY + timedelta(days=25), 12))
    live_through(service.account, MONDAY + timedelta(days=26), 40)

    service.refresh_from_db()
    assert service.state == "canceled"


def test_money_that_comes_after_all_reopens_the_invoice_and_pays_it():
    service = owing()
    write_off = ask(Invoice.objects.get())
    at = service.account.moment(TUESDAY, 13)
    writing_off.approve(write_off, by=UserFactory(), at=at)

    payment = received(service, 121_00, at=at)

    write_off.refresh_from_db()
    assert (Invoice.objects.get().state, payment.unapplied) == (InvoiceState.PAID, 0)
    assert write_off.reversed_at == at
    assert not StaffTask.objects.filter(kind="double_charge").exists()


def test_what_is_open_is_paid_before_what_was_written_off():
    service = owing()
    writing_off.approve(ask(Invoice.objects.get()), by=UserFactory(), at=service.account.moment(TUESDAY, 13))
    other = InvoiceFactory(account=service.account, seller=service.seller)

    received(service, 121_00, at=service.account.moment(TUESDAY, 14))

    assert Invoice.objects.get(pk=other.pk).state == InvoiceState.PAID
    assert Invoice.objects.uncollectible().count() == 1


def test_a_reversed_write_off_is_owed_again_and_reversed_once():
    invoice = small()
    write_off = ask(invoice)

    writing_off.reverse(write_off, by=UserFactory(), at=noon(invoice))

    assert (Invoice.objects.get().amount_due, balance()) == (48_40, 48_40)
    with pytest.raises(writing_off.AlreadyDecided):
        writing_off.reverse(write_off, by=UserFactory(), at=noon(invoice))


@pytest.mark.parametrize(("paid", "state"), [(120_50, InvoiceState.PAID), (120_49, InvoiceState.OPEN)])
def test_a_difference_within_the_tolerance_is_not_asked_for(paid, state):
    service = owing()

    received(service, paid, at=service.account.moment(MONDAY, 12))

    assert Invoice.objects.get().state == state
    assert WriteOff.objects.filter(kind="tolerance").exists() == (state == InvoiceState.PAID)


def test_a_small_invoice_nobody_has_paid_is_no_difference():
    invoice = InvoiceFactory(price=30)

    assert writing_off.tolerate(invoice, at=noon(invoice)) is None


def test_money_taken_back_off_a_written_off_invoice_makes_it_owed_again():
    service = owing()
    at = service.account.moment(TUESDAY, 12)
    payment = received(service, 100_00, at=at)
    ask(Invoice.objects.get())
    returned = Return.objects.create(payment=payment, amount=100_00, bank_reference="b", at=at)

    applying.take_back(payment, returned.amount, at=at)
    ledger.post(EntryKind.RETURN, returned, amount=returned.amount, at=at)
    standing.refresh(service.account, at=at)

    assert Invoice.objects.get().amount_due == 121_00
