"""F12, F13, F30 and F31: keys gone by, approvals never or twice, odd amounts, and a storm of refusals."""

from __future__ import annotations

from datetime import timedelta

import pytest

from billing import charging, dunning, quotes, reconciling, settling
from billing.brakes import AbnormalRun
from billing.declines import advice
from billing.gateways.sandbox import Fault
from billing.models import Event, Invoice, Payment, Refund, SettlementPurpose, StaffTask
from billing.states import InvoiceState, PaymentState
from tests.billing.acting import answer, owing
from tests.factories import MONDAY, InvoiceFactory, PaymentMethodFactory, PlanFactory, SubscriptionFactory, UserFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("money_ok")]

HARD = "stolen"


def noon(service, **later: int):
    return service.account.moment(MONDAY, 12) + timedelta(**later)


def test_a_charge_that_arrives_after_it_was_not_found_is_no_second_charge(sandbox):
    service = owing("good")
    sandbox.clock = lambda: noon(service)
    sandbox.inject(Fault.ARRIVES_LATE)
    charging.collect(at=noon(service))
    reconciling.run(at=noon(service, minutes=1))
    not_found = Payment.objects.get()

    sandbox.clock = lambda: noon(service, minutes=3)
    charging.collect(at=noon(service, minutes=16))
    reconciling.run(at=noon(service, minutes=16))

    assert not_found.state == PaymentState.UNKNOWN
    assert [charge.idempotency_key for charge in sandbox.charges()] == [not_found.idempotency_key]
    assert Payment.objects.get().state == PaymentState.SUCCEEDED


def test_a_key_gone_by_is_never_sent_again_and_a_person_is_asked(sandbox):
    service = owing("times_out")
    charging.collect(at=noon(service))
    sent = Payment.objects.get()
    sandbox.prune_keys(older_than=timedelta(0))

    for days in range(2, 10):
        reconciling.run(at=noon(service, days=days))
        charging.collect(at=noon(service, days=days))

    assert not sandbox.charges()
    assert [payment.pk for payment in Payment.objects.all()] == [sent.pk]
    assert StaffTask.objects.filter(payment=sent, done_at=None).exists()


def test_an_approval_never_finished_ends_and_holds_nothing_up_for_ever(sandbox):
    service = owing("three_d_secure")
    sandbox.clock = lambda: noon(service)
    charging.collect(at=noon(service))

    sandbox.clock = lambda: noon(service, hours=2)
    for hours in range(1, 5):
        reconciling.run(at=noon(service, hours=hours))

    assert Payment.objects.get().state == PaymentState.CANCELED
    assert Invoice.objects.get().state == InvoiceState.OPEN


def test_an_approval_told_twice_is_one_receipt(sandbox):
    service = owing("three_d_secure")
    charging.collect(at=noon(service))
    payment = Payment.objects.get()
    answer(sandbox, payment, "approve")
    answer(sandbox, payment, "approve")

    charging.check(payment, at=noon(service, minutes=1))
    charging.check(payment, at=noon(service, minutes=1))

    assert len(sandbox.charges()) == Event.objects.filter(type="payment.succeeded").count() == 1


def test_an_approval_after_the_invoice_was_paid_otherwise_goes_back_once(sandbox):
    service = owing("three_d_secure")
    charging.collect(at=noon(service))
    waiting = Payment.objects.get()
    Payment.objects.filter(pk=waiting.pk).update(superseded_at=noon(service, hours=2))
    other = PaymentMethodFactory(account=service.account, card="good", is_default=False)
    at, by = noon(service, days=1), UserFactory()
    digest = quotes.offer(service.account, at=at).digest
    settlement = settling.consent(service.account, purpose=SettlementPurpose.PAY, digest=digest, by=by, at=at)
    settling.settle(settlement, method=other, by=by, at=at)
    answer(sandbox, waiting, "approve")

    for _ in range(2):
        charging.check(waiting, at=noon(service, days=1, hours=1))

    reconciling.run(at=noon(service, days=1, hours=2))
    assert [refund.amount for refund in sandbox.refunds()] == [waiting.amount]
    assert Refund.objects.get().state == "succeeded"


@pytest.mark.parametrize(
    ("currency", "price", "total"),
    [
        ("EUR", 1, 1),
        ("EUR", 10**9, 10**9 * 121 // 100),
        ("JPY", 1000, 1210),
        ("KWD", 1000, 1210),
    ],
)
def test_the_least_and_the_most_are_charged_to_the_unit(sandbox, currency: str, price: int, total: int):
    service = SubscriptionFactory(next_invoice_at=None, plan=PlanFactory(currency=currency, price=price))
    InvoiceFactory(subscription=service, price=price, issued=MONDAY)
    PaymentMethodFactory(account=service.account)

    charging.collect(at=noon(service))

    assert [(charge.amount, charge.currency) for charge in sandbox.charges()] == [(total, currency)]
    assert Invoice.objects.get().state == InvoiceState.PAID


def test_nothing_is_paid_without_a_charge(sandbox):
    service = SubscriptionFactory(next_invoice_at=None, plan=PlanFactory(price=0))
    InvoiceFactory(subscription=service, price=0, issued=MONDAY)
    PaymentMethodFactory(account=service.account)

    charging.collect(at=noon(service))
    dunning.run(at=noon(service, days=30))

    assert Invoice.objects.get().state == InvoiceState.PAID
    assert not sandbox.charges()


def test_currencies_are_charged_apart(sandbox):
    service = owing("good")
    other = SubscriptionFactory(account=service.account, next_invoice_at=None, plan=PlanFactory(currency="JPY"))
    InvoiceFactory(subscription=other, price=500, issued=MONDAY)

    charging.collect(at=noon(service))

    assert sorted((c.currency, c.amount) for c in sandbox.charges()) == [("EUR", 121_00), ("JPY", 605)]


def test_a_storm_of_hard_refusals_is_never_tried_again(sandbox):
    accounts = [owing(HARD) for _ in range(25)]
    assert advice("stolen_card").is_hard

    for day in range(0, 25, 3):
        for hour in (9, 12, 18):
            at = accounts[0].account.moment(MONDAY + timedelta(days=day), hour)
            try:
                charging.collect(at=at)
            except AbnormalRun:
                StaffTask.objects.update(done_at=at)

    tries = [charge.description for charge in sandbox.charges()]
    assert len(tries) == len(set(tries)) == len(accounts)
    assert not Invoice.objects.filter(next_charge_at__isnull=False).exists()


def test_a_storm_stops_the_run_before_everybody_is_refused(sandbox):
    accounts = [owing(HARD) for _ in range(30)]

    with pytest.raises(AbnormalRun):
        charging.collect(at=noon(accounts[0]))

    assert len(sandbox.charges()) < len(accounts)
