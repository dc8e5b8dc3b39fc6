"""F14 and F18: the server crashes under load, and its disk runs full; no charge is lost or made twice."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from datetime import datetime, timedelta

import pytest
from django.db import DatabaseError, InterfaceError, connection

from billing import charging, clock, passing, reconciling
from billing.models import Invoice, Payment, Seller, StaffTask
from billing.states import InvoiceState
from tests import factories
from tests.billing.acting import owing
from tests.conftest import assert_money_ok
from tests.factories import MONDAY
from tests.faults.postgres.cluster import Cluster, FullDisk

pytestmark = [pytest.mark.django_db(transaction=True)]

ROUNDS = int(os.environ.get("SOAK_CRASHES", "3"))
WORKERS = 2


def take_debts_and_charge_them(progress: int, parent: int) -> None:
    """Go on whatever the database does, as long as the test is there."""
    while os.getppid() == parent:
        try:
            service = owing("good")
            charging.collect(at=service.account.moment(MONDAY, 12))
            os.write(progress, b".")
        except (DatabaseError, InterfaceError):
            connection.close()
            time.sleep(0.01)


def forked(progress: int, number: int) -> int:
    connection.close()
    parent = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    # Each process counts on from a number of its own, so that no two make the same row.
    for factory in (factories.SellerFactory, factories.AccountFactory, factories.PlanFactory):
        factory.reset_sequence(number * 1_000_000, force=True)
    try:
        take_debts_and_charge_them(progress, parent)
    finally:
        os._exit(1)


def catch_up() -> None:
    for minutes in (1, 16, 17, 33):
        at = clock.local_moment(MONDAY, 12, "Europe/Amsterdam") + timedelta(minutes=minutes)
        charging.collect(at=at)
        reconciling.run(at=at)


def test_a_crashed_server_loses_no_charge_and_makes_none_twice(sandbox, cluster: Cluster):
    done, progress = os.pipe()
    pids = [forked(progress, number) for number in range(1, WORKERS + 1)]

    for _ in range(ROUNDS):
        os.read(done, 3)
        cluster.crash()
        cluster.start()
    os.read(done, 3)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    catch_up()

    charges = Counter(charge.description for charge in sandbox.charges())
    assert set(charges.values()) == {1}
    assert len(charges) > ROUNDS
    assert set(charges) <= set(Seller.objects.values_list("name", flat=True))
    assert len(charges) == Payment.objects.succeeded().count() == Invoice.objects.filter(state="paid").count()
    assert not Payment.objects.undecided().exists()
    assert_money_ok(sandbox)


def charge(payments: list[Payment], *, at: datetime) -> None:
    for payment in payments:
        charging.settle(payment, charging.ask(payment), at=at)


@pytest.mark.parametrize("full_after", ["nothing", "begin"])
def test_a_full_disk_charges_nothing_twice_and_nothing_is_called_paid(sandbox, full_disk: FullDisk, full_after: str):
    service = owing("good")
    at = service.account.moment(MONDAY, 12)
    payments = charging.begin(service.account_id, at=at) if full_after == "begin" else []
    full_disk.fill()

    with pytest.raises(DatabaseError) as refused:
        charge(payments or charging.begin(service.account_id, at=at), at=at)
    full_disk.clear()
    open_meanwhile = Invoice.objects.get().state
    catch_up()

    assert "No space left" in str(refused.value)
    assert not passing.passes(refused.value)
    assert open_meanwhile == InvoiceState.OPEN
    assert [charge.status for charge in sandbox.charges()] == ["succeeded"]
    assert Invoice.objects.get().state == InvoiceState.PAID
    assert not StaffTask.objects.exists()
    assert_money_ok(sandbox)
