"""A credit note takes back what it says, never more than the invoice had, and nothing is lost on the way."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.db import transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from billing import charging, crediting
from billing.credit_parts import Left, MoreThanIsLeft, pro_rata
from billing.models import (
    CreditNote,
    CreditReason,
    Event,
    Invoice,
    InvoiceLine,
    LedgerEntry,
    NumberSeries,
    Subscription,
)
from billing.money import rate_of
from billing.states import InvoiceState
from tests.billing.acting import live_through, owing
from tests.factories import MONDAY, InvoiceFactory, MembershipFactory, SellerFactory, UserFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("money_ok")]

GOODWILL = CreditReason.GOODWILL


def member_of(group: str):
    user = UserFactory(is_staff=True)
    user.groups.add(Group.objects.get(name=group))
    return user


def noon(invoice: Invoice):
    return invoice.account.moment(MONDAY, 12)


def whole(invoice: Invoice) -> CreditNote:
    return crediting.credit_whole(invoice, reason=GOODWILL, by=None, at=noon(invoice))


def part(invoice: Invoice, amount: int, **about) -> CreditNote:
    return crediting.credit_amount(invoice, amount, reason=GOODWILL, at=noon(invoice), **({"by": None} | about))


def due(invoice: Invoice) -> int:
    return Invoice.objects.get(pk=invoice.pk).amount_due


def test_a_whole_credit_pays_the_open_invoice_and_leaves_nothing_over():
    invoice = InvoiceFactory()

    note = whole(invoice)

    invoice.refresh_from_db()
    assert (note.net, note.tax, note.total, note.unapplied) == (100_00, 21_00, 121_00, 0)
    assert invoice.state == InvoiceState.PAID
    assert sum(LedgerEntry.objects.values_list("amount", flat=True)) == 0


def test_a_part_credit_leaves_the_rest_due():
    invoice = InvoiceFactory()

    note = part(invoice, 21_00)

    assert (note.net, note.tax) == (17_36, 3_64)
    assert due(invoice) == 100_00


def test_a_credit_by_line_is_at_the_tax_of_the_line():
    invoice = InvoiceFactory()
    line = invoice.lines.get()

    note = crediting.credit_lines(invoice, {line.pk: 50_00}, reason=GOODWILL, by=None, at=noon(invoice))

    taken = note.lines.get()
    assert (taken.invoice_line, taken.net, taken.tax, taken.tax_rate) == (line, 50_00, 10_50, 210_000)
    assert due(invoice) == 60_50


def test_crediting_what_was_paid_leaves_unapplied_credit():
    service = owing()
    charging.collect(at=service.account.moment(MONDAY, 12))

    note = whole(Invoice.objects.get())

    assert CreditNote.objects.get(pk=note.pk).unapplied == 121_00


def test_credit_notes_are_numbered_apart_from_invoices_per_seller_and_year():
    one, other = SellerFactory(invoice_series="ONE"), SellerFactory(invoice_series="TWO")

    notes = [part(InvoiceFactory(seller=seller), 1_00) for seller in (one, other, one)]

    assert [note.number for note in notes] == ["ONE-C-2026-00001", "TWO-C-2026-00001", "ONE-C-2026-00002"]
    assert InvoiceFactory(seller=one).number == "ONE-2026-00003"


def test_a_refused_credit_uses_no_number():
    invoice = InvoiceFactory()
    part(invoice, 1_00)

    with pytest.raises(MoreThanIsLeft):
        part(invoice, 120_01)

    assert NumberSeries.objects.get(seller=invoice.seller, kind="credit_note").last == 1


def test_parties_are_those_of_the_invoice():
    invoice = InvoiceFactory()
    invoice.account.legal_name = "Renamed B.V."
    invoice.account.save()

    note = whole(invoice)

    assert (note.buyer, note.seller_details) == (invoice.buyer, invoice.seller_details)


def test_no_more_than_the_invoice_is_ever_credited():
    invoice = InvoiceFactory()
    part(invoice, 100_00)

    with pytest.raises(MoreThanIsLeft):
        part(invoice, 21_01)

    assert whole(invoice).total == 21_00
    with pytest.raises(crediting.NothingToCredit):
        whole(invoice)


def test_no_more_than_the_line_is_ever_credited():
    invoice = InvoiceFactory()
    line = invoice.lines.get()

    with pytest.raises(MoreThanIsLeft):
        crediting.credit_lines(invoice, {line.pk: 100_01}, reason=GOODWILL, by=None, at=noon(invoice))


@pytest.mark.parametrize("state", [InvoiceState.VOID, InvoiceState.UNCOLLECTIBLE])
def test_what_is_not_asked_for_is_not_credited(state):
    invoice = InvoiceFactory()
    sid = transaction.savepoint()
    invoice.move(state)

    with pytest.raises(crediting.NotCreditable):
        whole(invoice)
    transaction.savepoint_rollback(sid)


def test_an_agent_credits_up_to_the_limit_and_a_lead_more():
    agent, lead = member_of("Billing agent"), member_of("Billing lead")
    invoice = InvoiceFactory(price=1000_00)

    assert part(invoice, 100_00, by=agent).created_by == agent
    with pytest.raises(crediting.AboveLimit):
        part(invoice, 100_01, by=agent)
    assert part(invoice, 100_01, by=lead).total == 100_01


def test_a_credit_note_is_an_event_with_its_reference():
    invoice = InvoiceFactory()

    note = part(invoice, 1_00)

    event = Event.objects.get(type="credit_note.issued")
    assert (event.invoice, event.codes["credit_note"]) == (invoice, note.reference)


def test_crediting_all_that_is_owed_brings_the_service_back():
    service = owing("")
    live_through(service.account, MONDAY, 25)
    service.refresh_from_db()
    assert service.is_off

    crediting.credit_whole(
        Invoice.objects.get(), reason=GOODWILL, by=None, at=service.account.moment(MONDAY + timedelta(days=25), 12)
    )

    service.refresh_from_db()
    assert not service.is_off


@given(
    price=st.integers(1, 500_00),
    rate=st.integers(0, 300_000),
    shares=st.lists(st.tuples(st.booleans(), st.floats(0, 1)), max_size=30),
)
def test_many_credits_of_a_line_never_exceed_it_and_the_last_is_exact(price, rate, shares):
    line = InvoiceLine(net=price, tax_rate=rate, tax=rate_of(price, rate))
    rest = Left(line, line.net, line.tax)
    for by_gross, share in shares:
        taken = rest.of_gross(int(rest.gross * share)) if by_gross else rest.of_net(int(rest.net * share))
        if by_gross:
            assert taken.gross == int(rest.gross * share)
        rest = Left(line, rest.net - taken.net, rest.tax - taken.tax)
        assert rest.net >= 0
        assert rest.tax >= 0

    last = rest.of_net(rest.net)

    assert (rest.net - last.net, rest.tax - last.tax) == (0, 0)


@settings(max_examples=50)
@given(cuts=st.lists(st.integers(0, 100_00), min_size=1, max_size=12))
def test_part_credits_by_net_are_taxed_as_their_sum(cuts):
    line = InvoiceLine(net=sum(cuts) + 1, tax_rate=210_000, tax=rate_of(sum(cuts) + 1, 210_000))
    rest, tax = Left(line, line.net, line.tax), 0
    for cut in cuts:
        taken = rest.of_net(cut)
        tax += taken.tax
        rest = Left(line, rest.net - taken.net, rest.tax - taken.tax)

    assert tax == rate_of(sum(cuts), 210_000)


def yearly(**about) -> tuple[Subscription, Invoice]:
    """Return a service with an invoice of a year, of which a day costs one euro."""
    service = owing(next_period_on=MONDAY + timedelta(days=365), **about)
    InvoiceLine.objects.update(period_end=MONDAY + timedelta(days=99))
    return service, Invoice.objects.get()


def test_undelivered_days_are_credited_pro_rata():
    service, invoice = yearly()

    [note] = crediting.credit_undelivered(service, from_day=MONDAY + timedelta(days=30), by=None, at=noon(invoice))

    assert (note.net, note.tax, note.reason) == (70_00, 14_70, CreditReason.UNDELIVERED)
    assert due(invoice) == 36_30


def test_undelivered_days_are_credited_once():
    service, invoice = yearly()
    about = {"from_day": MONDAY + timedelta(days=30), "by": None, "at": noon(invoice)}
    crediting.credit_undelivered(service, **about)

    again = crediting.credit_undelivered(service, **about)

    assert again == []


def test_a_person_who_cancels_needs_no_permission_to_credit():
    service, invoice = yearly()
    customer = MembershipFactory(account=service.account).user
    InvoiceLine.objects.update(period_end=MONDAY + timedelta(days=999))

    [note] = crediting.credit_undelivered(service, from_day=MONDAY, by=customer, at=noon(invoice))

    assert note.total == 121_00


def test_what_paying_still_brings_back_is_not_credited():
    service, _ = yearly(card="")
    live_through(service.account, MONDAY, 60)
    service.refresh_from_db()
    assert service.state == "canceled"

    at = service.account.moment(MONDAY + timedelta(days=60), 12)

    assert crediting.credit_undelivered(service, from_day=MONDAY, by=None, at=at) == []


def test_what_the_stop_left_undelivered_is_credited_when_the_data_goes():
    service, invoice = yearly(card="")
    live_through(service.account, MONDAY, 45)
    service.refresh_from_db()
    stopped_on = service.today(service.suspended_at)
    live_through(service.account, MONDAY + timedelta(days=45), 110)
    service.refresh_from_db()
    assert service.deletion_due_at

    note = CreditNote.objects.get()

    assert note.net == (99 - (stopped_on - MONDAY).days) * 1_00
    assert due(invoice) == 121_00 - note.total


@pytest.mark.parametrize(("from_day", "net"), [(0, 100_00), (1, 66_67), (2, 33_33), (3, 0), (-5, 100_00), (30, 0)])
def test_pro_rata_is_in_whole_minor_units(from_day, net):
    line = InvoiceLine(net=100_00, period_start=MONDAY, period_end=MONDAY + timedelta(days=2))

    assert pro_rata(line, MONDAY + timedelta(days=from_day)) == net
