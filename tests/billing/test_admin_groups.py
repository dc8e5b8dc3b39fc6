"""What each staff group may do: no more than its work needs, and nobody edits money."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command
from django.urls import reverse

from billing import defaults
from billing.models import Account, Invoice, LedgerEntry, Membership, Payment, StaffTask, Subscription, User
from tests.billing.admin_forms import submit
from tests.billing.admin_rows import a_story, billing_admins, signed_in, staff

pytestmark = pytest.mark.django_db

TABLES = sorted(billing_admins())


def in_group(name: str):
    user = staff()
    user.groups.add(Group.objects.get(name=name))
    return signed_in(user)


def codenames(group: str) -> set[str]:
    return set(Group.objects.get(name=group).permissions.values_list("codename", flat=True))


def run(client, table: str, action: str, pk: int):
    data = {"action": action, "_selected_action": [pk], "index": 0}
    return client.post(reverse(f"admin:billing_{table}_changelist"), data)


def snapshot() -> dict[str, list[dict[str, object]]]:
    """Everything that is stored, but for who signed in when."""
    return {
        table: [
            {name: value for name, value in row.items() if name != "last_login"}
            for row in model_admin.model._default_manager.order_by("pk").values()
        ]
        for table, model_admin in billing_admins().items()
    }


def test_the_groups_are_there_from_the_start_and_only_grow():
    Group.objects.get(name="Support agent").permissions.add(Permission.objects.get(codename="view_ledgerentry"))

    defaults.install()

    assert set(Group.objects.values_list("name", flat=True)) == set(defaults.GROUPS)
    assert codenames("Support agent") < codenames("Billing agent") < codenames("Billing lead")


@pytest.mark.django_db(transaction=True)
def test_a_flush_puts_the_groups_and_their_permissions_back():
    before = codenames("Billing agent")
    Group.objects.all().delete()

    call_command("flush", interactive=False, verbosity=0)

    assert codenames("Billing agent") == before


def test_no_group_deletes_anything_with_money():
    deletions = {name for group in defaults.GROUPS for name in codenames(group) if name.startswith("delete_")}

    assert deletions == {"delete_membership", "delete_contact"}


@pytest.mark.parametrize("table", TABLES)
def test_an_auditor_reads_everything_and_changes_nothing(table):
    a_story()
    row = billing_admins()[table].model._default_manager.first()
    auditor = in_group("Auditor")
    before = snapshot()

    assert auditor.get(reverse(f"admin:billing_{table}_changelist")).status_code == 200
    assert auditor.get(reverse(f"admin:billing_{table}_change", args=[row.pk])).status_code == 200
    for page in (f"admin:billing_{table}_change", f"admin:billing_{table}_delete"):
        assert auditor.post(reverse(page, args=[row.pk]), {"name": "x", "post": "yes"}).status_code == 403
    assert auditor.post(reverse(f"admin:billing_{table}_add"), {"name": "x"}).status_code == 403
    assert snapshot() == before


@pytest.mark.parametrize(
    ("table", "action"),
    [
        ("payment", "ask_again"),
        ("cardvisit", "look_again"),
        ("gatewayevent", "process_again"),
        ("stafftask", "take"),
        ("stafftask", "done"),
        ("account", "refresh_standing"),
    ],
)
def test_an_auditor_runs_no_act(table, action):
    a_story()
    row = billing_admins()[table].model._default_manager.first()
    auditor = in_group("Auditor")
    before = snapshot()

    run(auditor, table, action, row.pk)

    assert snapshot() == before
    assert f'value="{action}"' not in auditor.get(reverse(f"admin:billing_{table}_changelist")).content.decode()


@pytest.mark.parametrize("group", ["Auditor", "Support agent"])
@pytest.mark.parametrize(
    ("table", "action"),
    [
        ("payment", "give_back"),
        ("payment", "free_and_give_back"),
        ("payment", "record_return"),
        ("creditnote", "give_back"),
        ("refund", "approve"),
        ("refund", "paid_out"),
        ("dispute", "answer"),
    ],
)
def test_who_may_not_give_money_back_is_not_offered_to(group, table, action):
    a_story()
    row = billing_admins()[table].model._default_manager.first()
    client = in_group(group)
    before = snapshot()

    run(client, table, action, row.pk)

    assert snapshot() == before
    assert f'value="{action}"' not in client.get(reverse(f"admin:billing_{table}_changelist")).content.decode()


def test_a_support_agent_sees_the_account_but_no_ledger_and_changes_neither():
    membership = a_story()
    agent = in_group("Support agent")
    account = reverse("admin:billing_account_change", args=[membership.account.pk])
    entry = reverse("admin:billing_ledgerentry_change", args=[LedgerEntry.objects.first().pk])

    assert agent.get(account).status_code == 200
    assert agent.post(account, {"legal_name": "Mine now"}).status_code == 403
    assert agent.get(entry).status_code == 403
    assert agent.post(entry, {"amount": 0}).status_code == 403
    assert not Account.objects.filter(legal_name="Mine now").exists()


def test_a_support_agent_takes_tasks():
    a_story()
    StaffTask.objects.update(taken_by=None)
    task = StaffTask.objects.get()

    run(in_group("Support agent"), "stafftask", "take", task.pk)

    task.refresh_from_db()
    assert task.taken_by is not None


def test_roles_are_given_by_a_billing_lead_and_by_no_agent():
    a_story()
    add = reverse("admin:billing_membership_add")

    assert in_group("Billing agent").get(add).status_code == 403
    assert in_group("Billing lead").get(add).status_code == 200


def test_a_billing_lead_changes_no_staff_and_makes_none():
    colleague = staff(is_superuser=True)
    person = a_story().user
    lead = in_group("Billing lead")
    forged = {"name": "Renamed", "email": "mine@example.com", "is_staff": "on", "is_superuser": "on"}

    refused = submit(lead, reverse("admin:billing_user_change", args=[colleague.pk]), **forged)
    submit(lead, reverse("admin:billing_user_change", args=[person.pk]), **forged)

    person.refresh_from_db()
    assert refused.status_code == 403
    assert (person.name, person.is_staff, person.is_superuser) == ("Renamed", False, False)
    assert not User.objects.filter(email="mine@example.com").exists()


def test_posting_amounts_and_states_changes_none_of_them():
    a_story()
    client = signed_in(staff(is_superuser=True))
    service, plan_pk = Subscription.objects.get(), Subscription.objects.get().plan_id
    forged = {"price": 1, "total": 1, "amount": 1, "amount_paid": 1, "state": "paid", "tax_rate": 0, "currency": "JPY"}
    before = money_and_states()

    client.post(reverse("admin:billing_subscription_change", args=[service.pk]), {"name": "Renamed", **forged})
    client.post(reverse("admin:billing_plan_change", args=[plan_pk]), {"name": "Renamed", **forged})
    for table, model in (("invoice", Invoice), ("payment", Payment)):
        answer = client.post(reverse(f"admin:billing_{table}_change", args=[model.objects.get().pk]), forged)
        assert answer.status_code == 403

    service.refresh_from_db()
    assert service.name == service.plan.name == "Renamed"
    assert money_and_states() == before


def money_and_states() -> list[object]:
    return [
        list(Subscription.objects.values_list("price", "currency", "tax_rate", "state", "next_invoice_at")),
        list(Subscription.objects.values_list("plan__price", "plan__currency", "plan__tax_rate")),
        list(Invoice.objects.values_list("net", "tax", "total", "amount_paid", "state", "version")),
        list(Payment.objects.values_list("amount", "unapplied", "state")),
    ]


def test_the_last_administrator_stays():
    membership = a_story()
    client = signed_in(staff(is_superuser=True))
    change = reverse("admin:billing_membership_change", args=[membership.pk])
    delete = reverse("admin:billing_membership_delete", args=[membership.pk])

    answer = client.post(change, {"role": "viewer", "successor": ""})

    assert "at least one administrator" in answer.content.decode()
    assert client.post(delete, {"post": "yes"}).status_code == 403
    assert Membership.objects.get().role == "administrator"
