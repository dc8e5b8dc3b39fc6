"""Commands as an operator runs them: a process, one line, an exit code."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from billing import clock
from billing.models import Payment
from tests.billing.acting import owing
from tests.factories import AccountFactory, SubscriptionFactory
from tests.faults.processes import environment

ROOT = Path(__file__).parents[2]


def manage(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=os.environ | environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("run_dunning", "--on", "2026-02-30"), "'2026-02-30' is not a date"),
        (("collect_payments", "--surprise"), "--surprise"),
        (("check_books", "--at", "noon"), "'noon' is not a moment"),
        (("run_daily", "--on", "0001-01-01"), "'0001-01-01' is not in the years 2000 to 2999"),
        (("check_books", "--at", "9999-12-31T23:59+00:00"), "'9999-12-31T23:59+00:00' is not in the years"),
        (("run_daily", "--account", ""), "an empty text is no account's reference"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(arguments: tuple[str, ...], words: str):
    ended = manage(*arguments)

    assert ended.returncode == 2
    assert words in ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1
    assert ended.stdout == ""


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("sqlite:////nowhere/paidup.sqlite3", "the database cannot be reached: unable to open database file"),
        ("postgres://paidup:hidden@127.0.0.1:1/paidup", "the database cannot be reached: connection failed"),
        ("sqlite:///{tmp_path}/empty.sqlite3", "the database is not migrated; run manage.py migrate"),
    ],
)
@pytest.mark.parametrize("command", ["run_daily", "run_dunning", "send_notifications", "check_books"])
def test_a_database_that_is_of_no_use_is_one_line_and_exit_code_2(command: str, url: str, words: str, tmp_path: Path):
    ended = manage(command, "--on", "2026-03-02", DATABASE_URL=url.format(tmp_path=tmp_path))

    assert ended.returncode == 2
    assert f"{command}: {words}" in ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1
    assert "hidden" not in ended.stderr


def test_a_mail_is_previewed_without_a_database(tmp_path: Path):
    ended = manage(
        "preview_email", "payment.failed", "--out", str(tmp_path), DATABASE_URL="postgres://paidup@127.0.0.1:1/paidup"
    )

    assert ended.returncode == 0
    assert (tmp_path / "payment.failed.en.eml").exists()


@pytest.mark.parametrize("event", ["payment.failed", "all"])
def test_a_preview_that_cannot_be_written_is_one_line_and_exit_code_2(event: str):
    ended = manage("preview_email", event, "--language", "en", "--out", "/proc/x")

    assert ended.returncode == 2
    assert ended.stderr.strip() == "CommandError: preview_email: No such file or directory: /proc/x"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("command", ["run_daily", "reconcile_payments"])
def test_a_gateway_without_books_stops_nothing_else(command: str, tmp_path: Path):
    service = SubscriptionFactory(next_invoice_at=clock.now())
    (tmp_path / "notes.txt").write_text("This is no database.\n" * 100)

    ended = manage(command, **environment() | {"SANDBOX_FILE": str(tmp_path / "notes.txt")})

    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    assert "1 could not be processed" in ended.stderr
    assert service.account.invoices.exists() == (command == "run_daily")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("run_daily", "--account", "A-NOBODY"), "there is no account A-NOBODY"),
        (("collect_payments", "--at", "2999-01-01T09:00+00:00"), "is in the future"),
        (("run_dunning", "--on", "2026-03-02"), "is more than a day ago"),
    ],
)
def test_what_is_not_there_is_one_line_and_exit_code_2(arguments: tuple[str, ...], words: str):
    AccountFactory()

    ended = manage(*arguments, **environment() | {"PAST_RUNS": "false"})

    assert ended.returncode == 2
    assert words in ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("money_ok")
def test_two_processes_at_once_charge_once(sandbox):
    for _ in range(4):
        owing("good")
    command = [sys.executable, "manage.py", "collect_payments", "--on", "2026-03-02"]

    processes = [
        subprocess.Popen(command, cwd=ROOT, env=os.environ | environment(), stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    outputs = [process.communicate(timeout=120)[0].strip() for process in processes]

    assert [process.returncode for process in processes] == [0, 0]
    assert len(sandbox.charges()) == Payment.objects.succeeded().count() == 4
    assert sum(int(output.split()[0]) for output in outputs if output != "nothing to do") == 4
