"""Automatic tries: on their days, never too many, never again after a hard decline."""

from __future__ import annotations

from datetime import timedelta

import pytest

from billing import cards, charging
from billing.models import Event, Invoice, Payment, PaymentMethod, Trigger
from tests.billing.acting import owing
from tests.factories import MONDAY, InvoiceFactory, PaymentFactory, PaymentMethodFactory, SubscriptionFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("money_ok")]


def collect_daily(service, days: int) -> list[int]:
    """Collect at nine and at noon of each day and return the days on which the card was tried."""
    for n in range(days):
        for hour in (9, 12):
            charging.collect(at=service.account.moment(MONDAY + timedelta(days=n), hour))
    moments = Payment.objects.order_by("pk").values_list("created_at", flat=True)
    return [(service.today(moment) - MONDAY).days for moment in moments]


def test_a_soft_decline_is_tried_again_on_the_days_of_the_ladder():
    service = owing("insufficient_funds")

    assert collect_daily(service, 40) == [0, 1, 3, 6, 9, 13, 20]


def test_a_week_without_runs_is_not_made_up_for():
    service = owing("do_not_honour")
    charging.collect(at=service.account.moment(MONDAY, 12))
    back = MONDAY + timedelta(days=7)

    for hour in (9, 12, 18):
        charging.collect(at=service.account.moment(back, hour))

    assert Payment.objects.count() == 2
    assert Invoice.objects.get().next_charge_at == service.account.moment(MONDAY + timedelta(days=9), 9)


@pytest.mark.parametrize("card", ["stolen", "expired"])
def test_a_hard_decline_is_never_tried_again(card: str):
    service = owing(card)

    assert collect_daily(service, 40) == [0]
    assert PaymentMethod.objects.get().blocked_reason in ("stolen_card", "expired_card")


def test_a_refusal_of_a_payment_by_hand_uses_up_no_automatic_try():
    service = owing("do_not_honour")
    at = service.account.moment(MONDAY, 8)
    payment = PaymentFactory(
        account=service.account,
        seller=service.seller,
        trigger=Trigger.CUSTOMER,
        payment_method=PaymentMethod.objects.get(),
    )

    charging.settle(payment, charging.ask(payment), at=at)

    invoice = Invoice.objects.get()
    assert invoice.next_charge_at == service.account.moment(MONDAY, 9)
    assert invoice.refused_at is None


def test_a_card_is_tried_once_a_day_even_when_it_is_put_on_file_again(sandbox):
    service = owing("do_not_honour")
    account = service.account
    charging.collect(at=account.moment(MONDAY, 9))
    same_card = PaymentMethodFactory(account=account, card="do_not_honour", is_default=False)
    cards.make_default(same_card, by=None, at=account.moment(MONDAY, 10))
    Invoice.objects.update(next_charge_at=account.moment(MONDAY, 11))

    charging.collect(at=account.moment(MONDAY, 12))
    charging.collect(at=account.moment(MONDAY, 23))

    assert len(sandbox.charges()) == 1


def test_a_day_ends_at_midnight_where_the_account_is(sandbox):
    service = owing("do_not_honour")
    account = service.account
    charging.collect(at=account.moment(MONDAY, 23))
    Invoice.objects.update(next_charge_at=account.moment(MONDAY, 23))

    charging.collect(at=account.moment(MONDAY + timedelta(days=1), 0))

    assert len(sandbox.charges()) == 2


def test_a_card_is_tried_at_most_15_times_in_30_days(sandbox):
    service = owing("do_not_honour")
    account = service.account

    for n in range(32):
        at = account.moment(MONDAY + timedelta(days=n), 12)
        Invoice.objects.update(next_charge_at=at)
        charging.collect(at=at)

    days = [(service.today(p.created_at) - MONDAY).days for p in Payment.objects.order_by("pk")]
    assert days == [*range(15), 31]
    assert len(sandbox.charges()) == 16


def test_two_companies_with_a_card_of_the_same_kind_are_both_charged(sandbox):
    one = owing("good")
    other = owing("good", plan=one.plan)

    charging.collect(at=one.account.moment(MONDAY, 12))

    assert len(sandbox.charges()) == 2
    assert {p.account for p in Payment.objects.succeeded()} == {one.account, other.account}


def test_an_account_without_a_card_is_not_charged(sandbox):
    service = owing(card="")

    counts = charging.collect(at=service.account.moment(MONDAY, 12))

    assert not counts
    assert not sandbox.charges()


def test_each_seller_is_charged_to_the_card_of_its_gateway_account(sandbox):
    service = owing("good", plan__seller__gateway_account="one")
    owing("good_mastercard", account=service.account, plan__seller__gateway_account="two")

    charging.collect(at=service.account.moment(MONDAY, 12))

    assert {(charge.gateway_account, charge.status) for charge in sandbox.charges()} == {
        ("one", "succeeded"),
        ("two", "succeeded"),
    }


def test_a_refusal_below_the_floor_is_never_the_first_of_a_case():
    service = SubscriptionFactory(next_invoice_at=None)
    InvoiceFactory(subscription=service, price=3_00)
    PaymentMethodFactory(account=service.account, card="insufficient_funds")

    collect_daily(service, 3)

    failed = Event.objects.filter(type="payment.failed")
    assert [event.codes["first_refusal"] for event in failed] == [False, False]
