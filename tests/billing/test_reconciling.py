"""Our books and the gateway's list of charges are compared both ways; every difference is told."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from billing import charging, clock, reconciling
from billing.gateways.base import GatewayUnavailable
from billing.gateways.sandbox import Fault
from billing.models import Account, Payment, StaffTask
from billing.scope import Scope
from billing.states import PaymentState
from tests.billing.acting import owing
from tests.factories import AccountFactory, PaymentFactory, PaymentMethodFactory

pytestmark = pytest.mark.django_db


def charged(card: str = "good", **service):
    """Charge a card just now; the gateway's clock is the real one."""
    subscription = owing(card, **service)
    at = clock.now()
    charging.collect(at=at)
    return subscription, at


def tasks() -> list[str]:
    return [task.kind for task in StaffTask.objects.all()]


def test_nothing_differs_when_all_is_well():
    _, at = charged()

    assert reconciling.compare(at=at) == []
    assert tasks() == []


def test_a_refused_charge_is_no_difference():
    _, at = charged("do_not_honour")

    assert reconciling.compare(at=at) == []


def test_a_charge_of_theirs_that_is_not_ours_is_told_once():
    service, at = charged()
    stranger = PaymentFactory.build(
        account=service.account,
        seller=service.seller,
        payment_method=PaymentMethodFactory(is_default=False),
        trigger="customer",
        created_at=at,
    )
    charging.ask(stranger)

    differences = [reconciling.compare(at=at), reconciling.compare(at=at)]

    assert [len(lines) for lines in differences] == [1, 1]
    assert "is not a payment of ours" in differences[0][0]
    assert tasks() == ["charge_unexplained"]


def test_a_payment_of_ours_that_is_not_theirs_is_told():
    service, at = charged()
    PaymentFactory(
        account=service.account, seller=service.seller, state=PaymentState.SUCCEEDED, settled_at=at, created_at=at
    )

    differences = reconciling.compare(at=at)

    assert len(differences) == 1
    assert "is not a charge of theirs" in differences[0]
    assert tasks() == ["payment_missing"]


def test_another_amount_is_told():
    _, at = charged()
    Payment.objects.update(amount=1)

    assert len(reconciling.compare(at=at)) == 1
    assert tasks() == ["charge_unexplained"]


def test_money_they_took_for_what_failed_here_is_told():
    _, at = charged()
    Payment.objects.update(state=PaymentState.FAILED)

    assert len(reconciling.compare(at=at)) == 1


@pytest.mark.usefixtures("money_ok")
def test_an_undecided_payment_is_settled_instead_of_told():
    _, at = charged("lost_answer")

    assert reconciling.compare(at=at) == []
    assert Payment.objects.get().state == PaymentState.SUCCEEDED


def test_an_account_in_no_time_zone_stops_no_comparison():
    service, at = charged("lost_answer")
    Account.objects.update(time_zone="Nowhere/Atlantis")

    (difference,) = reconciling.compare(at=at)

    assert "is not a payment of ours" in difference
    assert StaffTask.objects.get(kind="account_failed").account == service.account


def test_every_gateway_account_is_compared():
    one, at = charged(plan__seller__gateway_account="one")
    charged(plan__seller__gateway_account="two")
    Payment.objects.update(amount=1)

    differences = reconciling.compare(at=at)

    assert sorted(line.split(":")[0] for line in differences) == ["one", "two"]
    assert one.seller.gateway_account == "one"


def test_what_lies_before_the_window_is_left_alone(sandbox):
    _, at = charged()
    Payment.objects.update(amount=1)

    assert reconciling.compare(at=at, since=at + timedelta(minutes=5)) == []


def test_more_charges_than_one_page_are_all_compared(sandbox):
    service, at = charged()
    card = PaymentMethodFactory(is_default=False)
    for _ in range(103):
        charging.ask(
            PaymentFactory.build(
                account=service.account, seller=service.seller, payment_method=card, trigger="customer", created_at=at
            )
        )

    assert len(reconciling.compare(at=at)) == 103


def test_a_gateway_that_is_away_is_no_agreement(sandbox):
    _, at = charged()
    sandbox.inject(Fault.UNAVAILABLE, operation="list_charges")

    with pytest.raises(GatewayUnavailable):
        reconciling.compare(at=at)


@pytest.mark.usefixtures("money_ok")
def test_a_run_for_one_zone_leaves_the_others_waiting(sandbox):
    sandbox.inject(Fault.DROP_AFTER, times=2)
    _, at = charged(account=AccountFactory(time_zone="Pacific/Auckland"))
    charged()

    counts = reconciling.run(at=at + timedelta(minutes=5), scope=Scope(zone="Pacific/Auckland"))

    assert counts == {"decided": 1}
    assert Payment.objects.undecided().count() == 1


@pytest.mark.usefixtures("money_ok")
def test_what_was_looked_at_is_not_looked_at_again_before_its_moment():
    _, at = charged("times_out")

    counts = [reconciling.run(at=at + timedelta(seconds=seconds)) for seconds in (29, 30, 31, 119, 120)]

    assert [sum(each.values()) for each in counts] == [0, 1, 0, 0, 1]


def test_two_charges_under_one_key_are_told(sandbox):
    _, at = charged()
    (one,) = sandbox.charges()
    two = replace(one, reference="ch_second")

    differences = reconciling._theirs_not_ours([one, two], "main", at=at)

    assert len(differences) == 1
    assert "ch_second" in differences[0]


def test_a_payment_called_paid_whose_charge_was_refused_is_told():
    charged("do_not_honour")
    payment = Payment.objects.get()
    at = payment.created_at
    Payment.objects.update(state=PaymentState.SUCCEEDED, settled_at=at, unapplied=payment.amount)

    assert any("is not a charge of theirs" in line for line in reconciling.compare(at=at))
