from __future__ import annotations

from email import message_from_bytes, policy
from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from billing import clock
from billing.events import record
from notifications import dispatching
from notifications.models import Delivery
from notifications.rules import RULES


def run(*arguments: str) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out, stderr=out)
    return out.getvalue()


def test_send_notifications_says_what_it_did(refused, mailbox):
    told = run("send_notifications", f"--at={refused.at.isoformat()}")

    assert told == "1 mails made, 1 sent\n"
    assert run("send_notifications", f"--on={refused.at:%Y-%m-%d}") == "nothing to do\n"


def test_a_dry_run_changes_nothing(refused, mailbox):
    told = run("send_notifications", f"--at={refused.at.isoformat()}", "--dry-run")

    assert told == "would look at: 4 events\n"
    assert not Delivery.objects.exists()


def test_a_dry_run_counts_mail_to_staff(db, mailbox):
    at = clock.now()
    record("dunning.stopped", at=at, job="testing")
    events = run("send_notifications", f"--at={at.isoformat()}", "--dry-run")
    dispatching.dispatch(at=at)

    assert events == "would look at: 1 events\n"
    assert run("send_notifications", f"--at={at.isoformat()}", "--dry-run") == "would look at: 1 mails\n"


def test_no_more_than_the_limit_is_sent(refused, mailbox):
    assert run("send_notifications", f"--at={refused.at.isoformat()}", "--limit=0") == "1 mails made, 1 waits\n"
    assert mailbox.messages == []


def test_a_server_that_cannot_be_reached_is_exit_code_one(refused, mailbox):
    mailbox.stop()

    with pytest.raises(SystemExit) as ended:
        run("send_notifications", f"--at={refused.at.isoformat()}")

    assert ended.value.code == 1


@pytest.mark.parametrize("limit", ["-1", "many"])
def test_a_bad_limit_is_exit_code_two(db, limit):
    with pytest.raises(CommandError) as refusal:
        run("send_notifications", f"--limit={limit}")

    assert refusal.value.returncode == 2


def test_previews_of_every_mail_are_written_without_a_database(tmp_path):
    run("preview_email", "all", "--language=nl", f"--out={tmp_path / 'mails'}")

    assert len(list((tmp_path / "mails").iterdir())) == 3 * len(RULES)
    message = message_from_bytes((tmp_path / "mails" / "payment.failed.nl.eml").read_bytes(), policy=policy.default)
    assert message["Content-Language"] == "nl"
