"""
F1-F9: killed at any step of a charge, while the gateway misbehaves in any way, with one
worker and with two: the money is taken exactly once, none is lost and none is orphaned.
"""

from __future__ import annotations

import resource
import signal
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from itertools import product
from pathlib import Path

import pytest

from billing import charging, reconciling
from billing.gateways.sandbox import Engine, Fault
from billing.models import Event, Invoice, Payment, StaffTask, Subscription, TaskKind
from billing.scope import Scope
from billing.states import InvoiceState
from tests.billing.acting import owing
from tests.factories import MONDAY
from tests.faults import dying

WORKERS = (1, 2)
STEPS = tuple(dying.CHARGE)
# Nothing is charged on the first try when the gateway fails before it does anything.
CHARGES_NOTHING = {
    Fault.ERROR_BEFORE,
    Fault.UNAVAILABLE,
    Fault.TOO_MANY_REQUESTS,
    Fault.HANG,
    Fault.ARRIVES_LATE,
}
NOT_SENT_YET = STEPS[:3]
RECEIVED = STEPS[5:]
SECONDS = 120


def money_has_moved(fault: Fault, step: str) -> bool:
    """Say whether the gateway has taken the money when a process dies at the step."""
    return step in RECEIVED or (step not in NOT_SENT_YET and fault not in CHARGES_NOTHING)


@pytest.fixture(scope="module")
def worked() -> list[float]:
    """The seconds of work of each row that this process has run: it is one of the cores."""
    return []


@pytest.fixture
def in_time(worked: list[float]) -> Iterator[None]:
    """The whole matrix fits its time on two cores: no core works longer than that, however busy the machine."""
    started = _seconds_worked()
    yield
    worked.append(_seconds_worked() - started)
    assert sum(worked) < SECONDS


def _seconds_worked() -> float:
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def go_on(sandbox: Engine, service: Subscription, start: datetime) -> None:
    """Let the jobs of the next hour run, as they do anyway."""
    scope = Scope(account=service.account.reference)
    for minutes in (0, 1, 16, 17, 60):
        at = start + timedelta(minutes=minutes)
        sandbox.clock = lambda at=at: at
        charging.collect(at=at, scope=scope)
        reconciling.run(at=at, scope=scope)


def left_to_meet(sandbox: Engine) -> int:
    """Count the faults that no call has met yet, in the gateway's own record."""
    with sandbox.transaction() as tx:
        return sum(row["times"] for row in tx.rows("SELECT times FROM faults"))


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("money_ok", "in_time")
@pytest.mark.parametrize("workers", WORKERS)
@pytest.mark.parametrize("fault", sorted(Fault))
def test_a_killed_charge_is_made_once_whatever_the_gateway_does(
    sandbox: Engine, tmp_path: Path, fault: Fault, workers: int
):
    for step in STEPS:
        service = owing("good")
        owing_since = service.account.moment(MONDAY, 12)
        before = len(sandbox.charges())
        sandbox.inject(fault)

        death = dying.at(step, partial(go_on, sandbox, service, owing_since), folder=tmp_path, workers=workers)
        go_on(sandbox, service, owing_since + timedelta(minutes=61))

        assert (death.signal, death.step) == (signal.SIGKILL, step)
        assert death.charges - before >= money_has_moved(fault, step), step
        assert left_to_meet(sandbox) == 0, step
        assert [charge.status for charge in sandbox.charges()[before:]] == ["succeeded"], step
        assert [payment.state for payment in Payment.objects.for_account(service.account)] == ["succeeded"], step
        assert Invoice.objects.for_account(service.account).get().state == InvoiceState.PAID, step
        assert Event.objects.filter(account=service.account, type="payment.succeeded").count() == 1, step
    assert not StaffTask.objects.filter(kind=TaskKind.ACCOUNT_FAILED).exists()
    assert reconciling.compare(at=owing_since + timedelta(hours=3)) == []


def test_at_least_half_of_the_scenarios_die_after_money_moved():
    scenarios = list(product(sorted(Fault), STEPS, WORKERS))

    moved = [money_has_moved(fault, step) for fault, step, _ in scenarios]

    assert len(scenarios) >= 224
    assert sum(moved) * 2 >= len(scenarios)
