"""A wrong invoice is credited in full and issued anew; nobody is reminded of the old one."""

from __future__ import annotations

from datetime import timedelta

import pytest

from billing import charging, crediting, reissuing
from billing.models import CreditReason, Event, Invoice, TaxTreatment
from billing.reissuing import Corrected
from billing.states import InvoiceState
from tests.billing.acting import live_through, owing
from tests.factories import MONDAY, InvoiceFactory, PaymentFactory, UserFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("money_ok")]


def reissue(invoice: Invoice, corrections=None, *, day=MONDAY, by=None):
    by = by or UserFactory(is_superuser=True)
    return reissuing.correct_and_reissue(invoice, corrections or {}, by=by, at=invoice.account.moment(day, 12))


def at_price(invoice: Invoice, price: int) -> dict[int, Corrected]:
    return {invoice.lines.get().pk: Corrected(price, TaxTreatment.STANDARD, 210_000)}


def test_the_old_invoice_is_settled_and_the_new_one_has_its_own_number_and_time_to_pay():
    invoice = InvoiceFactory()

    note, new = reissue(invoice, at_price(invoice, 80_00))

    invoice.refresh_from_db()
    assert (invoice.state, note.total, note.unapplied) == (InvoiceState.PAID, 121_00, 0)
    assert (new.number[-5:], new.total, new.amount_due) == ("00002", 96_80, 96_80)
    assert (new.due_on - new.issued_on).days == 14


def test_longer_terms_stay_longer():
    invoice = InvoiceFactory(account__terms_days=30)

    _, new = reissue(invoice)

    assert (new.due_on - new.issued_on).days == 30


def test_money_that_paid_the_old_invoice_pays_the_new_one():
    owing()
    invoice = Invoice.objects.get()
    charging.collect(at=invoice.account.moment(MONDAY, 12))

    note, new = reissue(invoice, at_price(invoice, 80_00))

    note.refresh_from_db()
    assert (new.state, note.unapplied) == (InvoiceState.PAID, 121_00 - 96_80)


def test_nobody_is_reminded_of_the_old_invoice():
    service = owing("")
    live_through(service.account, MONDAY, 2)
    invoice = Invoice.objects.get()
    reissue(invoice, day=MONDAY + timedelta(days=2))

    live_through(service.account, MONDAY + timedelta(days=3), 12)

    assert not Event.objects.filter(type="dunning.reminded", invoice=invoice).exists()
    service.refresh_from_db()
    assert service.state == "active"


def test_the_period_is_invoiced_once_still():
    service = owing()
    _, new = reissue(Invoice.objects.get())

    line = new.lines.get()

    assert (line.subscription, line.period_start, line.replaces.invoice.number[-5:]) == (service, MONDAY, "00001")


def test_a_wrong_tax_is_put_right():
    invoice = InvoiceFactory()
    line = invoice.lines.get()

    _, new = reissue(invoice, {line.pk: Corrected(100_00, TaxTreatment.REVERSE_CHARGE, 210_000)})

    assert (new.net, new.tax, new.lines.get().tax_rate) == (100_00, 0, 0)


def test_a_part_credited_invoice_is_not_issued_anew():
    invoice = InvoiceFactory()
    at = invoice.account.moment(MONDAY, 12)
    crediting.credit_amount(invoice, 1_00, reason=CreditReason.GOODWILL, by=None, at=at)

    with pytest.raises(reissuing.AlreadyCredited):
        reissue(invoice)


def test_a_payment_under_way_holds_it_back():
    invoice = InvoiceFactory()
    PaymentFactory(account=invoice.account, seller=invoice.seller)

    with pytest.raises(reissuing.PaymentUnderWay):
        reissue(invoice)


def test_who_may_not_credit_as_much_may_not_issue_anew():
    invoice = InvoiceFactory()

    with pytest.raises(crediting.AboveLimit):
        reissue(invoice, by=UserFactory())

    invoice.refresh_from_db()
    assert invoice.amount_due == 121_00
