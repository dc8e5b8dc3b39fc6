"""Ten clicks, two administrators and a batch at the same moment: one charge per seller."""

from __future__ import annotations

from datetime import timedelta

import pytest

from billing import cards, charging, quotes, results, settling
from billing.models import Event, LedgerEntry, Payment, PaymentMethod, SettlementPurpose
from tests.billing.acting import owing, together
from tests.factories import MONDAY, PaymentMethodFactory, UserFactory

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("money_ok")]


def owing_two_sellers(card: str = "good"):
    service = owing(card)
    owing("", account=service.account)
    return service.account, PaymentMethod.objects.get(), service.account.moment(MONDAY, 12)


def consented(account, *, at):
    digest = quotes.quote(account, at=at).digest
    return settling.consent(account, purpose=SettlementPurpose.PAY, digest=digest, by=UserFactory(), at=at)


def test_ten_clicks_on_pay_are_one_payment(sandbox):
    account, card, at = owing_two_sellers()
    settlement = consented(account, at=at)

    settled = together(*[lambda: settling.settle(settlement, method=card, by=None, at=at)] * 10)

    assert {one.reference for one in settled} == {settlement.reference}
    assert len(sandbox.charges()) == 2
    assert results.result(settlement).status == "paid"
    assert Event.objects.filter(type="payment.succeeded").count() == 2
    assert LedgerEntry.objects.filter(payment__isnull=False).count() == 2


def test_two_administrators_pay_the_same_debt_once(sandbox):
    account, card, at = owing_two_sellers()
    other_card = PaymentMethodFactory(account=account, card="good_mastercard", is_default=False)
    settlements = [consented(account, at=at) for _ in range(2)]

    answers = together(
        lambda: settling.settle(settlements[0], method=card, by=None, at=at),
        lambda: settling.settle(settlements[1], method=other_card, by=None, at=at),
    )

    refused = [result for result in answers if isinstance(result, Exception)]
    assert [type(error) for error in refused] in ([settling.PaymentInProgress], [settling.QuoteChanged])
    assert len(sandbox.charges()) == 2


def test_a_batch_and_a_click_charge_once(sandbox):
    account, card, at = owing_two_sellers()
    settlement = consented(account, at=at)

    together(
        lambda: settling.settle(settlement, method=card, by=None, at=at),
        lambda: charging.collect(at=at),
        lambda: charging.collect(at=at),
    )

    assert len(sandbox.charges()) == 2
    assert Payment.objects.succeeded().count() == 2


def test_ten_consents_at_once_see_the_same_debt():
    account, _, at = owing_two_sellers()
    digest, by = quotes.quote(account, at=at).digest, UserFactory()

    answers = together(
        *[lambda: settling.consent(account, purpose=SettlementPurpose.PAY, digest=digest, by=by, at=at)] * 10
    )

    assert [settlement.lines.count() for settlement in answers] == [2] * 10


def test_a_card_made_default_while_the_other_pays_does_not_charge_twice(sandbox):
    account, card, at = owing_two_sellers()
    other_card = PaymentMethodFactory(account=account, card="good_mastercard", is_default=False)
    settlement = consented(account, at=at)

    together(
        lambda: settling.settle(settlement, method=card, by=None, at=at),
        lambda: cards.make_default(other_card, by=None, at=at),
        lambda: charging.collect(at=at + timedelta(seconds=1)),
    )

    assert len(sandbox.charges()) == 2
    assert PaymentMethod.objects.filter(is_default=True).count() == 1
