"""Staff correct an invoice on a page of its own, within what they may; what refuses says why."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group
from django.urls import reverse

from billing import writing_off
from billing.models import CreditNote, ExchangeRate, Invoice, InvoiceLine, WriteOff
from billing.states import InvoiceState
from tests.billing.admin_rows import signed_in, staff
from tests.factories import MONDAY, InvoiceFactory, UserFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("money_ok")]


def in_group(name: str):
    user = staff()
    user.groups.add(Group.objects.get(name=name))
    return signed_in(user)


def correct(client, invoice: Invoice, act: str, **fields: object) -> str:
    data = {"act": act, **{f"{act}-{name}": value for name, value in fields.items()}}
    return client.post(reverse("admin:billing_invoice_correct", args=[invoice.pk]), data, follow=True).content.decode()


def state(invoice: Invoice) -> str:
    return Invoice.objects.get(pk=invoice.pk).state


def test_an_agent_credits_a_part_and_is_refused_more_than_the_limit():
    invoice, agent = InvoiceFactory(price=1000_00), in_group("Billing agent")

    assert "Credit note" in correct(agent, invoice, "credit", reason="goodwill", amount="12.10")
    assert "ask a billing lead" in correct(agent, invoice, "credit", reason="goodwill", amount="100.01")

    assert [note.total for note in CreditNote.objects.all()] == [12_10]


def test_a_lead_credits_all_of_it():
    invoice, lead = InvoiceFactory(price=1000_00), in_group("Billing lead")

    correct(lead, invoice, "credit", reason="correction", all_of_it="on")

    assert state(invoice) == InvoiceState.PAID


def test_a_line_is_credited_by_its_net():
    invoice = InvoiceFactory()
    line = InvoiceLine.objects.get()

    correct(in_group("Billing agent"), invoice, "credit", reason="goodwill", **{f"line_{line.pk}": "50.00"})

    assert (CreditNote.objects.get().net, CreditNote.objects.get().tax) == (50_00, 10_50)


@pytest.mark.parametrize("ways", [{}, {"amount": "1.00", "all_of_it": "on"}])
def test_a_credit_is_of_one_kind(ways):
    invoice = InvoiceFactory()

    assert "Choose one" in correct(in_group("Billing agent"), invoice, "credit", reason="goodwill", **ways)

    assert not CreditNote.objects.exists()


def test_a_lead_issues_anew_at_another_price():
    invoice = InvoiceFactory()
    line = f"line_{InvoiceLine.objects.get().pk}"
    fields = {line: "80.00", f"{line}_tax": "standard", f"{line}_rate": "21"}

    correct(in_group("Billing lead"), invoice, "reissue", **fields)

    assert [each.total for each in Invoice.objects.order_by("pk")] == [121_00, 96_80]


def test_an_unsent_invoice_is_made_void_and_a_sent_one_is_not():
    invoice, agent = InvoiceFactory(), in_group("Billing agent")
    sent = InvoiceFactory()
    Invoice.objects.filter(pk=sent.pk).update(sent_at=sent.account.moment(MONDAY, 12))

    correct(agent, invoice, "void", reason="twice")
    assert "credit it instead" in correct(agent, sent, "void", reason="twice")

    assert (state(invoice), state(sent)) == (InvoiceState.VOID, InvoiceState.OPEN)


def test_an_agent_asks_and_a_lead_approves_a_write_off():
    invoice, agent, lead = InvoiceFactory(), in_group("Billing agent"), in_group("Billing lead")

    assert "Another person" in correct(agent, invoice, "write_off", reason="bankrupt")
    approve = {"action": "approve", "_selected_action": [WriteOff.objects.get().pk], "index": 0}
    agent.post(reverse("admin:billing_writeoff_changelist"), approve)
    assert state(invoice) == InvoiceState.OPEN

    lead.post(reverse("admin:billing_writeoff_changelist"), approve)
    assert state(invoice) == InvoiceState.UNCOLLECTIBLE


def test_nobody_approves_their_own_and_the_page_says_so():
    user = staff(is_superuser=True)
    invoice = InvoiceFactory()
    write_off = writing_off.request(invoice, reason="x", by=user, at=invoice.account.moment(MONDAY, 12))

    data = {"action": "approve", "_selected_action": [write_off.pk], "index": 0}
    page = signed_in(user).post(reverse("admin:billing_writeoff_changelist"), data, follow=True)

    assert "whoever asked for it does not approve it" in page.content.decode()
    assert state(invoice) == InvoiceState.OPEN


@pytest.mark.parametrize("group", ["Support agent", "Auditor"])
def test_who_may_not_correct_has_no_page_for_it(group):
    invoice, client = InvoiceFactory(), in_group(group)

    assert client.get(reverse("admin:billing_invoice_correct", args=[invoice.pk])).status_code == 403
    assert client.post(reverse("admin:billing_invoice_correct", args=[invoice.pk]), {"act": "void"}).status_code == 403
    assert state(invoice) == InvoiceState.OPEN


def test_a_rate_is_entered_as_published_and_never_edited():
    agent = in_group("Billing agent")
    fields = {"on": "2026-03-02", "base": "eur", "quoted": "usd", "parts_per_million": "1.0876", "source": "ECB"}

    agent.post(reverse("admin:billing_exchangerate_add"), fields)

    rate = ExchangeRate.objects.get()
    assert (rate.base, rate.quoted, rate.parts_per_million) == ("EUR", "USD", 1_087_600)
    change = reverse("admin:billing_exchangerate_change", args=[rate.pk])
    assert "1.0876" in agent.get(change).content.decode()
    assert agent.post(change, {**fields, "parts_per_million": "2"}).status_code == 403


def test_a_customer_sees_no_staff_page(client):
    client.force_login(UserFactory())

    assert client.get(reverse("admin:billing_invoice_correct", args=[InvoiceFactory().pk])).status_code == 302
