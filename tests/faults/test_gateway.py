"""F9-F12: however the gateway misbehaves, nothing is charged twice and nothing is called what it is not."""

from __future__ import annotations

from datetime import timedelta

import pytest

from billing import charging, quotes, reconciling, results, settling
from billing.gateways.sandbox import Fault
from billing.models import Event, Invoice, Payment, PaymentMethod, SettlementPurpose, StaffTask
from billing.states import InvoiceState, PaymentState
from tests.billing.acting import owing
from tests.factories import MONDAY, UserFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("money_ok")]

NOT_CHARGED = {Fault.ERROR_BEFORE, Fault.UNAVAILABLE, Fault.TOO_MANY_REQUESTS, Fault.HANG, Fault.ARRIVES_LATE}


@pytest.mark.parametrize("fault", sorted(Fault))
@pytest.mark.parametrize("card", ["good", "do_not_honour"])
def test_the_truth_is_found_whatever_the_gateway_said(sandbox, fault: Fault, card: str):
    service = owing(card)
    at = service.account.moment(MONDAY, 12)
    sandbox.clock = lambda: at
    sandbox.inject(fault)

    charging.collect(at=at)
    claimed = Payment.objects.get().state
    sandbox.clock = lambda: at + timedelta(minutes=16)
    reconciling.run(at=at + timedelta(minutes=1))
    reconciling.run(at=at + timedelta(minutes=16))

    status = "succeeded" if card == "good" else "failed"
    assert claimed in (PaymentState.UNKNOWN, status)
    assert [charge.status for charge in sandbox.charges()] == [status]
    assert Payment.objects.get().state == status
    assert Event.objects.filter(type=f"payment.{status}").count() == 1


@pytest.mark.parametrize("fault", sorted(NOT_CHARGED))
def test_no_money_is_never_called_paid(sandbox, fault: Fault):
    service = owing("good")
    sandbox.inject(fault)

    charging.collect(at=service.account.moment(MONDAY, 12))

    assert Payment.objects.get().state == PaymentState.UNKNOWN
    assert Invoice.objects.get().state == InvoiceState.OPEN


def test_an_error_the_gateway_repeats_for_the_key_is_looked_behind(sandbox):
    service = owing("good")
    at = service.account.moment(MONDAY, 12)
    sandbox.inject(Fault.SAVED_ERROR)
    charging.collect(at=at)

    again = charging.ask(Payment.objects.get())
    reconciling.run(at=at + timedelta(minutes=1))

    assert again.status == "unknown"
    assert Payment.objects.get().state == PaymentState.SUCCEEDED


def test_a_key_the_gateway_has_forgotten_is_not_charged_anew(sandbox):
    service = owing("lost_answer")
    at = service.account.moment(MONDAY, 12)
    charging.collect(at=at)
    sandbox.prune_keys(older_than=timedelta(0))

    reconciling.run(at=at + timedelta(hours=30))

    assert len(sandbox.charges()) == 1
    assert Payment.objects.get().state == PaymentState.SUCCEEDED


def test_two_charges_under_one_reference_do_not_break_the_page(sandbox):
    service = owing("good")
    account, at = service.account, service.account.moment(MONDAY, 12)
    owing("", account=account)
    digest = quotes.quote(account, at=at).digest
    settlement = settling.consent(account, purpose=SettlementPurpose.PAY, digest=digest, by=UserFactory(), at=at)
    sandbox.inject(Fault.DUPLICATE_ID, times=2)

    settling.settle(settlement, method=PaymentMethod.objects.get(), by=None, at=at)
    at_first = results.result(settlement)
    reconciling.run(at=at + timedelta(minutes=1))

    assert [line.status for line in at_first.lines] == ["paid", "checking"]
    assert results.result(settlement).status == "paid"
    assert len(sandbox.charges()) == 2
    assert not StaffTask.objects.exists()


def test_a_gateway_that_is_down_all_day_is_caught_up_with(sandbox):
    service = owing("good")
    at = service.account.moment(MONDAY, 12)
    sandbox.inject(Fault.UNAVAILABLE)
    sandbox.inject(Fault.UNAVAILABLE, operation="look_up", times=7)
    charging.collect(at=at)

    for hours in range(1, 9):
        reconciling.run(at=at + timedelta(hours=hours))

    assert Payment.objects.get().state == PaymentState.SUCCEEDED
    assert len(sandbox.charges()) == 1
