"""The page "why is it still off?" names the true cause, and the product is watched until it has asked."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.conf import settings
from django.test import Client

from billing import charging, diagnosing, leaving, listening, stopping
from billing.gateways.sandbox import Fault
from billing.leaving import Tries
from billing.models import Hold, Invoice, Payment, StaffTask, Subscription
from billing.states import DisabledReason
from tests.billing.acting import live_through, owing
from tests.factories import (
    MONDAY,
    AccountFactory,
    MembershipFactory,
    PaymentFactory,
    PaymentMethodFactory,
    SellerFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db


def noon(service, days: int = 0):
    return service.account.moment(MONDAY + timedelta(days=days), 12)


def causes(service, days: int = 0, **who) -> list[str]:
    return [found.code for found in diagnosing.diagnose(service, at=noon(service, days), **who) if found.is_cause]


@pytest.fixture
def owed(sandbox):
    """A service whose card was refused."""
    service = owing("insufficient_funds")
    charging.collect(at=noon(service))
    return service


def test_a_service_that_is_on_has_no_cause(sandbox):
    service = owing("good")
    charging.collect(at=noon(service))

    assert causes(service) == []


def test_a_refusal_and_what_is_owed(owed):
    found = diagnosing.diagnose(owed, at=noon(owed))

    assert causes(owed) == ["refused", "owed"]
    assert diagnosing.first_cause(found).payment == Payment.objects.get()


def test_a_payment_without_an_answer_comes_first(sandbox):
    service = owing()
    sandbox.inject(Fault.DROP_AFTER)
    charging.collect(at=noon(service))

    assert causes(service, 1)[0] == "checking"


def test_looking_again_finds_the_answer_and_brings_the_service_back(sandbox):
    service = owing("")
    live_through(service.account, MONDAY, 25)
    PaymentMethodFactory(account=service.account, gateway_account=service.seller.gateway_account)
    sandbox.inject(Fault.DROP_AFTER)
    Invoice.objects.update(next_charge_at=noon(service, 25))
    charging.collect(at=noon(service, 25))
    before = Subscription.objects.get().state

    diagnosing.check_again(service, at=noon(service, 25) + timedelta(minutes=1))

    assert (before, Subscription.objects.get().state) == ("suspended", "active")


def test_money_of_another_seller_or_currency_is_named(owed):
    PaymentFactory(account=owed.account, seller=SellerFactory(), state="succeeded", unapplied=50_00)

    assert causes(owed)[-2:] == ["credit_elsewhere", "owed"]


def test_money_on_another_account_is_told_to_a_member_there_alone(owed):
    other = AccountFactory()
    PaymentFactory(account=other, state="succeeded", settled_at=noon(owed), amount=121_00, created_at=noon(owed))
    member, stranger = MembershipFactory(account=other).user, UserFactory()

    assert "other_account" in causes(owed, reader=member)
    assert "other_account" not in causes(owed, reader=stranger)
    assert "other_account" not in causes(owed)


def test_other_reasons_are_named_when_nothing_is_owed(sandbox):
    service, by = owing("good"), UserFactory()
    charging.collect(at=noon(service))
    leaving.cancel_now(service, tries=Tries.GO_ON, by=by, at=noon(service, 1))
    stopping.stop(service, because=DisabledReason.STAFF, by=by, at=noon(service, 1))

    assert causes(service, 2) == ["customer_cancel", "staff"]


def test_a_hold_explains_and_is_no_cause(owed):
    Hold.objects.create(
        kind="dispute", account=owed.account, reason="asked", starts_at=noon(owed), ends_at=noon(owed, 9)
    )

    assert "held" in [found.code for found in diagnosing.diagnose(owed, at=noon(owed, 1))]
    assert "held" not in causes(owed, 1)


def test_a_purge_that_has_begun_comes_before_everything(owed, sandbox):
    Subscription.objects.update(
        state="canceled",
        canceled_at=noon(owed),
        delete_on=MONDAY,
        keep_until=noon(owed),
        deletion_due_at=noon(owed, 1),
        disabled_reasons=["nonpayment"],
    )

    assert causes(owed, 2)[0] == "purging"


def ask(service) -> dict:
    headers = {"Authorization": f"Bearer {settings.PRODUCT_API_TOKEN}"}
    return Client().get(f"/api/v1/access/{service.reference}", headers=headers).json()


def test_the_product_is_told_at_once_when_it_is_paid(sandbox):
    service = owing("")
    live_through(service.account, MONDAY, 25)
    off = ask(service)
    PaymentMethodFactory(account=service.account, gateway_account=service.seller.gateway_account)
    Invoice.objects.update(next_charge_at=noon(service, 25))

    charging.collect(at=noon(service, 25))

    assert (off["level"], off["reasons"]) == ("read_only", ["nonpayment"])
    assert causes(service, 25) == ["product_not_asked"]
    assert ask(service)["level"] == "full"
    assert causes(service, 25) == []


def test_staff_are_told_when_the_product_has_not_asked_for_half_an_hour(sandbox):
    service = owing("")
    live_through(service.account, MONDAY, 25)
    listening.note(service, level="read_only", at=noon(service, 24))
    PaymentMethodFactory(account=service.account, gateway_account=service.seller.gateway_account)
    Invoice.objects.update(next_charge_at=noon(service, 25))
    charging.collect(at=noon(service, 25))

    early = listening.run(at=noon(service, 25) + timedelta(minutes=29))
    late = listening.run(at=noon(service, 25) + timedelta(minutes=30))
    again = listening.run(at=noon(service, 25) + timedelta(minutes=31))

    assert (early["unheard"], late["unheard"], again["unheard"]) == (0, 1, 0)
    assert StaffTask.objects.get().kind == "product_silent"


def test_a_product_that_asked_is_no_task(sandbox):
    service = owing("")
    live_through(service.account, MONDAY, 25)
    listening.note(service, level="read_only", at=noon(service, 24))
    PaymentMethodFactory(account=service.account, gateway_account=service.seller.gateway_account)
    Invoice.objects.update(next_charge_at=noon(service, 25))
    charging.collect(at=noon(service, 25))

    listening.note(service, level="full", at=noon(service, 25) + timedelta(minutes=5))

    assert not listening.run(at=noon(service, 26))


def test_a_product_that_asks_all_the_time_costs_one_write_a_minute(sandbox):
    service = owing("")
    at = noon(service)

    listening.note(service, level="full", at=at)
    listening.note(service, level="full", at=at + timedelta(seconds=30))

    assert Subscription.objects.get().product_asked_at == at


def test_nothing_is_said_of_a_product_that_never_asked(sandbox):
    service = owing("good")
    charging.collect(at=noon(service))

    assert not [found for found in diagnosing.diagnose(service, at=noon(service)) if "product" in found.code]
