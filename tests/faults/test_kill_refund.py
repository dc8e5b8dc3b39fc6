"""Killed at any step of a refund, the money goes back exactly once and the books are right."""

from __future__ import annotations

import signal
from datetime import timedelta

import pytest

from billing import books, charging, quotes, reconciling, refunds, settling
from billing.gateways.sandbox import Fault
from billing.models import EntryKind, Event, LedgerEntry, Payment, Refund, SettlementPurpose
from tests.billing.acting import asked_when_begun, owing
from tests.billing.test_refunds import prepaid
from tests.factories import MONDAY, PaymentMethodFactory, UserFactory
from tests.faults import processes

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("money_ok")]

# Before the first commit nothing has happened: whoever asked asks again.
NOTHING = ["before the lock", "after setting the credit aside", "before the first commit"]
BEGUN = [
    "after the first commit",
    "after sending",
    "after the answer",
    "in the middle of settling",
    "before the second commit",
    "after the second commit",
]


def killed(act: str, step: str, at, *arguments: str) -> bool:
    return processes.run("tests.faults.dying_refund", act, step, at.isoformat(), *arguments) == -signal.SIGKILL


def recover(at) -> None:
    """Let the jobs of the next half hour run, as they do anyway."""
    for minutes in (1, 3, 16):
        reconciling.run(at=at + timedelta(minutes=minutes))


@pytest.mark.parametrize("step", NOTHING)
def test_killed_before_the_first_commit_nothing_has_happened(sandbox, step: str):
    payment, at = prepaid(sandbox)

    died = killed("request", step, at, str(payment.pk))
    recover(at)

    assert died
    assert not Refund.objects.exists()
    assert not sandbox.refunds()
    assert Payment.objects.get().unapplied == 50_00


@pytest.mark.parametrize("step", BEGUN)
def test_killed_after_it_the_money_goes_back_exactly_once(sandbox, step: str):
    payment, at = prepaid(sandbox)

    died = killed("request", step, at, str(payment.pk))
    recover(at)

    assert died
    assert [(record.status, record.amount) for record in sandbox.refunds()] == [("succeeded", 50_00)]
    assert Refund.objects.get().state == "succeeded"
    assert LedgerEntry.objects.filter(kind=EntryKind.REFUND).count() == 1
    assert Event.objects.filter(type="refund.succeeded").count() == 1
    assert books.check(at=at) == []


@pytest.mark.parametrize("step", ["after the first commit", "after the answer", "after the second commit"])
@pytest.mark.parametrize("fault", [Fault.DROP_AFTER, Fault.SAVED_ERROR, Fault.HANG, Fault.UNAVAILABLE])
def test_killed_while_the_gateway_fails_as_well(sandbox, step: str, fault: Fault):
    payment, at = prepaid(sandbox)
    sandbox.inject(fault, operation="refund")

    died = killed("request", step, at, str(payment.pk))
    recover(at)

    assert died
    assert [record.amount for record in sandbox.refunds()] == [50_00]
    assert Refund.objects.get().state == "succeeded"


def double(sandbox):
    """Let a person pay again what was charged without an answer; the first is found to have succeeded."""
    service = owing("lost_answer")
    account, by = service.account, UserFactory()
    at = account.moment(MONDAY, 12)
    sandbox.clock = lambda: at
    charging.collect(at=at)
    card = PaymentMethodFactory(account=account, card="good", is_default=False)
    asked_when_begun()
    later = at + timedelta(minutes=61)
    digest = quotes.quote(account, at=later).digest
    settlement = settling.consent(account, purpose=SettlementPurpose.PAY, digest=digest, by=by, at=later)
    settling.settle(settlement, method=card, by=by, at=later)
    return at + timedelta(hours=2)


@pytest.mark.parametrize(
    "step", ["after a double is set aside", "while a double is looked up", "after a double was sent"]
)
def test_a_double_goes_back_once_wherever_the_job_is_killed(sandbox, step: str):
    at = double(sandbox)
    if step != "after a double is set aside":
        reconciling.run(at=at)

    died = killed("reconcile", step, at + timedelta(minutes=1))
    recover(at + timedelta(minutes=2))

    assert died
    assert [record.amount for record in sandbox.refunds()] == [121_00]
    assert Refund.objects.get().state == "succeeded"
    assert not Payment.objects.unapplied().exists()


@pytest.mark.parametrize("step", ["after sending", "after the answer"])
def test_two_processes_and_one_of_them_killed_give_back_once(sandbox, step: str):
    payment, at = prepaid(sandbox)
    died = killed("request", step, at, str(payment.pk))

    refund = Refund.objects.get()
    refunds.check(refund, at=at)
    refunds.settle(refund, refunds.ask(refund, at=at), at=at)

    assert died
    assert len(sandbox.refunds()) == 1
    assert Event.objects.filter(type="refund.succeeded").count() == 1
