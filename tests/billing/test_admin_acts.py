"""List actions call what the portal calls, outside of a transaction, and note who asked."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse

from billing import cards, charging
from billing.gateways.sandbox import Fault
from billing.models import CardVisit, DunningCase, GatewayEvent, Payment, PaymentMethod, StaffTask
from billing.staffing import AlreadyDone, AlreadyTaken, ask_staff, finish, take
from billing.states import CaseState, PaymentState
from tests.billing.acting import owing, submit_card
from tests.billing.admin_forms import submit
from tests.billing.admin_rows import a_story, signed_in, staff
from tests.factories import MONDAY, AccountFactory, MembershipFactory

pytestmark = pytest.mark.django_db


def run(user, table: str, action: str, *rows) -> str:
    data = {"action": action, "_selected_action": [row.pk for row in rows], "index": 0}
    url = reverse(f"admin:billing_{table}_changelist")
    return signed_in(user).post(url, data, follow=True).content.decode()


def noted(user) -> list[tuple[str, str]]:
    entries = LogEntry.objects.filter(user=user).order_by("pk")
    return [(entry.object_id, entry.change_message) for entry in entries]


@pytest.fixture
def agent():
    return staff(is_superuser=True)


@pytest.fixture
def lost(sandbox, moments) -> Payment:
    """A payment that the gateway made and never answered about."""
    owing()
    sandbox.inject(Fault.DROP_AFTER)
    charging.collect(at=moments(MONDAY))
    payment = Payment.objects.get()
    assert payment.state == PaymentState.UNKNOWN
    return payment


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("money_ok")
def test_a_payment_without_an_answer_is_asked_about_again(lost, agent):
    run(agent, "payment", "ask_again", lost)

    lost.refresh_from_db()
    assert lost.state == PaymentState.SUCCEEDED
    assert noted(agent) == [(str(lost.pk), "asked the gateway again")]


@pytest.mark.django_db(transaction=True)
def test_a_payment_that_was_never_charged_is_ended_a_day_later(sandbox, moments, agent):
    owing("times_out")
    sandbox.inject(Fault.HANG)
    charging.collect(at=moments(MONDAY))
    payment = Payment.objects.get()

    too_early = run(agent, "payment", "give_up", payment)
    Payment.objects.update(asked_at=payment.created_at)
    run(agent, "payment", "give_up", payment)

    payment.refresh_from_db()
    assert "try again a day after it was asked" in too_early
    assert payment.state == PaymentState.CANCELED


def test_a_decided_payment_is_not_asked_about(moments, agent):
    owing()
    charging.collect(at=moments(MONDAY))

    page = run(agent, "payment", "ask_again", Payment.objects.get())

    assert "1 payment was not asked about" in page
    assert noted(agent) == []


@pytest.mark.django_db(transaction=True)
def test_a_visit_whose_person_never_came_back_is_finished(sandbox, moments, agent):
    service = owing("")
    visit = cards.start(
        service.account, settlement=None, by=MembershipFactory(account=service.account).user, at=moments(MONDAY)
    )
    submit_card(sandbox, visit, "good")

    run(agent, "cardvisit", "look_again", visit)

    assert CardVisit.objects.get().payment_method == PaymentMethod.objects.get()
    assert noted(agent) == [(str(visit.pk), "looked again at the gateway")]


def test_a_visit_that_is_still_open_is_said_to_be(moments, agent):
    visit = cards.start(owing("").account, settlement=None, by=agent, at=moments(MONDAY))

    assert "is still open at the gateway" in run(agent, "cardvisit", "look_again", visit)


def test_a_gateway_that_is_away_is_no_error_page(sandbox, moments, agent):
    visit = cards.start(owing("").account, settlement=None, by=agent, at=moments(MONDAY))
    sandbox.inject(Fault.UNAVAILABLE, operation="fetch_session")

    assert "the gateway does not answer" in run(agent, "cardvisit", "look_again", visit)


@pytest.mark.django_db(transaction=True)
def test_a_webhook_is_processed_again(lost, moments, agent):
    event = GatewayEvent.objects.create(
        gateway="sandbox",
        gateway_account=lost.gateway_account,
        event_id="e1",
        type="charge",
        body=b"{}",
        idempotency_key=lost.idempotency_key,
        received_at=moments(MONDAY),
    )

    run(agent, "gatewayevent", "process_again", event)

    event.refresh_from_db()
    lost.refresh_from_db()
    assert event.processed_at is not None
    assert lost.state == PaymentState.SUCCEEDED
    assert noted(agent) == [(str(event.pk), "processed again")]


def test_how_an_account_stands_is_worked_out_anew(agent):
    account = owing("").account

    run(agent, "account", "refresh_standing", account)

    assert DunningCase.objects.get(account=account).state == CaseState.OPEN
    assert noted(agent) == [(str(account.pk), "worked out anew how it stands")]


def test_a_slow_gateway_does_not_keep_the_reader_waiting(lost, agent, monkeypatch):
    monkeypatch.setattr("billing.admin.showing.PATIENCE", timedelta(seconds=-1))

    page = run(agent, "payment", "ask_again", lost)

    assert "1 payment was not asked about" in page


def a_task(moments) -> StaffTask:
    return ask_staff("no_recipient", key="k", at=moments(MONDAY), account=AccountFactory())


def test_a_task_is_taken_and_done_by_name(moments, agent):
    task = a_task(moments)

    run(agent, "stafftask", "take", task)
    run(agent, "stafftask", "done", task)

    task.refresh_from_db()
    assert task.taken_by == agent
    assert task.done_at is not None
    assert noted(agent) == [(str(task.pk), "took the task"), (str(task.pk), "said that it is done")]


def test_a_task_is_taken_by_one_person(moments, agent):
    task, colleague = a_task(moments), staff()
    take(task, by=colleague)

    page = run(agent, "stafftask", "take", task)

    task.refresh_from_db()
    assert task.taken_by == colleague
    assert f"{colleague} has it" in page
    with pytest.raises(AlreadyTaken):
        take(task, by=agent)


def test_a_task_is_done_once(moments, agent):
    task, colleague = a_task(moments), staff()
    finish(task, by=colleague, at=moments(MONDAY))

    page = run(agent, "stafftask", "done", task)

    assert "done already" in page
    assert task.taken_by == colleague
    with pytest.raises(AlreadyDone):
        take(task, by=agent)


def test_taking_ones_own_task_again_changes_nothing(moments, agent):
    task = take(a_task(moments), by=agent)

    assert take(task, by=agent).taken_by == agent


def test_how_an_account_pays_is_an_act_and_no_field(agent):
    account = owing("").account
    page = reverse("admin:billing_account_change", args=[account.pk])

    form = signed_in(agent).get(page).content.decode()
    told = run(agent, "account", "pay_by_invoice", account)
    again = run(agent, "account", "pay_by_invoice", account)
    account.refresh_from_db()

    assert 'name="collection_method"' not in form
    assert not account.pays_by_card
    assert "1 account pays in another way" in told
    assert "0 accounts pay in another way" in again
    assert noted(agent) == [(str(account.pk), "changed how it pays to send_invoice")]
    assert account.events.get(type="account.collection_method_changed").actor == agent

    run(agent, "account", "pay_by_card", account)
    account.refresh_from_db()
    assert account.pays_by_card


def test_an_edit_by_staff_is_told_to_the_customer(agent):
    account = a_story().account
    page = reverse("admin:billing_account_change", args=[account.pk])

    submit(signed_in(agent), page, legal_name="New name B.V.", country="nl", terms_days=30)

    account.refresh_from_db()
    event = account.events.get(type="profile.changed", actor=agent)
    assert (account.legal_name, account.country, account.terms_days) == ("New name B.V.", "NL", 30)
    assert {"legal_name", "terms_days"} <= set(event.codes["fields"])
