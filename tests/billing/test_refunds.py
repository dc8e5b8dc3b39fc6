"""Credit goes back to the card it came from: once, and only what is nobody's but the customer's."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import transaction

from billing import applying, books, charging, disputes, ledger, reconciling, refundable, refunds
from billing.applying import NotEnoughCredit
from billing.gateways.base import DisputeStatus
from billing.gateways.sandbox import Fault
from billing.models import (
    CreditNote,
    EntryKind,
    Event,
    Invoice,
    LedgerEntry,
    Payment,
    PaymentMethod,
    Refund,
    StaffTask,
)
from billing.refundable import CreditHasChanged, NotRefundable
from billing.states import InvoiceState, RefundState
from tests.billing.acting import owing, together
from tests.factories import MONDAY, InvoiceFactory, PaymentMethodFactory, UserFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("money_ok")]


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


def prepaid(sandbox, amount: int = 171_00, **service):
    """Pay more than is due with a card, at noon on Monday: what is left was meant to be."""
    subscription = owing(**service)
    at = subscription.account.moment(MONDAY, 12)
    sandbox.clock = lambda: at
    return charged(subscription, amount, at=at), at


def charged(service, amount: int, *, at, card: PaymentMethod | None = None) -> Payment:
    payment = Payment.objects.create(
        account=service.account,
        seller=service.seller,
        payment_method=card or PaymentMethod.objects.filter(account=service.account).first(),
        amount=amount,
        currency=service.currency,
        trigger="customer",
        gateway="sandbox",
        gateway_account="main",
        created_at=at,
    )
    charging.settle(payment, charging.ask(payment), at=at)
    return Payment.objects.get(pk=payment.pk)


def credited(payment: Payment, total: int, *, at) -> CreditNote:
    """Credit the paid invoice: all of the note is unapplied."""
    note = CreditNote.objects.create(
        account=payment.account,
        seller=payment.seller,
        invoice=Invoice.objects.get(),
        number=f"C{CreditNote.objects.count()}",
        currency=payment.currency,
        net=total,
        tax=0,
        total=total,
        tax_currency="EUR",
        unapplied=total,
        reason="goodwill",
        issued_on=MONDAY,
        created_at=at,
    )
    ledger.post(EntryKind.CREDIT_NOTE, note, amount=-total, at=at)
    return note


def give_back(credit, amount: int, *, at) -> list[Refund]:
    return refunds.request(credit, amount, reason="asked for", by=UserFactory(), at=at)


def amounts(kind: EntryKind) -> list[int]:
    return list(LedgerEntry.objects.filter(kind=kind).values_list("amount", flat=True))


def test_unapplied_money_goes_back_to_the_card(sandbox):
    payment, at = prepaid(sandbox)

    (refund,) = give_back(payment, 50_00, at=at)

    assert (refund.state, refund.settled_at) == (RefundState.SUCCEEDED, at)
    assert [(r.charge, r.amount) for r in sandbox.refunds()] == [(payment.gateway_reference, 50_00)]
    assert amounts(EntryKind.REFUND) == [50_00]
    assert Payment.objects.get().unapplied == 0
    assert Invoice.objects.get().state == InvoiceState.PAID
    assert list(Event.objects.filter(type__startswith="refund.").order_by("pk").values_list("type", flat=True)) == [
        "refund.requested",
        "refund.succeeded",
    ]


@pytest.mark.parametrize("amount", [0, -1, 50_01, 171_00])
def test_no_more_than_the_credit_goes_back(sandbox, amount: int):
    payment, at = prepaid(sandbox)

    with pytest.raises(NotEnoughCredit):
        give_back(payment, amount, at=at)

    assert not Refund.objects.exists()
    assert not sandbox.refunds()


def test_a_part_can_go_back_and_the_rest_later(sandbox):
    payment, at = prepaid(sandbox)

    give_back(payment, 20_00, at=at)
    give_back(Payment.objects.get(), 30_00, at=at)

    assert [record.amount for record in sandbox.refunds()] == [20_00, 30_00]


def test_decided_on_twice_at_the_same_sight_it_goes_back_once(sandbox):
    payment, at = prepaid(sandbox)
    seen = Payment.objects.get()

    give_back(payment, 20_00, at=at)
    with pytest.raises(CreditHasChanged):
        give_back(seen, 20_00, at=at)

    assert [record.amount for record in sandbox.refunds()] == [20_00]


@pytest.mark.django_db(transaction=True)
def test_two_processes_give_back_once(sandbox):
    payment, at = prepaid(sandbox)
    by = UserFactory()

    def act():
        return refunds.request(payment, 20_00, reason="asked for", by=by, at=at)

    results = together(*[act] * 4)

    assert sum(isinstance(result, CreditHasChanged) for result in results) == 3
    assert [record.amount for record in sandbox.refunds()] == [20_00]


@pytest.mark.django_db(transaction=True)
def test_asked_about_by_two_jobs_at_once_it_goes_back_once(sandbox):
    payment, at = prepaid(sandbox)
    refunds.begin(payment, 20_00, reason="", by=None, at=at)

    together(*[lambda: refunds.run(at=at + minutes(1))] * 4)

    assert [record.amount for record in sandbox.refunds()] == [20_00]
    assert Event.objects.filter(type="refund.succeeded").count() == 1


def test_what_paid_an_invoice_does_not_go_back_unless_it_is_freed(sandbox):
    payment, at = prepaid(sandbox, amount=121_00)
    with pytest.raises(NotEnoughCredit):
        give_back(payment, 121_00, at=at)

    refunds.free_and_request(payment, Invoice.objects.get(), reason="asked for", by=UserFactory(), at=at)

    invoice = Invoice.objects.get()
    assert (invoice.state, invoice.amount_due) == (InvoiceState.OPEN, 121_00)
    assert [record.amount for record in sandbox.refunds()] == [121_00]
    assert Event.objects.filter(type="invoice.reopened").count() == 1


def test_what_is_freed_is_not_charged_again_by_itself(sandbox):
    payment, at = prepaid(sandbox, amount=121_00)
    refunds.free_and_request(payment, Invoice.objects.get(), reason="asked for", by=UserFactory(), at=at)

    charging.collect(at=at + timedelta(days=1))

    assert len(sandbox.charges()) == 1


def test_a_credit_note_goes_back_through_what_paid_its_invoice_the_newest_first(sandbox):
    service = owing()
    at = service.account.moment(MONDAY, 12)
    first = charged(service, 100_00, at=at)
    second = charged(service, 21_00, at=at + minutes(1))
    note = credited(first, 60_00, at=at + minutes(2))

    made = give_back(note, 60_00, at=at + minutes(3))

    assert [(refund.through, refund.amount) for refund in made] == [(second, 21_00), (first, 39_00)]
    assert {refund.credit_note for refund in made} == {note}
    assert CreditNote.objects.get().unapplied == 0


def test_no_charge_gives_back_more_than_it_took(sandbox):
    payment, at = prepaid(sandbox, amount=121_00)
    give_back(credited(payment, 100_00, at=at), 100_00, at=at)
    more = credited(payment, 50_00, at=at)

    with pytest.raises(NotRefundable) as refused:
        give_back(more, 50_00, at=at)

    assert refused.value.amount == 21_00
    assert CreditNote.objects.get(pk=more.pk).unapplied == 50_00


def test_a_disputed_charge_gives_nothing_back(sandbox):
    payment, at = prepaid(sandbox)
    found = sandbox.open_dispute(payment.gateway_reference)
    disputes.follow(payment, found, at=at)

    with pytest.raises(NotRefundable):
        give_back(payment, 50_00, at=at)

    assert found.status == DisputeStatus.NEEDS_RESPONSE


def test_one_currency_s_credit_is_no_other_s(sandbox):
    payment, at = prepaid(sandbox, amount=171_00, plan__currency="JPY")

    (refund,) = give_back(payment, 50_00, at=at)

    assert (refund.currency, sandbox.refunds()[0].currency) == ("JPY", "JPY")


def spent_elsewhere(payment: Payment) -> None:
    """Let the gateway have given all of a charge back without us."""
    refunds.get_gateway("sandbox").refund(
        gateway_account="main",
        reference=payment.gateway_reference,
        idempotency_key="by hand",
        amount=payment.amount,
        currency=payment.currency,
    )


@pytest.mark.usefixtures("sandbox")
class TestRefused:
    """The gateway says no: the credit comes back. Its record holds a refund of staff's own, which is told."""

    @pytest.fixture
    def money_ok(self) -> None:
        """The gateway's record differs on purpose."""

    def test_the_credit_comes_back_and_staff_are_asked(self, sandbox):
        payment, at = prepaid(sandbox)
        spent_elsewhere(payment)

        (refund,) = give_back(payment, 50_00, at=at)

        assert refund.state == RefundState.FAILED
        assert Payment.objects.get().unapplied == 50_00
        assert amounts(EntryKind.REFUND_FAILED) == [-50_00]
        assert StaffTask.objects.get().kind == "refund_failed"
        assert Event.objects.filter(type="refund.failed").count() == 1
        assert books.check(at=at) == []

    def test_the_foreign_refund_is_a_difference(self, sandbox):
        payment, at = prepaid(sandbox)
        spent_elsewhere(payment)

        differences = [reconciling.compare(at=at, since=at - timedelta(days=1)) for _ in range(2)]

        assert [len(lines) for lines in differences] == [1, 1]
        assert "is not a refund of ours" in differences[0][0]
        assert StaffTask.objects.get().kind == "refund_unexplained"

    def test_a_refund_of_ours_that_is_not_theirs_is_told(self, sandbox):
        payment, at = prepaid(sandbox)
        give_back(payment, 50_00, at=at)
        Refund.objects.update(idempotency_key="another")

        differences = reconciling.compare(at=at, since=at - timedelta(days=1))

        assert any("is not a refund of theirs" in line for line in differences)
        assert "refund_missing" in {task.kind for task in StaffTask.objects.all()}

    def test_a_double_that_cannot_go_back_is_put_before_staff(self, sandbox):
        payment, at = prepaid(sandbox)
        with transaction.atomic():
            refund = refundable.give_back_double(payment, at=at)
        spent_elsewhere(payment)

        reconciling.run(at=at + minutes(1))

        refund.refresh_from_db()
        assert refund.state == RefundState.FAILED
        assert StaffTask.objects.get(kind="double_charge").payment == payment


def test_a_refund_that_is_both_theirs_and_ours_is_no_difference(sandbox):
    payment, at = prepaid(sandbox)
    give_back(payment, 50_00, at=at)

    assert reconciling.compare(at=at, since=at - timedelta(days=1)) == []


def test_a_prepayment_is_never_given_back_by_itself(sandbox):
    _, at = prepaid(sandbox)

    reconciling.run(at=at + timedelta(days=1))

    assert Payment.objects.get().unapplied == 50_00
    assert not Refund.objects.exists()


def test_credit_that_is_kept_stays_and_is_told(sandbox):
    payment, at = prepaid(sandbox)
    by = UserFactory()

    refunds.keep(payment, reason="for next month", by=by, at=at)

    assert Payment.objects.get().unapplied == 50_00
    assert Event.objects.get(type="credit.kept").actor == by


def test_set_aside_credit_pays_no_invoice(sandbox):
    payment, at = prepaid(sandbox)
    refunds.begin(payment, 50_00, reason="", by=None, at=at)

    InvoiceFactory(account=payment.account, seller=payment.seller, issued=MONDAY)
    with transaction.atomic():
        applying.apply_credit(payment.account, at=at)

    assert Invoice.objects.open().get().amount_paid == 0


@pytest.mark.parametrize("fault", sorted(set(Fault) - {Fault.ARRIVES_LATE}))
def test_whatever_the_gateway_answers_the_money_goes_back_once(sandbox, fault: Fault):
    payment, at = prepaid(sandbox)
    sandbox.inject(fault, operation="refund")

    (refund,) = give_back(payment, 50_00, at=at)
    claimed = refund.state
    for wait in (1, 3, 20):
        reconciling.run(at=at + minutes(wait))

    assert claimed in (RefundState.UNKNOWN, RefundState.SUCCEEDED)
    assert [record.amount for record in sandbox.refunds()] == [50_00]
    assert Refund.objects.get().state == RefundState.SUCCEEDED
    assert Event.objects.filter(type="refund.succeeded").count() == 1


def test_a_refund_without_an_answer_is_asked_about_on_the_ladder_and_ends_with_staff(sandbox):
    payment, at = prepaid(sandbox)
    sandbox.inject(Fault.HANG, operation="refund", times=100)
    sandbox.inject(Fault.UNAVAILABLE, operation="look_up_refund", times=100)
    (refund,) = give_back(payment, 50_00, at=at)
    first = refund.next_action_at

    while (refund := Refund.objects.get()).next_action_at:
        reconciling.run(at=refund.next_action_at)

    assert first == at + timedelta(seconds=30)
    assert refund.state == RefundState.UNKNOWN
    assert 30 < refund.checks < 45
    assert StaffTask.objects.get().kind == "refund_unknown"
    assert books.check(at=at + timedelta(days=9)) == []


def test_a_key_that_the_gateway_may_have_forgotten_is_not_sent_again(sandbox):
    payment, at = prepaid(sandbox)
    sandbox.inject(Fault.HANG, operation="refund")
    give_back(payment, 50_00, at=at)

    reconciling.run(at=at + timedelta(hours=23))

    assert not sandbox.refunds()
    assert Refund.objects.get().state == RefundState.UNKNOWN


def test_a_refund_that_was_never_asked_for_is_asked_for_however_late_the_job(sandbox):
    payment, at = prepaid(sandbox)
    refunds.begin(payment, 50_00, reason="", by=None, at=at)

    counts = reconciling.run(at=at + timedelta(days=3))

    assert counts["refunded"] == 1
    assert [record.amount for record in sandbox.refunds()] == [50_00]


def test_staff_end_what_was_never_paid_but_not_while_it_may_arrive(sandbox):
    payment, at = prepaid(sandbox)
    sandbox.inject(Fault.HANG, operation="refund", times=2)
    (refund,) = give_back(payment, 50_00, at=at)
    by = UserFactory()
    with pytest.raises(charging.MayStillArrive):
        refunds.give_up(refund, by=by, at=at + minutes(14))

    ended = refunds.give_up(refund, by=by, at=at + timedelta(days=2))

    assert ended.state == RefundState.FAILED
    assert Payment.objects.get().unapplied == 50_00
    assert Event.objects.get(type="refund.failed").actor == by


def test_the_gateway_s_word_goes_before_staff_s(sandbox):
    payment, at = prepaid(sandbox)
    sandbox.inject(Fault.DROP_AFTER, operation="refund")
    (refund,) = give_back(payment, 50_00, at=at)

    ended = refunds.give_up(refund, by=UserFactory(), at=at + timedelta(days=2))

    assert ended.state == RefundState.SUCCEEDED


def test_a_second_card_s_refund_goes_to_that_card(sandbox):
    payment, at = prepaid(sandbox, amount=100_00)
    other = PaymentMethodFactory(account=payment.account, card="good_mastercard", is_default=False)
    service = payment.account.subscriptions.get()
    second = charged(service, 71_00, at=at + minutes(1), card=other)

    (refund,) = give_back(second, 50_00, at=at + minutes(2))

    assert refund.through.payment_method == other


def test_set_aside_and_put_back_leave_the_ledger_as_it_was(sandbox):
    payment, at = prepaid(sandbox)
    (refund,) = refunds.begin(payment, 50_00, reason="", by=None, at=at)
    before = sum(LedgerEntry.objects.values_list("amount", flat=True)) - 50_00

    with transaction.atomic():
        refunds.fail(refund, at=at)

    assert sum(LedgerEntry.objects.values_list("amount", flat=True)) == before == -50_00
