"""F24: whatever happens to the mail server or to a sender, every mail goes out, and duplicates carry one id."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from django.db import connection

from billing import clock
from billing.models import Event
from notifications import delivery, dispatching
from notifications.models import Delivery, DeliveryState
from tests.factories import ContactFactory

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def crowd(transactional_db, refused):
    """The refused account with two dozen recipients."""
    for _ in range(24):
        ContactFactory(account=refused.account)
    return refused


def in_threads(act, *, number: int) -> list[object]:
    results: list[object] = []

    def work() -> None:
        try:
            results.append(act())
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == number
    return results


def test_dispatchers_at_once_make_each_mail_once(crowd):
    in_threads(lambda: dispatching.dispatch(at=crowd.at), number=4)

    rows = Counter(Delivery.objects.values_list("event_id", "recipient"))
    assert len(rows) == 2 * 25
    assert set(rows.values()) == {1}


def test_senders_at_once_send_each_mail_once(crowd, mailbox):
    dispatching.dispatch(at=crowd.at)

    in_threads(lambda: delivery.send_due(at=crowd.at), number=4)

    assert len(mailbox.messages) == 25
    assert len({message["To"] for message in mailbox.messages}) == 25
    assert set(Delivery.objects.values_list("state", flat=True)) == {DeliveryState.ACCEPTED}
    assert Event.objects.filter(type="notice.sent").count() == 50


def test_a_killed_sender_loses_nothing_and_its_duplicate_carries_the_same_id(crowd, mailbox):
    mailbox.pause = 0.05
    sender = start(f"--at={crowd.at.isoformat()}", mailbox=mailbox)
    wait_until(lambda: len(mailbox.messages) >= 5)
    sender.kill()
    sender.wait()
    mailbox.pause = 0

    delivery.run(at=clock.now() + delivery.LEASE)

    sent = Counter(message["Message-ID"] for message in mailbox.messages)
    assert len(sent) == 25
    assert sent.total() <= 26
    assert set(Delivery.objects.values_list("state", flat=True)) == {DeliveryState.ACCEPTED}


def test_the_loop_sends_what_comes_and_ends_when_it_is_told_to(transactional_db, refused, mailbox):
    loop = start("--loop", mailbox=mailbox)
    wait_until(lambda: mailbox.messages)
    loop.send_signal(signal.SIGTERM)

    assert loop.wait(timeout=20) == 0
    assert len(mailbox.messages) == 1


def start(*arguments: str, mailbox) -> subprocess.Popen[bytes]:
    """Start the command as a process of its own, on this test's database and mail server."""
    database = connection.settings_dict
    if connection.vendor == "sqlite":
        url = f"sqlite:///{database['NAME']}"
    else:
        url = "postgres://{USER}:{PASSWORD}@{HOST}:{PORT}/{NAME}".format(**database)
    environment = {**os.environ, "DATABASE_URL": url, "EMAIL_URL": f"smtp://127.0.0.1:{mailbox.port}"}
    command = [sys.executable, str(ROOT / "manage.py"), "send_notifications", *arguments]
    return subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def wait_until(happened, *, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)
