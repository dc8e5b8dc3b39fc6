"""An invoice's page says in plain words what became of money that had paid it."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.urls import reverse

from billing import bank_refunds, disputes, refunds, returns
from billing.gateways.sandbox import Fault
from billing.models import Invoice, Membership, Payment, Role
from tests.billing.test_refunds import prepaid
from tests.factories import UserFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("money_ok")]


def rows(payment: Payment) -> list[str]:
    """Return the notes of the list of payments, as the account's own person reads them."""
    user = UserFactory()
    Membership.objects.create(user=user, account=payment.account, role=Role.VIEWER)
    client = Client()
    client.force_login(user)
    invoice = Invoice.objects.get()
    page = client.get(reverse("invoice", args=[payment.account.reference, invoice.reference])).content.decode()
    section = page.split('id="payments"')[1].split("</ul>")[0]
    return [re.sub(r"<[^>]+>", "", note).strip() for note in re.findall(r'row-note">(.*?)</span>', section)]


def test_a_refund_says_to_which_card(sandbox):
    payment, at = prepaid(sandbox)
    refunds.request(payment, 50_00, reason="", by=None, at=at)

    assert rows(payment)[1:] == ["Paid back to Visa •••• 4242"]


def test_a_refund_without_an_answer_is_on_its_way(sandbox):
    payment, at = prepaid(sandbox)
    sandbox.inject(Fault.HANG, operation="refund")
    refunds.request(payment, 50_00, reason="", by=None, at=at)

    assert rows(payment)[1:] == ["On its way back"]


def test_a_refund_by_bank_is_paid_back_when_it_is_paid(sandbox):
    payment, at = prepaid(sandbox)
    how = {"iban": "NL91ABNA0417164300", "account_holder": "Contoso", "reason": "", "by": UserFactory(), "at": at}
    refund = bank_refunds.request(payment, 50_00, **how)
    before = rows(payment)
    by = UserFactory()
    bank_refunds.approve(refund, by=by, at=at)
    bank_refunds.paid_out(refund, bank_reference="B", by=by, at=at)

    assert before[1:] == ["On its way back"]
    assert rows(payment)[1:] == ["Paid back by bank transfer"]


def test_a_return_is_taken_back_by_the_bank(sandbox):
    payment, at = prepaid(sandbox, amount=121_00)
    returns.record_return(payment, 121_00, bank_reference="B", at=at)

    assert rows(payment)[-1] == "Taken back by the bank"


@pytest.mark.parametrize(
    ("decision", "words"),
    [
        (None, "Disputed with the bank; not decided yet"),
        ("won", "Disputed with the bank; it stays paid"),
        ("lost", "Disputed with the bank, which gave it back"),
    ],
)
def test_a_dispute_says_how_it_stands(sandbox, decision, words: str):
    payment, at = prepaid(sandbox, amount=121_00)
    found = sandbox.open_dispute(payment.gateway_reference)
    if decision:
        found = sandbox.decide_dispute(found.reference, decision)
    disputes.follow(payment, found, at=at)

    assert rows(payment)[-1] == words
