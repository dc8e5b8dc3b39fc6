"""F20-F22: every way to the same money at the same moment ends in one charge and one receipt."""

from __future__ import annotations

import os
from datetime import timedelta

import pytest

from billing import cards, charging, clock, dunning, quotes, reconciling, results, settling, webhooks
from billing.models import CardVisit, Event, Invoice, Payment, PaymentMethod, Settlement, SettlementPurpose
from tests.billing.acting import owing, submit_card, together
from tests.factories import MONDAY, MembershipFactory, PaymentMethodFactory, UserFactory

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("money_ok")]

# ``make soak`` plays each of these races 500 times.
ROUNDS = int(os.environ.get("SOAK_ROUNDS", "5"))


def consented(account, *, at, purpose=SettlementPurpose.PAY) -> Settlement:
    digest = quotes.quote(account, at=at).digest
    return settling.consent(account, purpose=purpose, digest=digest, by=UserFactory(), at=at)


def receipts() -> int:
    return Event.objects.filter(type="payment.succeeded").count()


def test_twenty_tabs_of_one_consent_show_the_same_payment(sandbox):
    service = owing("good")
    at = service.account.moment(MONDAY, 12)
    settlement = consented(service.account, at=at)
    card = PaymentMethod.objects.get()

    answers = together(*[lambda: results.result(settling.settle(settlement, method=card, by=None, at=at))] * 20)

    assert {result.payments[0].reference for result in answers} == {Payment.objects.get().reference}
    assert len(sandbox.charges()) == receipts() == 1


@pytest.mark.parametrize("round_", range(ROUNDS))
def test_two_administrators_with_two_cards_pay_once(sandbox, round_: int):
    service = owing("good")
    account, at = service.account, service.account.moment(MONDAY, 12)
    methods = [PaymentMethod.objects.get(), PaymentMethodFactory(account=account, is_default=False)]
    settlements = [consented(account, at=at) for _ in methods]

    answers = together(
        *[
            lambda method=method, settlement=settlement: settling.settle(settlement, method=method, by=None, at=at)
            for method, settlement in zip(methods, settlements, strict=True)
        ]
    )

    assert len(sandbox.charges()) == receipts() == 1, round_
    assert len([result for result in answers if isinstance(result, Exception)]) == 1


@pytest.mark.parametrize("round_", range(ROUNDS))
def test_every_way_at_once_is_one_charge_per_seller_and_one_receipt(sandbox, round_: int):
    service = owing("do_not_honour")
    account, at = service.account, clock.now()
    owing("", account=account)
    settlement = consented(account, at=at, purpose=SettlementPurpose.SAVE_AND_PAY)
    visit = cards.start(account, settlement=settlement, by=MembershipFactory(account=account).user, at=at)
    submit_card(sandbox, visit, "good")
    for webhook in sandbox.webhooks():
        webhooks.receive("sandbox", body=webhook.body, headers=webhook.headers, at=at)

    answers = together(
        lambda: cards.finish(CardVisit.objects.get(), at=at),
        lambda: webhooks.process_waiting(at=at),
        lambda: reconciling.run(at=at + timedelta(minutes=5)),
        lambda: dunning.run(at=at),
        lambda: cards.finish(CardVisit.objects.get(), at=at),
    )

    assert not [result for result in answers if isinstance(result, Exception)], round_
    assert [charge.status for charge in sandbox.charges()] == ["succeeded", "succeeded"]
    assert receipts() == 2
    assert not Invoice.objects.open().exists()


def test_an_outcome_told_by_five_ways_is_written_once(sandbox):
    service = owing("lost_answer")
    at = clock.now()
    charging.collect(at=at)
    payment = Payment.objects.get()

    together(
        lambda: charging.check(payment, at=at),
        lambda: charging.check(payment, at=at),
        lambda: reconciling.run(at=at + timedelta(minutes=1)),
        lambda: reconciling.compare(at=at + timedelta(minutes=1)),
        lambda: charging.collect(at=at + timedelta(minutes=20)),
    )

    assert receipts() == 1
    assert len(sandbox.charges()) == 1
    assert service.account.events.filter(type="invoice.paid").count() == 1
