"""A payment without an answer is being checked: never concluded upon, never charged twice, never forgotten."""

from __future__ import annotations

from datetime import timedelta

import pytest

from billing import books, charging, clock, quotes, reconciling, settling
from billing.gateways.sandbox import Fault
from billing.models import Event, Invoice, Payment, PaymentMethod, Refund, SettlementPurpose, StaffTask
from billing.states import InvoiceState, PaymentState
from tests.billing.acting import asked_when_begun, owing
from tests.factories import MONDAY, PaymentMethodFactory, UserFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("money_ok")]


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


def collected(service, sandbox, fault: Fault, times: int = 1):
    """Charge with a fault waiting, at noon on Monday, and return the moment."""
    at = service.account.moment(MONDAY, 12)
    sandbox.clock = lambda: at
    sandbox.inject(fault, times=times)
    charging.collect(at=at)
    return at


def test_no_answer_is_neither_paid_nor_failed(sandbox):
    service = owing("good")

    at = collected(service, sandbox, Fault.HANG)

    payment = Payment.objects.get()
    service.refresh_from_db()
    assert payment.state == PaymentState.UNKNOWN
    assert payment.next_action_at == at + timedelta(seconds=30)
    assert Invoice.objects.get().state == InvoiceState.OPEN
    assert service.state == "active"
    assert not Event.objects.filter(type="payment.failed").exists()
    assert Event.objects.filter(type="payment.unknown").count() == 1


def test_a_charge_whose_answer_was_lost_is_found(sandbox):
    service = owing("good")
    at = collected(service, sandbox, Fault.DROP_AFTER)

    counts = reconciling.run(at=at + minutes(1))

    assert counts == {"decided": 1}
    assert Invoice.objects.get().state == InvoiceState.PAID
    assert len(sandbox.charges()) == 1


def test_a_charge_that_is_not_there_yet_is_not_sent_again_before_it_could_have_arrived(sandbox):
    service = owing("good")
    at = collected(service, sandbox, Fault.HANG)

    counts = reconciling.run(at=at + minutes(14))

    assert counts == {"undecided": 1}
    assert not sandbox.charges()


def test_a_charge_that_never_arrived_is_sent_again_with_its_key(sandbox):
    service = owing("good")
    at = collected(service, sandbox, Fault.HANG)

    reconciling.run(at=at + minutes(15))

    payment = Payment.objects.get()
    assert payment.state == PaymentState.SUCCEEDED
    assert [charge.idempotency_key for charge in sandbox.charges()] == [payment.idempotency_key]


def test_a_request_that_arrives_late_is_charged_once(sandbox):
    service = owing("good")
    at = collected(service, sandbox, Fault.ARRIVES_LATE)
    reconciling.run(at=at + minutes(1))
    sandbox.clock = lambda: at + minutes(20)

    reconciling.run(at=at + minutes(20))

    assert Payment.objects.get().state == PaymentState.SUCCEEDED
    assert len(sandbox.charges()) == 1


def test_a_saved_error_does_not_hide_the_charge(sandbox):
    service = owing("good")
    at = collected(service, sandbox, Fault.SAVED_ERROR)

    reconciling.run(at=at + minutes(1))

    assert Payment.objects.get().state == PaymentState.SUCCEEDED
    assert len(sandbox.charges()) == 1


def test_a_key_that_the_gateway_may_have_forgotten_is_not_sent_again(sandbox):
    service = owing("good")
    at = collected(service, sandbox, Fault.HANG)
    asked_when_begun()

    reconciling.run(at=at + timedelta(hours=23))

    assert Payment.objects.get().state == PaymentState.UNKNOWN
    assert not sandbox.charges()
    assert StaffTask.objects.get().kind == "payment_unknown"


def test_staff_hear_of_a_payment_that_is_unknown_for_an_hour(sandbox):
    service = owing("times_out")
    at = collected(service, sandbox, Fault.HANG)
    asked_when_begun()

    reconciling.run(at=at + minutes(59))
    told_before = StaffTask.objects.exists()
    reconciling.run(at=at + minutes(90))

    assert not told_before
    assert StaffTask.objects.get().payment == Payment.objects.get()


def test_a_gateway_that_cannot_be_asked_changes_nothing(sandbox):
    service = owing("good")
    at = collected(service, sandbox, Fault.HANG)
    sandbox.inject(Fault.UNAVAILABLE, operation="look_up")

    counts = reconciling.run(at=at + minutes(20))

    payment = Payment.objects.get()
    assert counts == {"undecided": 1}
    assert payment.state == PaymentState.UNKNOWN
    assert payment.next_action_at > at + minutes(20)
    assert not sandbox.charges()


def test_an_unknown_payment_keeps_the_next_try_away(sandbox):
    service = owing("times_out")
    at = collected(service, sandbox, Fault.HANG)

    charging.collect(at=at + timedelta(days=1))

    assert Payment.objects.count() == 1


@pytest.mark.parametrize("card", ["times_out", "late_failure", "three_d_secure"])
def test_after_a_week_it_is_the_staff_s_and_no_longer_asked_about(sandbox, card: str):
    service = owing(card)
    at = service.account.moment(MONDAY, 12)
    sandbox.clock = lambda: at
    charging.collect(at=at)

    while (payment := Payment.objects.get()).next_action_at:
        reconciling.run(at=payment.next_action_at)

    assert payment.state in ("unknown", "pending", "requires_action")
    assert StaffTask.objects.get().kind == "payment_unknown"
    assert 30 < payment.checks < 45
    assert not [line for line in books.check(at=at + timedelta(days=7)) if "payment" in line]


def test_another_way_to_pay_is_open_after_an_hour_and_the_first_is_never_sent_again(sandbox):
    service = owing("good")
    account, by = service.account, UserFactory()
    at = collected(service, sandbox, Fault.HANG)
    other_card = PaymentMethodFactory(account=account, card="good_mastercard", is_default=False)
    asked_when_begun()
    later = at + minutes(61)
    digest = quotes.quote(account, at=later).digest
    settlement = settling.consent(account, purpose=SettlementPurpose.PAY, digest=digest, by=by, at=later)

    settling.settle(settlement, method=other_card, by=by, at=later)
    reconciling.run(at=at + timedelta(hours=2))

    first = Payment.objects.get(payment_method=PaymentMethod.objects.get(is_default=True))
    assert first.state == PaymentState.UNKNOWN
    assert len(sandbox.charges()) == 1


@pytest.mark.parametrize("others_end", ["succeeded", "failed"])
def test_a_superseded_payment_that_succeeded_after_all(sandbox, others_end: str):
    service = owing("lost_answer")
    account, by = service.account, UserFactory()
    at = account.moment(MONDAY, 12)
    charging.collect(at=at)
    card = PaymentMethodFactory(
        account=account, card="good" if others_end == "succeeded" else "do_not_honour", is_default=False
    )
    asked_when_begun()
    later = at + minutes(61)
    digest = quotes.quote(account, at=later).digest
    settlement = settling.consent(account, purpose=SettlementPurpose.PAY, digest=digest, by=by, at=later)
    settling.settle(settlement, method=card, by=by, at=later)

    reconciling.run(at=at + timedelta(hours=2))

    first, second = Payment.objects.order_by("pk")
    assert (first.state, second.state) == (PaymentState.SUCCEEDED, others_end)
    assert Invoice.objects.get().state == InvoiceState.PAID
    assert (first.unapplied, second.unapplied) == (0, 0)
    reconciling.run(at=at + timedelta(hours=3))
    back = [(refund.amount, refund.state, refund.through_id) for refund in Refund.objects.all()]
    assert back == ([(121_00, "succeeded", first.pk)] if others_end == "succeeded" else [])
    assert not StaffTask.objects.filter(kind="double_charge").exists()


def test_a_double_goes_back_whichever_of_the_two_is_late(sandbox):
    service = owing("lost_answer")
    account, by = service.account, UserFactory()
    at = account.moment(MONDAY, 12)
    charging.collect(at=at)
    card = PaymentMethodFactory(account=account, card="lost_answer", is_default=False)
    asked_when_begun()
    later = at + minutes(61)
    digest = quotes.quote(account, at=later).digest
    settlement = settling.consent(account, purpose=SettlementPurpose.PAY, digest=digest, by=by, at=later)
    settling.settle(settlement, method=card, by=by, at=later)
    first, second = Payment.objects.order_by("pk")

    charging.check(first, at=later + minutes(1))
    charging.check(second, at=later + minutes(2))

    assert Payment.objects.get(pk=second.pk).unapplied == 0
    refund = Refund.objects.get()
    assert (refund.payment, refund.amount, refund.state) == (second, 121_00, "pending")
    reconciling.run(at=later + minutes(4))
    assert [record.charge for record in sandbox.refunds()] == [refund.through.gateway_reference]


def test_a_run_for_a_day_gone_by_does_not_make_a_charge_old(sandbox):
    service = owing("good")
    at = collected(service, sandbox, Fault.HANG)

    with pytest.raises(quotes.NothingDue):
        quotes.quote(service.account, at=clock.now())

    assert Payment.objects.get().is_in_the_way(at=at + timedelta(days=1))


def test_looking_for_oneself_makes_the_next_check_no_rarer(sandbox):
    service = owing("times_out")
    at = collected(service, sandbox, Fault.HANG)

    for seconds in range(6):
        charging.check(Payment.objects.get(), at=at + timedelta(seconds=seconds))

    assert Payment.objects.get().next_action_at == at + timedelta(seconds=35)


class TestNeverCharged:
    """Staff end a payment that the gateway will never answer for."""

    def test_it_holds_nothing_back_any_more(self, sandbox):
        service = owing("times_out")
        at = collected(service, sandbox, Fault.HANG)
        asked_when_begun()
        by = UserFactory()

        ended = charging.give_up(Payment.objects.get(), by=by, at=at + timedelta(days=2))

        assert ended.state == PaymentState.CANCELED
        event = Event.objects.get(type="payment.canceled")
        assert (event.actor, event.codes["reason"]) == (by, "never_charged")
        assert Payment.objects.undecided().count() == 0
        service.refresh_from_db()
        assert service.state == "past_due"

    def test_the_gateway_s_answer_goes_before_their_word(self, sandbox):
        service = owing("good")
        at = collected(service, sandbox, Fault.DROP_AFTER)
        asked_when_begun()

        ended = charging.give_up(Payment.objects.get(), by=UserFactory(), at=at + timedelta(days=2))

        assert ended.state == PaymentState.SUCCEEDED

    def test_not_while_the_charge_may_still_arrive(self, sandbox):
        service = owing("good")
        at = collected(service, sandbox, Fault.HANG)
        asked_when_begun()

        with pytest.raises(charging.MayStillArrive):
            charging.give_up(Payment.objects.get(), by=UserFactory(), at=at + minutes(14))

        assert Payment.objects.get().state == PaymentState.UNKNOWN
