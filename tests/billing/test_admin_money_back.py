"""Staff give credit back, book returns and answer disputes from the lists, each by the act that jobs and pages use."""

from __future__ import annotations

import re

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group
from django.urls import reverse

from billing import disputes
from billing.gateways.sandbox import Fault
from billing.models import CreditNote, Dispute, Invoice, Payment, Refund, Return
from billing.states import InvoiceState, RefundState
from tests.billing.admin_rows import signed_in, staff
from tests.billing.test_refunds import credited, prepaid

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("money_ok")]

BACK = {"way": "original", "reason": "asked for", "iban": "", "account_holder": ""}


@pytest.fixture
def agent():
    user = staff()
    user.groups.add(Group.objects.get(name="Billing agent"))
    return user


def run(user, table: str, action: str, row, **typed: object) -> str:
    data = {"action": action, "_selected_action": [row.pk], "index": 0}
    url = reverse(f"admin:billing_{table}_changelist")
    client = signed_in(user)
    return client.post(url, data | ({"asked": "yes"} | typed if typed else {}), follow=True).content.decode()


def hidden(page: str, name: str) -> str:
    return re.search(rf'name="{name}" value="([^"]*)"', page)[1]


def test_credit_goes_back_from_the_page_that_showed_it(sandbox, agent):
    payment, _ = prepaid(sandbox)
    page = run(agent, "payment", "give_back", payment)

    done = run(agent, "payment", "give_back", payment, amount="20.00", seen=hidden(page, "seen"), **BACK)

    assert 'value="50.00"' in page
    assert "€20.00" in done
    assert [record.amount for record in sandbox.refunds()] == [20_00]
    refund = Refund.objects.get()
    assert (refund.state, refund.requested_by) == (RefundState.SUCCEEDED, agent)
    assert LogEntry.objects.get().change_message == "gave credit back"


def test_the_button_pressed_twice_gives_back_once(sandbox, agent):
    payment, _ = prepaid(sandbox)

    first, second = (run(agent, "payment", "give_back", payment, amount="20", seen=50_00, **BACK) for _ in range(2))

    assert [record.amount for record in sandbox.refunds()] == [20_00]
    assert "€20.00" in first
    assert "Look again" in second


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ({"amount": "0"}, "not as much credit"),
        ({"amount": "50.01"}, "not as much credit"),
        ({"amount": "1.001"}, "too many decimals"),
        ({"amount": "-1"}, "greater than or equal"),
        ({"amount": "1", "way": "bank"}, "no valid IBAN"),
        ({"amount": "1", "way": "bank", "iban": "NL91ABNA0417164300"}, "needs the holder"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_goes_back(sandbox, agent, typed, told: str):
    payment, _ = prepaid(sandbox)

    page = run(agent, "payment", "give_back", payment, **(BACK | {"seen": 50_00} | typed))

    assert told in page
    assert not Refund.objects.exists()


def test_a_credit_note_goes_back_and_says_what_the_card_can_take(sandbox, agent):
    payment, at = prepaid(sandbox, amount=121_00)
    note = credited(payment, 100_00, at=at)

    run(agent, "creditnote", "give_back", note, amount="100", seen=100_00, **BACK)
    more = credited(payment, 50_00, at=at)
    refused = run(agent, "creditnote", "give_back", more, amount="50", seen=50_00, **BACK)

    assert [record.amount for record in sandbox.refunds()] == [100_00]
    assert "€21.00 at most" in refused
    assert CreditNote.objects.get(pk=more.pk).unapplied == 50_00


def test_credit_can_stay(sandbox, agent):
    payment, _ = prepaid(sandbox)

    page = run(agent, "payment", "give_back", payment, amount="50", seen=50_00, **(BACK | {"way": "credit"}))

    assert "stays as credit" in page
    assert Payment.objects.get().unapplied == 50_00


def test_by_bank_one_asks_another_approves_and_the_reference_ends_it(sandbox, agent):
    payment, _ = prepaid(sandbox)
    colleague = staff(is_superuser=True)
    bank = BACK | {"way": "bank", "iban": "NL91ABNA0417164300", "account_holder": "Contoso"}
    run(agent, "payment", "give_back", payment, amount="50", seen=50_00, **bank)
    refund = Refund.objects.get()

    own = run(agent, "refund", "approve", refund)
    early = run(colleague, "refund", "paid_out", refund, bank_reference="B-1")
    run(colleague, "refund", "approve", refund)
    run(agent, "refund", "paid_out", refund, bank_reference="B-1")

    assert "someone else must approve" in own
    assert "does not wait for that" in early
    refund.refresh_from_db()
    assert (refund.state, refund.bank_reference) == (RefundState.SUCCEEDED, "B-1")


@pytest.mark.parametrize(("acts", "state"), [(["reject"], "rejected"), (["approve", "not_payable"], "failed")])
def test_a_refund_by_bank_that_is_not_paid_is_credit_again(sandbox, agent, acts, state: str):
    payment, _ = prepaid(sandbox)
    bank = BACK | {"way": "bank", "iban": "NL91ABNA0417164300", "account_holder": "Contoso"}
    run(agent, "payment", "give_back", payment, amount="50", seen=50_00, **bank)

    for act in acts:
        run(staff(is_superuser=True), "refund", act, Refund.objects.get())

    assert Refund.objects.get().state == state
    assert Payment.objects.get().unapplied == 50_00


def test_what_paid_an_invoice_is_freed_and_goes_back(sandbox, agent):
    payment, _ = prepaid(sandbox, amount=121_00)
    invoice = Invoice.objects.get()

    run(agent, "payment", "free_and_give_back", payment, invoice=invoice.pk, reason="asked for")

    invoice.refresh_from_db()
    assert invoice.state == InvoiceState.OPEN
    assert [record.amount for record in sandbox.refunds()] == [121_00]


def test_a_refund_without_an_answer_is_asked_about_again(sandbox, agent):
    payment, _ = prepaid(sandbox)
    sandbox.inject(Fault.DROP_AFTER, operation="refund")
    run(agent, "payment", "give_back", payment, amount="50", seen=50_00, **BACK)

    early = run(agent, "refund", "give_up", Refund.objects.get())

    assert "Paid back" in early
    assert Refund.objects.get().state == RefundState.SUCCEEDED


def test_a_refund_is_not_ended_while_it_may_arrive(sandbox, agent):
    payment, _ = prepaid(sandbox)
    sandbox.inject(Fault.HANG, operation="refund", times=9)
    run(agent, "payment", "give_back", payment, amount="50", seen=50_00, **BACK)

    early = run(agent, "refund", "give_up", Refund.objects.get())

    assert "may still be paid" in early
    assert Refund.objects.get().state == RefundState.UNKNOWN


def test_what_the_bank_took_back_is_booked_once(sandbox, agent):
    payment, _ = prepaid(sandbox, amount=121_00)
    typed = {"amount": "121.00", "reason_code": "AM04", "bank_reference": "B-1"}

    for _ in range(2):
        run(agent, "payment", "record_return", payment, **typed)
    refused = run(agent, "payment", "record_return", payment, **(typed | {"bank_reference": "B-2"}))

    assert Return.objects.get().amount == 121_00
    assert Invoice.objects.get().state == InvoiceState.OPEN
    assert "not as much left" in refused


def test_a_dispute_is_looked_at_and_answered(sandbox, agent):
    payment, at = prepaid(sandbox)
    found = sandbox.open_dispute(payment.gateway_reference)
    disputes.follow(payment, found, at=at)

    run(agent, "dispute", "answer", Dispute.objects.get(), answer="Delivered.")
    sandbox.decide_dispute(found.reference, "won")
    run(agent, "dispute", "look_again", Dispute.objects.get())

    assert Dispute.objects.get().state == "won"
