"""What others have shipped and must not happen here; ``docs/reliability.md`` says where it happened."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse

from billing import cards, charging, clock, quotes, reconciling, settling, webhooks
from billing.gateways.base import Outcome, Status
from billing.gateways.sandbox import Fault
from billing.models import CardVisit, Event, Membership, Payment, PaymentMethod, SettlementPurpose, StaffTask
from billing.states import PaymentState
from notifications import delivery
from notifications.models import Delivery
from tests.billing.acting import answer, owing, submit_card, together
from tests.factories import MembershipFactory
from tests.faults import dying
from tests.portal.conftest import browser

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("money_ok")]


def member(card: str = "good") -> Membership:
    """Someone whose account owes one invoice, with a card on file."""
    return MembershipFactory(account=owing(card).account)


def consent(person: Membership, purpose: str = SettlementPurpose.PAY):
    at = clock.now()
    digest = quotes.quote(person.account, at=at).digest
    return settling.consent(person.account, purpose=purpose, digest=digest, by=person.user, at=at)


def approved(sandbox) -> Payment:
    """A payment that the gateway has taken and we have not heard of."""
    owing("three_d_secure")
    charging.collect(at=clock.now())
    payment = Payment.objects.get()
    answer(sandbox, payment, "approve")
    return payment


def receipts() -> int:
    return Event.objects.filter(type="payment.succeeded").count()


def test_return_page_and_webhook_at_once_do_not_mail_twice(sandbox):
    person = member("do_not_honour")
    at = clock.now()
    visit = cards.start(
        person.account, settlement=consent(person, SettlementPurpose.SAVE_AND_PAY), by=person.user, at=at
    )
    submit_card(sandbox, visit, "good")
    for webhook in sandbox.webhooks():
        webhooks.receive("sandbox", body=webhook.body, headers=webhook.headers, at=at)

    together(
        lambda: cards.finish(CardVisit.objects.get(), at=at),
        lambda: webhooks.process_waiting(at=at),
        lambda: reconciling.run(at=at + timedelta(minutes=5)),
    )
    together(lambda: delivery.run(at=at), lambda: delivery.run(at=at))

    assert receipts() == 1
    assert Delivery.objects.filter(event__type="payment.succeeded").count() == 1


def test_two_confirmations_of_one_payment_do_not_make_two_receipts(sandbox):
    payment = approved(sandbox)
    at = clock.now()

    together(*[lambda: charging.check(payment, at=at)] * 5)

    assert receipts() == 1


def test_a_later_call_that_times_out_does_not_undo_a_charge_or_make_another(sandbox):
    service = owing("good")
    at = service.account.moment(service.started_on, 12)
    sandbox.inject(Fault.HANG, operation="look_up", times=5)
    charging.collect(at=at)

    for hours in range(1, 30):
        reconciling.run(at=at + timedelta(hours=hours))
        charging.collect(at=at + timedelta(hours=hours))

    assert [payment.state for payment in Payment.objects.all()] == [PaymentState.SUCCEEDED]
    assert len(sandbox.charges()) == 1


def test_an_error_after_the_confirmation_does_not_call_it_failed(sandbox):
    charging.check(approved(sandbox), at=clock.now())
    payment = Payment.objects.get()

    charging.settle(payment, Outcome(Status.FAILED, decline_code="processing_error"), at=clock.now())
    charging.collect(at=clock.now() + timedelta(days=1))

    assert Payment.objects.get().state == PaymentState.SUCCEEDED
    assert len(sandbox.charges()) == 1


def test_looking_at_a_page_does_not_begin_a_second_charge(sandbox):
    person = member("lost_answer")
    settlement = consent(person)
    settling.settle(settlement, method=PaymentMethod.objects.get(), by=person.user, at=clock.now())
    reader = browser(person.user)
    account = person.account.reference

    for _ in range(3):
        for page in ("overview", "settle"):
            reader.get(reverse(page, args=[account]))
        for page in ("settlement", "settlement_result"):
            reader.get(reverse(page, args=[account, settlement.reference]), follow=True)

    assert Payment.objects.count() == len(sandbox.charges()) == 1


def test_who_has_paid_is_not_told_that_it_failed_and_cannot_pay_again(sandbox):
    person = member()
    settlement, again = consent(person), consent(person)
    card = PaymentMethod.objects.get()
    sandbox.inject(Fault.ERROR_AFTER)
    sandbox.inject(Fault.HANG, operation="look_up", times=9)

    settling.settle(settlement, method=card, by=person.user, at=clock.now())
    page = browser(person.user).get(reverse("settlement_result", args=[person.account.reference, settlement.reference]))
    with pytest.raises(settling.PaymentInProgress):
        settling.settle(again, method=card, by=person.user, at=clock.now())

    assert "We are checking" in page.content.decode()
    assert "declined" not in page.content.decode()
    assert len(sandbox.charges()) == 1
    sandbox.clear_faults()
    reconciling.run(at=clock.now() + timedelta(minutes=1))


def test_webhooks_at_once_do_not_credit_twice(sandbox):
    approved(sandbox)
    at = clock.now()
    for webhook in sandbox.webhooks():
        webhooks.receive("sandbox", body=webhook.body, headers=webhook.headers, at=at)

    together(*[lambda: webhooks.process_waiting(at=at)] * 5)

    payment = Payment.objects.get()
    assert (payment.unapplied, payment.allocations.count()) == (0, 1)
    assert receipts() == 1


def test_two_workers_do_not_charge_the_same_invoice(sandbox):
    owing("good")
    at = clock.now()

    together(*[lambda: charging.collect(at=at)] * 5)

    assert len(sandbox.charges()) == Payment.objects.count() == 1


def test_no_charge_is_left_without_a_payment_on_file(sandbox, tmp_path):
    owing("good")
    at = clock.now()
    dying.at("after sending", lambda: charging.collect(at=at), folder=tmp_path)

    known = set(Payment.objects.values_list("idempotency_key", flat=True))
    differences = reconciling.compare(at=at + timedelta(minutes=1))

    assert {charge.idempotency_key for charge in sandbox.charges()} == known
    assert differences == []
    assert Payment.objects.get().state == PaymentState.SUCCEEDED
    assert not StaffTask.objects.exists()
