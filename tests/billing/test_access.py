"""What the product may let a customer do, derived from the service, the debt and the time."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from billing import charging
from billing.access import access
from billing.gateways.sandbox import Fault
from billing.models import Invoice, Payment, Subscription
from billing.money import Money
from billing.outlook import outlook
from billing.states import SubscriptionState
from tests.billing.acting import owing
from tests.factories import MONDAY, InvoiceFactory, SubscriptionFactory

pytestmark = pytest.mark.django_db

NOON = 12


def in_state(state: str, **changes) -> Subscription:
    service = SubscriptionFactory()
    at = service.account.moment(MONDAY, NOON)
    moments = {"suspended_at": at, "canceled_at": at, "delete_on": date(2026, 8, 1), "keep_until": at, "deleted_at": at}
    Subscription.objects.update(**({"state": state} | moments | changes))
    service.refresh_from_db()
    return service


@pytest.mark.parametrize(
    ("state", "level"),
    [
        ("active", "full"),
        ("past_due", "full"),
        ("warned", "full"),
        ("suspended", "read_only"),
        ("canceled", "export"),
        ("deleted", "none"),
    ],
)
def test_each_state_has_its_level(state: str, level: str):
    service = in_state(state)

    answer = access(service, at=service.account.moment(MONDAY, NOON))

    assert (answer.level, answer.state) == (level, state)


def test_every_state_has_a_level():
    at = SubscriptionFactory().account.moment(MONDAY, NOON)

    assert all(access(in_state(state), at=at) for state in SubscriptionState)


def test_the_next_change_is_the_one_that_was_announced():
    at = SubscriptionFactory().account.moment(MONDAY + timedelta(days=9), 10)

    before = at - timedelta(minutes=1)
    assert access(in_state("warned", suspend_at=at), at=before).next_change_at == at
    assert access(in_state("suspended", cancel_at=at), at=before).next_change_at == at
    canceled = in_state("canceled")
    assert access(canceled, at=at).next_change_at == canceled.account.moment(date(2026, 8, 1), 0)
    assert access(in_state("active"), at=at).next_change_at is None


def test_a_stop_that_was_held_past_its_moment_is_no_longer_told():
    service = in_state("warned")
    at = service.account.moment(MONDAY + timedelta(days=9), 10)
    Subscription.objects.update(suspend_at=at)
    service.refresh_from_db()

    assert access(service, at=at).next_change_at is None
    assert outlook(service.account, at=at).next_stop_at is None
    assert outlook(service.account, at=at - timedelta(minutes=1)).next_stop_at == at


def test_the_balance_is_of_this_service_per_currency():
    service = owing("")
    account = service.account
    InvoiceFactory(subscription=SubscriptionFactory(account=account, plan=service.plan), price=999_00)
    Subscription.objects.filter(pk=service.pk).update(currency="USD")
    service.refresh_from_db()
    InvoiceFactory(subscription=service, issued=MONDAY - timedelta(days=1), price=10_00)
    InvoiceFactory(subscription=service, issued=MONDAY + timedelta(days=5), price=77_00)

    answer = access(service, at=account.moment(MONDAY, NOON))

    assert answer.balance == [Money(121_00, "EUR"), Money(12_10, "USD")]
    assert answer.pay_url.endswith(f"/accounts/{account.reference}/settle/")


@pytest.mark.parametrize(
    ("hours", "level", "reasons"),
    [
        (0.9, "read_only", ["nonpayment"]),
        (1, "full", ["payment_checking"]),
        (24.9, "full", ["payment_checking"]),
        (25, "read_only", ["nonpayment"]),
    ],
)
def test_a_payment_unknown_for_an_hour_gives_a_day_of_access(sandbox, hours: float, level: str, reasons: list[str]):
    service = owing("good")
    at = service.account.moment(MONDAY, NOON)
    Subscription.objects.update(state="suspended", suspended_at=at, disabled_reasons=["nonpayment"])
    service.refresh_from_db()
    sandbox.inject(Fault.HANG)
    charging.collect(at=at)

    answer = access(service, at=at + timedelta(hours=hours))

    assert (answer.level, answer.reasons) == (level, reasons)


def test_a_doubt_opens_nothing_that_is_off_for_another_reason(sandbox):
    service = owing("good")
    at = service.account.moment(MONDAY, NOON)
    Subscription.objects.update(state="suspended", suspended_at=at, disabled_reasons=["fraud_review", "nonpayment"])
    service.refresh_from_db()
    sandbox.inject(Fault.HANG)
    charging.collect(at=at)

    assert access(service, at=at + timedelta(hours=2)).level == "read_only"


def test_a_doubt_about_another_seller_s_payment_opens_nothing(sandbox):
    service = owing("")
    at = service.account.moment(MONDAY, NOON)
    Subscription.objects.update(state="suspended", suspended_at=at, disabled_reasons=["nonpayment"])
    service.refresh_from_db()
    other = owing("good", account=service.account)
    sandbox.inject(Fault.HANG)
    Invoice.objects.filter(seller=service.seller).update(next_charge_at=None)
    charging.collect(at=at)

    assert Payment.objects.get().seller == other.seller
    assert access(service, at=at + timedelta(hours=2)).level == "read_only"
