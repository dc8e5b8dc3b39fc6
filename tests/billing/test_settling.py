"""Settling charges what was consented, once, one charge per seller and currency, and says what became of it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from billing import charging, quotes, reconciling, results, settling
from billing.gateways.sandbox import Fault
from billing.models import Event, Invoice, Payment, PaymentMethod, Settlement, SettlementPurpose, Subscription, Trigger
from billing.money import Money
from billing.outlook import outlook
from billing.states import InvoiceState, PaymentState
from tests.billing.acting import asked_when_begun, owing
from tests.factories import MONDAY, InvoiceFactory, PaymentMethodFactory, PlanFactory, UserFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("money_ok")]


def owing_two_sellers(card: str = "good"):
    """Return an account that owes two sellers 121.00 each, its card, and noon of that day."""
    service = owing(card)
    owing("", account=service.account)
    return service.account, PaymentMethod.objects.get(), service.account.moment(MONDAY, 12)


def consented(account, *, at, purpose=SettlementPurpose.PAY):
    digest = quotes.quote(account, at=at).digest
    return settling.consent(account, purpose=purpose, digest=digest, by=UserFactory(), at=at)


def test_one_consent_is_one_charge_per_seller(sandbox):
    account, card, at = owing_two_sellers()
    settlement = consented(account, at=at)

    settling.settle(settlement, method=card, by=settlement.created_by, at=at)

    assert [charge.amount for charge in sandbox.charges()] == [121_00, 121_00]
    assert results.result(settlement).status == "paid"
    assert not Invoice.objects.open().exists()
    assert {payment.trigger for payment in Payment.objects.all()} == {Trigger.CUSTOMER}
    assert {payment.created_by for payment in Payment.objects.all()} == {settlement.created_by}


def test_each_currency_is_a_charge_of_its_own(sandbox):
    service = owing()
    account, at = service.account, service.account.moment(MONDAY, 12)
    owing("", account=account, plan=PlanFactory(seller=service.seller, currency="USD"))
    settlement = consented(account, at=at)

    settling.settle(settlement, method=PaymentMethod.objects.get(), by=None, at=at)

    assert {(charge.amount, charge.currency) for charge in sandbox.charges()} == {(121_00, "EUR"), (121_00, "USD")}


def test_the_one_nearest_to_a_stop_is_charged_first(sandbox):
    account, card, at = owing_two_sellers()
    urgent = Subscription.objects.last()
    Subscription.objects.filter(pk=urgent.pk).update(suspend_at=at + timedelta(days=1))
    settlement = consented(account, at=at)

    settling.settle(settlement, method=card, by=None, at=at)

    assert sandbox.charges()[0].description == urgent.seller.name


def test_settling_a_second_time_charges_nothing(sandbox):
    account, card, at = owing_two_sellers()
    settlement = consented(account, at=at)
    settling.settle(settlement, method=card, by=None, at=at)

    settling.settle(settlement, method=card, by=None, at=at + timedelta(minutes=1))

    assert len(sandbox.charges()) == 2


def test_one_seller_declined_is_partly_paid(sandbox):
    account, card, at = owing_two_sellers()
    settlement = consented(account, at=at)
    first, second = settling.begin(settlement, method=card, by=None, at=at)
    declining = PaymentMethodFactory(account=account, card="do_not_honour", is_default=False)
    Payment.objects.filter(pk=second.pk).update(payment_method=declining)

    for payment in (first, second):
        payment.refresh_from_db()
        charging.settle(payment, charging.ask(payment), at=at)

    result = results.result(settlement)
    assert result.status == "partly"
    assert [line.status for line in result.lines] == ["paid", "failed"]
    assert sorted(Invoice.objects.values_list("state", flat=True)) == [InvoiceState.OPEN, InvoiceState.PAID]


@pytest.mark.parametrize(
    ("card", "status"),
    [
        ("good", "paid"),
        ("do_not_honour", "failed"),
        ("three_d_secure", "action"),
        ("late_failure", "checking"),
        ("times_out", "checking"),
    ],
)
def test_the_result_is_what_the_gateway_said(card: str, status: str):
    account, method, at = owing_two_sellers(card)
    settlement = consented(account, at=at)

    settling.settle(settlement, method=method, by=None, at=at)

    result = results.result(settlement)
    assert result.status == status
    assert {line.status for line in result.lines} == {status}


def test_a_seller_with_a_gateway_account_of_its_own_stays_unpaid_without_a_card_there(sandbox):
    service = owing("good", plan__seller__gateway_account="one")
    account, at = service.account, service.account.moment(MONDAY, 12)
    owing("", account=account, plan__seller__gateway_account="two")
    settlement = consented(account, at=at)

    settling.settle(settlement, method=PaymentMethod.objects.get(), by=None, at=at)

    assert [charge.gateway_account for charge in sandbox.charges()] == ["one"]
    assert [line.status for line in results.result(settlement).lines] == ["paid"]
    assert Event.objects.get(type="settlement.consented").codes["totals"] == {"EUR": 121_00}


def test_another_s_payment_in_progress_is_said_so_before_anything_is_charged(sandbox):
    account, card, at = owing_two_sellers("three_d_secure")
    first = consented(account, at=at)
    second = consented(account, at=at)
    settling.settle(first, method=card, by=None, at=at)
    charged = len(sandbox.charges())

    with pytest.raises(settling.PaymentInProgress) as refused:
        settling.settle(second, method=card, by=None, at=at)

    assert refused.value.payment.settlement == first
    assert len(sandbox.charges()) == charged
    second.refresh_from_db()
    assert second.consumed_at is None


def test_an_unknown_payment_stands_in_the_way_for_an_hour(sandbox):
    account, card, at = owing_two_sellers()
    sandbox.inject(Fault.HANG, times=2)
    settling.settle(consented(account, at=at), method=card, by=None, at=at)
    asked_when_begun()

    with pytest.raises(quotes.NothingDue):
        consented(account, at=at + timedelta(minutes=59))
    later = at + timedelta(minutes=60)
    settling.settle(consented(account, at=later), method=card, by=None, at=later)

    assert Payment.objects.filter(superseded_at=later).count() == 2
    assert Payment.objects.succeeded().count() == 2


def test_a_crash_between_two_sellers_is_made_good_with_the_second_s_own_key(sandbox):
    account, card, at = owing_two_sellers()
    settlement = consented(account, at=at)
    first, second = settling.begin(settlement, method=card, by=None, at=at)
    charging.ask(first)

    reconciling.run(at=at + timedelta(minutes=1))
    after_a_minute = results.result(settlement)
    reconciling.run(at=at + timedelta(minutes=16))

    assert [line.status for line in after_a_minute.lines] == ["paid", "checking"]
    assert results.result(settlement).status == "paid"
    assert [c.idempotency_key for c in sandbox.charges()] == [first.idempotency_key, second.idempotency_key]
    assert {p.state for p in Payment.objects.all()} == {PaymentState.SUCCEEDED}


def test_what_is_being_paid_already_is_left_out_of_the_quote(sandbox):
    service = owing("good")
    account, at = service.account, service.account.moment(MONDAY, 12)
    sandbox.inject(Fault.HANG)
    charging.collect(at=at)
    asked_when_begun()
    assert not [upcoming for upcoming in outlook(account, at=at).upcoming if upcoming.code == "charge"]
    other = owing("", account=account)

    assert [group.seller for group in quotes.quote(account, at=at).groups] == [other.seller]
    assert len(quotes.quote(account, at=at + timedelta(hours=1)).groups) == 2
    settling.settle(consented(account, at=at), method=PaymentMethod.objects.get(), by=None, at=at)
    assert [(c.description, c.status) for c in sandbox.charges()][-1] == (other.seller.name, "succeeded")


def test_a_new_card_is_charged_for_its_own_gateway_account_only(sandbox):
    service = owing("good", plan__seller__gateway_account="one")
    account, at = service.account, service.account.moment(MONDAY, 12)
    owing("good", account=account, plan__seller__gateway_account="two")
    card = PaymentMethodFactory(account=account, gateway_account="one", is_default=False)
    settlement = consented(account, at=at, purpose=SettlementPurpose.SAVE_AND_PAY)

    settling.settle(settlement, method=card, by=None, at=at)

    assert [charge.gateway_account for charge in sandbox.charges()] == ["one"]
    assert [line.status for line in results.result(settlement).lines] == ["paid"]
    assert [group.gateway_account for group in quotes.quote(account, at=at).groups] == ["two"]


def test_a_sixth_try_by_hand_on_one_day_is_refused_before_anything_is_charged(sandbox):
    service = owing("do_not_honour")
    account, at = service.account, service.account.moment(MONDAY, 12)
    card = PaymentMethod.objects.get()
    for _ in range(settling.MOST_BY_HAND_A_DAY):
        settling.settle(consented(account, at=at), method=card, by=None, at=at)

    with pytest.raises(settling.TooManyTries):
        settling.settle(consented(account, at=at), method=card, by=None, at=at)

    assert len(sandbox.charges()) == 5
    tomorrow = at + timedelta(days=1)
    settling.settle(consented(account, at=tomorrow), method=card, by=None, at=tomorrow)
    assert len(sandbox.charges()) == 6


def part_of(account, amount: int, *, at) -> Settlement:
    return settling.consent(
        account,
        purpose=SettlementPurpose.PAY,
        digest=quotes.offer(account, at=at).digest,
        choice=quotes.Choice(amount=Money(amount, "EUR")),
        by=UserFactory(),
        at=at,
    )


def test_a_part_is_charged_and_leaves_the_rest_due(sandbox):
    service = owing("good")
    account, at = service.account, service.account.moment(MONDAY, 12)

    settlement = settling.settle(part_of(account, 50_00, at=at), method=PaymentMethod.objects.get(), by=None, at=at)

    invoice = Invoice.objects.get()
    assert [charge.amount for charge in sandbox.charges()] == [50_00]
    assert (invoice.state, invoice.amount_paid, invoice.amount_due) == (InvoiceState.OPEN, 50_00, 71_00)
    assert results.result(settlement).status == "paid"


def test_a_part_pays_the_sellers_in_the_order_of_their_oldest_debt(sandbox):
    account, card, at = owing_two_sellers()
    newer, older = Invoice.objects.order_by("pk")
    Invoice.objects.filter(pk=older.pk).update(due_on=MONDAY - timedelta(days=3))

    settling.settle(part_of(account, 150_00, at=at), method=card, by=None, at=at)

    assert {charge.description: charge.amount for charge in sandbox.charges()} == {
        older.seller.name: 121_00,
        newer.seller.name: 29_00,
    }


def test_another_invoice_that_falls_due_does_not_change_a_chosen_part(sandbox):
    service = owing("good")
    account, at = service.account, service.account.moment(MONDAY, 12)
    settlement = part_of(account, 50_00, at=at)
    InvoiceFactory(account=account, seller=service.seller, issued=MONDAY)

    settling.settle(settlement, method=PaymentMethod.objects.get(), by=None, at=at)

    assert [charge.amount for charge in sandbox.charges()] == [50_00]


def test_a_part_of_what_was_paid_meanwhile_charges_nothing(sandbox):
    service = owing("good")
    account, at = service.account, service.account.moment(MONDAY, 12)
    first, second = part_of(account, 50_00, at=at), part_of(account, 50_00, at=at)
    settling.settle(first, method=PaymentMethod.objects.get(), by=None, at=at)

    with pytest.raises(settling.QuoteChanged):
        settling.settle(second, method=PaymentMethod.objects.get(), by=None, at=at)

    assert len(sandbox.charges()) == 1
