"""F25: a night killed at every account, run twice, or run by two at once is the same night."""

from __future__ import annotations

import signal
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from django.core.management import call_command

from billing import batches, charging, dunning
from billing.gateways.sandbox import Engine
from billing.models import Event, Invoice, Payment, Subscription
from tests.billing.acting import owing, run_jobs, together
from tests.factories import MONDAY
from tests.faults import dying

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("money_ok")]

CARDS = ("good", "insufficient_funds", "stolen", "good", "do_not_honour")
REMINDED = timedelta(days=4)


def a_night(at: datetime) -> None:
    """Charge everybody, and remind those who were refused on the day they are to be reminded."""
    charging.collect(at=at)
    dunning.run(at=at + REMINDED)


def what_became_of_it() -> list[object]:
    """Everything a run writes but keys, which only say in what order it was written."""
    events = Event.objects.values_list("account__legal_name", "type", "at")
    payments = Payment.objects.values_list("account__legal_name", "state", "amount", "decline_code", "created_at")
    invoices = Invoice.objects.values_list("account__legal_name", "state", "amount_paid", "next_charge_at")
    services = Subscription.objects.values_list("account__legal_name", "state", "suspend_at")
    return [sorted(rows, key=str) for rows in (events, payments, invoices, services)]


def played(acts) -> list[object]:
    """Make the same accounts as ever, let the acts run, and let the night be finished."""
    at = None
    for number, card in enumerate(CARDS):
        service = owing(card, account__legal_name=f"Account {number}")
        at = service.account.moment(MONDAY, 12)
    acts(at)
    run_jobs(at)
    run_jobs(at + REMINDED)
    return what_became_of_it()


@pytest.fixture
def uninterrupted(sandbox: Engine) -> list[object]:
    """Play one night without a fault, and forget everything of it, here and at the gateway."""
    ended = played(a_night)
    call_command("flush", interactive=False, verbosity=0)
    with sandbox.transaction() as tx:
        tx.run("DELETE FROM charges")
    return ended


@pytest.mark.parametrize(
    ("job", "account"),
    [*(("collecting", number) for number in range(1, 6)), *(("dunning", number) for number in range(1, 4))],
)
def test_a_night_killed_at_any_account_ends_as_one_that_was_not(
    uninterrupted: list[object], tmp_path: Path, job: str, account: int
):
    step = dying.after(*{"collecting": (charging, "settle"), "dunning": (batches, "_act_on")}[job], times=account)

    def killed(at: datetime) -> None:
        death = dying.dies(step, f"{job} {account}", partial(a_night, at), folder=tmp_path)
        assert death.signal == signal.SIGKILL

    assert played(killed) == uninterrupted


@pytest.mark.parametrize("hosts", [2, 3])
def test_a_night_of_several_hosts_at_once_ends_as_one_of_one(uninterrupted: list[object], hosts: int):
    def at_once(at: datetime) -> None:
        together(*[lambda: charging.collect(at=at)] * hosts)
        together(*[lambda: dunning.run(at=at + REMINDED)] * hosts)

    assert played(at_once) == uninterrupted


def test_a_night_run_twice_ends_as_one_run_once(uninterrupted: list[object]):
    assert played(lambda at: (a_night(at), a_night(at))) == uninterrupted
