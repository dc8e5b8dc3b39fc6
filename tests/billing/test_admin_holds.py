"""Staff place, extend and lift holds, pause a seller, and decide about announced stops."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.urls import reverse

from billing import clock, dunning, standing
from billing.models import Event, Hold, Invoice, StaffTask, Subscription
from tests.billing.acting import days_of, live_through, owing
from tests.billing.admin_forms import submit
from tests.billing.admin_rows import signed_in, staff
from tests.factories import MONDAY, InvoiceFactory

pytestmark = pytest.mark.django_db

STOP = MONDAY + timedelta(days=21)


def member(group: str):
    user = staff()
    user.groups.add(Group.objects.get(name=group))
    return user


def in_days(days: int) -> dict[str, str]:
    local = clock.now().astimezone() + timedelta(days=days)
    return {"ends_at_0": f"{local:%Y-%m-%d}", "ends_at_1": "12:00:00"}


def add(user, **fields):
    return submit(signed_in(user), reverse("admin:billing_hold_add"), **(in_days(9) | fields))


def act(user, table: str, action: str, row):
    data = {"action": action, "_selected_action": [row.pk], "index": 0}
    url = reverse(f"admin:billing_{table}_changelist")
    return signed_in(user).post(url, data, follow=True).content.decode()


def test_an_agent_puts_an_account_on_hold_by_name():
    agent, account = member("Billing agent"), owing("").account

    answer = add(agent, kind="support", account=account.pk, reason="asked about the price")

    hold = Hold.objects.get()
    assert answer.status_code == 302
    assert (hold.account, hold.created_by, hold.reason) == (account, agent, "asked about the price")
    assert Event.objects.get(type="hold.placed").actor == agent


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "support", "reason": "no account"},
        {"kind": "support", "account": True, "reason": ""},
        {"kind": "support", "account": True, "reason": "gone by", "ends_at_0": "2026-01-01"},
        {"kind": "grace", "account": True, "reason": "the customer's own"},
        {"kind": "seller_pause", "account": True, "reason": "a pause of an account"},
        {"kind": "dispute", "account": True, "invoice": True, "reason": "another account's invoice"},
    ],
)
def test_a_hold_that_makes_no_sense_is_refused(fields):
    account, other = owing("").account, InvoiceFactory()
    rows = {name: row.pk for name, row in (("account", account), ("invoice", other)) if fields.get(name)}

    assert add(member("Billing lead"), **(fields | rows)).status_code == 200
    assert not Hold.objects.exists()


def test_a_lead_pauses_a_seller_and_an_agent_does_not():
    seller = owing("").seller
    pause = {"kind": "seller_pause", "seller": seller.pk, "reason": "prices in doubt"}

    refused = add(member("Billing agent"), **pause)
    placed = add(member("Billing lead"), **pause)

    assert (refused.status_code, placed.status_code) == (200, 302)
    assert Hold.objects.get().seller == seller


def test_a_support_agent_places_no_hold():
    assert signed_in(member("Support agent")).get(reverse("admin:billing_hold_add")).status_code == 403


def test_a_hold_is_extended_on_its_page_and_lifted_on_the_list():
    agent, account = member("Billing agent"), owing("").account
    add(agent, kind="legal", account=account.pk, reason="a court decides")
    hold = Hold.objects.get()
    page = reverse("admin:billing_hold_change", args=[hold.pk])

    submit(signed_in(agent), page, **in_days(3))
    earlier = Hold.objects.get().ends_at
    submit(signed_in(agent), page, **in_days(30))
    act(agent, "hold", "lift", hold)
    again = act(agent, "hold", "lift", hold)

    assert earlier == hold.ends_at
    hold.refresh_from_db()
    assert hold.ends_at > earlier
    assert hold.lifted_by == agent
    assert "over already" in again
    assert list(Event.objects.filter(type__startswith="hold.").order_by("pk").values_list("type", flat=True)) == [
        "hold.placed",
        "hold.extended",
        "hold.lifted",
    ]


def deciding_account() -> Subscription:
    service = owing("", account__decide_before_suspension=True)
    live_through(service.account, MONDAY, 16)
    service.refresh_from_db()
    return service


def test_a_decision_is_asked_for_when_the_stop_is_announced():
    service = deciding_account()

    task = StaffTask.objects.get()
    assert task.kind == "decide_suspension"
    assert task.due_at == service.suspend_at - timedelta(days=1)


def test_without_a_decision_nothing_stops():
    service = deciding_account()

    live_through(service.account, STOP, 1)

    service.refresh_from_db()
    assert service.state == "warned"


def test_a_stop_that_was_let_is_made_on_its_announced_day():
    service, agent = deciding_account(), member("Billing agent")

    act(agent, "subscription", "let_stop", service)
    live_through(service.account, STOP, 1)

    assert days_of("service.suspended", service.account, MONDAY) == [21]
    assert StaffTask.objects.get().taken_by == agent
    assert Event.objects.get(type="service.stop_approved").actor == agent


def test_a_decision_about_one_date_is_not_one_about_the_next():
    service, agent = deciding_account(), member("Billing agent")
    act(agent, "subscription", "let_stop", service)

    live_through(service.account, STOP + timedelta(days=3), 20)

    service.refresh_from_db()
    assert service.state == "warned"
    assert StaffTask.objects.filter(done_at=None).count() == 1


def test_nothing_is_let_stop_that_is_not_announced():
    service = owing("")

    assert "no stop is announced" in act(member("Billing agent"), "subscription", "let_stop", service)
    assert not Event.objects.filter(type="service.stop_approved").exists()


def test_a_hold_decides_as_well():
    service = deciding_account()
    at = service.account.moment(MONDAY + timedelta(days=17), 12)
    Invoice.objects.update(next_charge_at=None)
    Hold.objects.create(
        kind="staff",
        account=service.account,
        reason="they pay on Friday",
        starts_at=at,
        ends_at=at + timedelta(days=9),
        next_action_at=at + timedelta(days=9),
    )

    standing_before = service.state
    dunning.run(at=service.account.moment(STOP, 12))

    service.refresh_from_db()
    assert standing_before == "warned"
    assert service.state == "past_due"
    assert standing.owed_by_service(service, on=STOP)
