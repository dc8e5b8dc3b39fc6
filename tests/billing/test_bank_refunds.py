"""Credit that goes back by bank: to a checked account, by two people, and ended by the bank's reference."""

from __future__ import annotations

import pytest
from django.db import IntegrityError

from billing import bank_refunds, books, refunds
from billing.bank_refunds import InvalidIban, NoReference, NotByBank, SamePerson
from billing.models import EntryKind, Event, LedgerEntry, Payment, Refund, StaffTask
from billing.refundable import CreditHasChanged
from billing.states import InvalidTransition, RefundState
from tests.billing.test_refunds import prepaid
from tests.factories import UserFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("money_ok")]

IBAN = "NL91 ABNA 0417 1643 00"


def asked_for(sandbox, amount: int = 50_00, **changes):
    payment, at = prepaid(sandbox)
    how = {"iban": IBAN, "account_holder": "Contoso B.V.", "reason": "card is gone", "by": UserFactory()} | changes
    return bank_refunds.request(payment, amount, at=at, **how), at


def test_it_waits_for_a_second_person_with_its_credit_set_aside(sandbox):
    refund, at = asked_for(sandbox)

    assert (refund.state, refund.iban) == (RefundState.REQUESTED, "NL91ABNA0417164300")
    assert Payment.objects.get().unapplied == 0
    assert StaffTask.objects.get().kind == "refund_by_bank"
    assert books.check(at=at) == []


@pytest.mark.parametrize("iban", ["", "NL91 ABNA 0417 1643 01", "NL91ABNA04171643", "0417164300", "XX00"])
def test_a_wrong_account_number_is_refused(sandbox, iban: str):
    with pytest.raises(InvalidIban):
        asked_for(sandbox, iban=iban)

    assert not Refund.objects.exists()


def test_an_account_without_a_holder_is_refused_by_the_table(sandbox):
    with pytest.raises(IntegrityError):
        asked_for(sandbox, account_holder=" ")


def test_who_asked_cannot_approve(sandbox):
    refund, at = asked_for(sandbox)

    with pytest.raises(SamePerson):
        bank_refunds.approve(refund, by=refund.requested_by, at=at)

    assert Refund.objects.get().state == RefundState.REQUESTED


def test_approved_and_paid_it_is_over(sandbox):
    refund, at = asked_for(sandbox)
    approver = UserFactory()

    bank_refunds.approve(refund, by=approver, at=at)
    paid = bank_refunds.paid_out(refund, bank_reference="B-1", by=approver, at=at)

    assert (paid.state, paid.bank_reference, paid.approved_by) == (RefundState.SUCCEEDED, "B-1", approver)
    assert not sandbox.refunds()
    assert not StaffTask.objects.filter(done_at=None).exists()
    assert Event.objects.filter(type__startswith="refund.").count() == 3


def test_it_is_not_paid_before_it_is_approved(sandbox):
    refund, at = asked_for(sandbox)

    with pytest.raises(InvalidTransition):
        bank_refunds.paid_out(refund, bank_reference="B-1", by=UserFactory(), at=at)


def test_it_is_not_paid_without_a_reference_nor_twice(sandbox):
    refund, at = asked_for(sandbox)
    by = UserFactory()
    bank_refunds.approve(refund, by=by, at=at)
    with pytest.raises(NoReference):
        bank_refunds.paid_out(refund, bank_reference=" ", by=by, at=at)
    bank_refunds.paid_out(refund, bank_reference="B-1", by=by, at=at)

    with pytest.raises(InvalidTransition):
        bank_refunds.paid_out(refund, bank_reference="B-2", by=by, at=at)

    assert Refund.objects.get().bank_reference == "B-1"


@pytest.mark.parametrize("end", [bank_refunds.reject, bank_refunds.not_payable])
def test_what_is_not_paid_is_credit_again(sandbox, end):
    refund, at = asked_for(sandbox)
    by = UserFactory()
    if end is bank_refunds.not_payable:
        bank_refunds.approve(refund, by=by, at=at)

    end(refund, by=by, at=at)

    assert Payment.objects.get().unapplied == 50_00
    assert list(LedgerEntry.objects.filter(kind=EntryKind.REFUND_FAILED).values_list("amount", flat=True)) == [-50_00]
    assert not StaffTask.objects.filter(done_at=None).exists()


def test_asked_for_twice_at_the_same_sight_it_is_set_aside_once(sandbox):
    payment, at = prepaid(sandbox)
    seen = Payment.objects.get()
    how = {"iban": IBAN, "account_holder": "Contoso B.V.", "reason": "", "by": UserFactory(), "at": at}

    bank_refunds.request(payment, 20_00, **how)
    with pytest.raises(CreditHasChanged):
        bank_refunds.request(seen, 20_00, **how)

    assert Refund.objects.count() == 1


def test_a_refund_to_a_card_is_not_paid_by_hand(sandbox):
    payment, at = prepaid(sandbox)
    (refund,) = refunds.request(payment, 50_00, reason="", by=UserFactory(), at=at)

    with pytest.raises(NotByBank):
        bank_refunds.paid_out(refund, bank_reference="B-1", by=UserFactory(), at=at)


def test_the_gateway_is_never_asked_about_it(sandbox):
    refund, at = asked_for(sandbox)
    bank_refunds.approve(refund, by=UserFactory(), at=at)

    counts = refunds.run(at=at)

    assert not counts
    assert Refund.objects.get().state == RefundState.PENDING


def test_without_a_task_the_books_say_that_nobody_looks(sandbox):
    _, at = asked_for(sandbox)
    StaffTask.objects.update(done_at=at)

    assert [line[:9] for line in books.check(at=at)] == ["I6 refund"]
