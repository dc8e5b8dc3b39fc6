"""F15-F17: what the way to the database does in the middle of a charge or of a page."""

from __future__ import annotations

import os
import signal
import time
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse

from billing import charging, reconciling
from billing.models import Account, Event, Invoice, Payment
from billing.scope import Scope
from billing.states import InvoiceState
from tests.billing.acting import owing
from tests.factories import MONDAY, MembershipFactory
from tests.faults.postgres.conftest import database_at
from tests.faults.proxy import Manner, Proxy

pytestmark = pytest.mark.django_db(transaction=True)

FREE_AGAIN_SECONDS = 30
LOCK_SECONDS = 5
SAFE_WORDS = "do not pay again yet"


@pytest.mark.usefixtures("money_ok")
@pytest.mark.parametrize("commits_before", range(3))
def test_a_lost_answer_to_a_commit_charges_nothing_twice(sandbox, proxy: Proxy, commits_before: int):
    service = owing("good")
    at = service.account.moment(MONDAY, 12)
    proxy.commits_to_pass = commits_before
    proxy.manner = Manner.LOSE_COMMIT

    charging.collect(at=at)
    proxy.manner = Manner.PASS
    for minutes in (1, 16, 17):
        charging.collect(at=at + timedelta(minutes=minutes))
        reconciling.run(at=at + timedelta(minutes=minutes))

    assert proxy.lost == 1
    assert [charge.status for charge in sandbox.charges()] == ["succeeded"]
    assert Payment.objects.get().state == "succeeded"
    assert Invoice.objects.get().state == InvoiceState.PAID
    assert Event.objects.filter(type="payment.succeeded").count() == 1


@pytest.mark.parametrize(
    ("manner", "page"),
    [
        (Manner.CUT, "overview"),
        (Manner.CUT, "settle"),
        (Manner.RESET, "overview"),
        (Manner.RESET, "settle"),
        (Manner.DELAY, "overview"),
    ],
)
def test_a_page_without_its_database_says_that_nothing_is_taken_twice(proxy: Proxy, manner: Manner, page: str):
    service = owing("good")
    person = MembershipFactory(account=service.account).user
    client = Client(raise_request_exception=False)
    client.force_login(person)
    client.get(reverse(page, args=[service.account.reference]))
    proxy.manner = manner

    answer = client.get(reverse(page, args=[service.account.reference]))

    assert answer.status_code == 200 or SAFE_WORDS in answer.content.decode()
    assert (answer.status_code == 200) == (manner is Manner.DELAY)


def test_a_page_says_when_to_come_back_while_the_database_is_away():
    service = owing("good")
    client = Client(raise_request_exception=False)
    client.force_login(MembershipFactory(account=service.account).user)

    with database_at(HOST="127.0.0.1", PORT=1):
        answer = client.get(reverse("overview", args=[service.account.reference]))

    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "60"
    assert SAFE_WORDS in answer.content.decode()


def test_a_way_too_slow_to_connect_ends_in_time_and_with_safe_words(proxy: Proxy):
    service = owing("good")
    client = Client(raise_request_exception=False)
    client.force_login(MembershipFactory(account=service.account).user)
    connection.close()
    proxy.manner = Manner.DRIP
    started = time.monotonic()

    answer = client.get(reverse("overview", args=[service.account.reference]))

    assert answer.status_code == 503
    assert SAFE_WORDS in answer.content.decode()
    assert time.monotonic() - started < FREE_AGAIN_SECONDS


def hold_the_lock_of(account: Account, holds: int) -> int:
    """Fork a process that locks an account, says so, and never ends by itself."""
    connection.close()
    pid = os.fork()
    if pid:
        return pid
    with transaction.atomic():
        Account.objects.locked().get(pk=account.pk)
        os.write(holds, b"!")
        signal.pause()
    os._exit(1)


@pytest.mark.usefixtures("money_ok")
def test_a_swallowed_connection_frees_its_locks_in_time_and_holds_up_nobody_else(sandbox, proxy: Proxy):
    held, other = owing("good"), owing("good")
    at = held.account.moment(MONDAY, 12)
    told, holds = os.pipe()
    pid = hold_the_lock_of(held.account, holds)
    os.read(told, 1)
    proxy.manner = Manner.SWALLOW
    started = time.monotonic()

    with database_at(HOST=proxy.target[0], PORT=proxy.target[1]):
        charging.collect(at=at, scope=Scope(account=other.account.reference))
        others_waited = time.monotonic() - started
        while not Payment.objects.succeeded().filter(account=held.account).exists():
            charging.collect(at=at, scope=Scope(account=held.account.reference))
            assert time.monotonic() - started < FREE_AGAIN_SECONDS + LOCK_SECONDS
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    proxy.manner = Manner.PASS

    assert others_waited < LOCK_SECONDS
    assert len(sandbox.charges()) == 2
