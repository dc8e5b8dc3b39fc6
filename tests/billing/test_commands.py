"""Commands are thin voices: what they say, how they end, and what they leave alone."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.core.management import CommandError, call_command

from billing import charging, clock, expiring, webhooks
from billing.events import record
from billing.gateways.sandbox import Fault
from billing.management.looping import LoopingCommand
from billing.models import Account, Event, Invoice, Payment, StaffTask, Subscription
from tests.billing.acting import live_through, owing
from tests.factories import MONDAY, AccountFactory, PaymentFactory, PlanFactory, SubscriptionFactory

pytestmark = pytest.mark.django_db

JOBS = ["issue_invoices", "collect_payments", "run_dunning", "reconcile_payments", "run_daily"]


def said(capsys) -> str:
    return capsys.readouterr().out.strip()


def exit_code(*arguments: str) -> int | None:
    """Run a command and return its exit code: 0 when it simply returns."""
    try:
        call_command(*arguments)
    except SystemExit as exit_:
        return exit_.code
    except CommandError as error:
        return error.returncode
    return 0


def test_each_says_what_it_did(capsys):
    service = SubscriptionFactory()
    owing("good", plan=service.plan)
    declined = owing("do_not_honour")
    at = declined.account.moment(MONDAY, 12).isoformat()

    call_command("issue_invoices", "--at", at)
    issued = said(capsys)
    call_command("collect_payments", "--at", at)
    collected = said(capsys)
    call_command("run_dunning", "--on", "2026-03-05")

    assert issued == "1 issued"
    assert sorted(collected.split(", ")) == ["1 charged", "1 refused"]
    assert said(capsys) == "2 reminded"


@pytest.mark.parametrize("job", JOBS)
def test_an_idle_night_is_done(job: str, capsys):
    assert exit_code(job, "--on", "2026-03-02") == 0
    assert said(capsys) == "nothing to do"


def test_a_declined_card_is_a_result_and_no_failure():
    owing("do_not_honour")

    assert exit_code("collect_payments", "--on", "2026-03-02") == 0


def test_what_could_not_be_processed_ends_with_1(capsys):
    service = owing("good")
    Payment.objects.all().delete()
    service.account.payment_methods.update(gateway="nobody")

    assert exit_code("collect_payments", "--on", "2026-03-02") == 1
    assert capsys.readouterr().err.strip().endswith("collect_payments: 1 could not be processed")


def test_a_night_that_stops_itself_ends_with_1(capsys):
    plan = PlanFactory()
    for _ in range(20):
        owing("do_not_honour", plan=plan)

    assert exit_code("collect_payments", "--on", "2026-03-02") == 1
    output = capsys.readouterr()
    assert output.out.strip() == "20 refused"
    assert "stopped itself: too many charges were refused; staff have been told" in output.err


@pytest.mark.parametrize("job", JOBS)
@pytest.mark.parametrize(
    "arguments",
    [
        ("--on", "2026-02-30"),
        ("--on", "tomorrow"),
        ("--at", "2026-03-02"),
        ("--at", "2026-03-02T09:00"),
        ("--at", "2026-13-45T99:00+01:00"),
        ("--on", "2026-03-02", "--at", "2026-03-02T09:00+01:00"),
        ("--account", "A-NOBODY"),
        ("--account", ""),
        ("--on", "0001-01-01"),
        ("--on", "9999-12-31", "--dry-run"),
        ("--at", "0001-01-01T00:00+14:00"),
        ("--at", "9999-12-31T23:59+00:00", "--dry-run"),
        ("--surprise",),
    ],
)
def test_bad_input_ends_with_2_and_changes_nothing(job: str, arguments: tuple[str, ...]):
    owing("good")
    SubscriptionFactory(started_on=date(2026, 1, 1))
    events = Event.objects.count()

    assert exit_code(job, *arguments) == 2
    assert Event.objects.count() == events


@pytest.mark.parametrize("job", ["send_notifications", "reconcile_payments"])
@pytest.mark.parametrize(
    "arguments",
    [("--dry-run",), ("--on", "2026-03-02"), ("--at", "2026-03-02T09:00+01:00"), ("--account", "A-NOBODY")],
)
def test_a_loop_is_not_limited(job: str, arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(LoopingCommand, "loop", lambda _: None)

    assert exit_code(job, "--loop") == 0
    assert exit_code(job, "--loop", *arguments) == 2


@pytest.mark.parametrize("job", JOBS)
def test_the_future_is_refused(job: str):
    owing("good")
    tomorrow = clock.now() + timedelta(days=2)

    assert exit_code(job, "--on", f"{tomorrow:%Y-%m-%d}") == 2
    assert exit_code(job, "--at", tomorrow.isoformat()) == 2
    assert not Payment.objects.exists()


@pytest.mark.parametrize("job", [*JOBS, "check_books"])
def test_the_future_is_refused_where_nobody_is_yet(job: str):
    assert exit_code(job, "--on", "2999-01-01") == 2


def test_an_abnormal_night_in_one_zone_leaves_the_others_their_run(capsys):
    plan = PlanFactory()
    for _ in range(22):
        owing("insufficient_funds", plan=plan)
    elsewhere = SubscriptionFactory(account=AccountFactory(time_zone="Pacific/Auckland"))

    assert exit_code("run_daily", "--on", MONDAY.isoformat()) == 1

    assert elsewhere.account.invoices.exists()
    assert "stopped itself" in capsys.readouterr().err


@pytest.mark.parametrize("job", JOBS)
def test_a_dry_run_says_what_waits_and_changes_nothing(job: str, capsys, sandbox):
    service = owing("good")
    SubscriptionFactory()
    sandbox.inject(Fault.HANG)
    charging.collect(at=service.account.moment(MONDAY, 12))
    owing("good")
    before = (Event.objects.count(), Invoice.objects.count(), Payment.objects.count(), StaffTask.objects.count())
    tomorrow = clock.now() + timedelta(days=2)

    code = exit_code(job, "--on", f"{tomorrow:%Y-%m-%d}", "--dry-run")

    after = (Event.objects.count(), Invoice.objects.count(), Payment.objects.count(), StaffTask.objects.count())
    assert (code, before) == (0, after)
    assert said(capsys).startswith("would look at: ")
    assert not [charge for charge in sandbox.charges() if charge.status == "succeeded"]


@pytest.mark.parametrize(("days", "step"), [(14, "warned"), (21, "suspended"), (51, "canceled")])
def test_a_dry_run_tells_of_services_about_to_be_warned_stopped_or_canceled(days: int, step: str, capsys):
    account = owing("").account
    live_through(account, MONDAY, days)
    at = account.moment(MONDAY + timedelta(days=days), 12).isoformat()

    call_command("run_dunning", "--at", at, "--dry-run")
    foretold = said(capsys)
    call_command("run_dunning", "--at", at)

    assert foretold == "would look at: 1 accounts"
    assert f"1 {step}" in said(capsys)


def test_a_dry_run_tells_of_cards_that_expire(capsys):
    card = owing("good").account.payment_methods.get()
    Invoice.objects.update(next_action_at=None)
    expiring.plan(card, at=card.added_at)
    card.refresh_from_db()

    call_command("run_dunning", "--at", card.next_action_at.isoformat(), "--dry-run")

    assert said(capsys) == "would look at: 1 accounts"


def test_a_dry_run_of_the_night_tells_of_every_stage(capsys, sandbox):
    owing("three_d_secure")
    SubscriptionFactory()
    at = clock.now()
    charging.collect(at=at)
    for webhook in sandbox.webhooks():
        webhooks.receive("sandbox", body=webhook.body, headers=webhook.headers, at=at)
    record("dunning.stopped", at=at, job="testing")
    later = (at + timedelta(days=1)).isoformat()

    call_command("run_daily", "--at", later, "--dry-run")

    told = said(capsys).removeprefix("would look at: ").split(", ")
    assert {part.partition(" ")[2] for part in told} >= {"webhooks", "payments", "events", "to invoice", "to charge"}


@pytest.mark.parametrize(
    ("days", "event"),
    [(0, "payment.failed"), (7, "dunning.reminded"), (14, "service.warned"), (21, "service.suspended")],
)
def test_an_account_in_no_time_zone_costs_itself_alone(days: int, event: str, capsys):
    plan = PlanFactory()
    bad, good = owing("do_not_honour", plan=plan), owing("do_not_honour", plan=plan)
    live_through(good.account, MONDAY, days)
    Account.objects.filter(pk=bad.account_id).update(time_zone="Nowhere/Atlantis")
    today = MONDAY + timedelta(days=days)

    assert exit_code("run_daily", "--on", today.isoformat()) == 1

    assert Event.objects.filter(type=event, account=good.account, at=good.account.moment(today, 12)).exists()
    assert {task.account for task in StaffTask.objects.filter(kind="account_failed")} == {bad.account}


def test_noon_is_noon_where_each_account_is():
    zones = ("Pacific/Auckland", "America/Los_Angeles")
    services = [SubscriptionFactory(account=AccountFactory(time_zone=zone)) for zone in zones]

    call_command("issue_invoices", "--on", "2026-03-02")

    issued = {service: Event.objects.get(account=service.account).at for service in services}
    assert issued == {service: service.account.moment(MONDAY, 12) for service in services}


def test_one_account_alone_is_worked_on():
    one, other = SubscriptionFactory(), SubscriptionFactory()

    call_command("issue_invoices", "--on", "2026-03-02", "--account", one.account.reference)

    assert Invoice.objects.get().account == one.account
    assert Subscription.objects.get(pk=other.pk).next_period_on == MONDAY


def test_running_twice_does_nothing_more(capsys):
    owing("good")
    call_command("run_daily", "--on", "2026-03-02")
    events = Event.objects.count()

    call_command("collect_payments", "--on", "2026-03-02")
    call_command("run_dunning", "--on", "2026-03-02")

    assert Event.objects.count() == events
    assert said(capsys).splitlines()[-2:] == ["nothing to do", "nothing to do"]


def test_differences_with_the_gateway_end_with_1(capsys):
    service = owing("good")
    now = clock.now()
    PaymentFactory(account=service.account, seller=service.seller, state="succeeded", settled_at=now, created_at=now)

    assert exit_code("reconcile_payments") == 1
    assert "is not a charge of theirs" in capsys.readouterr().err


def test_a_gateway_that_is_away_ends_with_1(capsys, sandbox):
    owing("good")
    sandbox.inject(Fault.UNAVAILABLE, operation="list_charges")

    assert exit_code("reconcile_payments") == 1
    assert "the gateway cannot be asked" in capsys.readouterr().err


def test_books_that_are_right_are_said_to_be(capsys):
    assert exit_code("check_books") == 0
    assert said(capsys) == "the books are right"


def test_books_that_are_wrong_end_with_1_and_the_rows(capsys):
    owing("good")
    Invoice.objects.update(amount_paid=100)

    assert exit_code("check_books", "--at", "2026-03-02T12:00+01:00") == 1
    assert "I4 invoice" in capsys.readouterr().err
