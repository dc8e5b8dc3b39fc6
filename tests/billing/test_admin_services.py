"""Staff stop services and let them go for a reason, end deletions, and see what waits on their first page."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.urls import reverse

from billing import clock, leaving, purge
from billing.leaving import Tries
from billing.models import Account, StaffTask, Subscription
from billing.staffing import ask_staff
from tests.billing.admin_rows import signed_in, staff, superuser
from tests.billing.test_admin_acts import noted
from tests.factories import AccountFactory, SubscriptionFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def service(db):
    return SubscriptionFactory(next_invoice_at=None, next_period_on=clock.now().date() + timedelta(days=20))


def act(user, action: str, service, **data) -> str:
    fields = {"action": action, "_selected_action": [service.pk], "index": 0} | data
    return signed_in(user).post(reverse("admin:billing_subscription_changelist"), fields, follow=True).content.decode()


def test_a_service_is_stopped_and_let_go_for_a_reason_that_stays(service):
    agent = staff(is_superuser=True)

    act(agent, "stop", service, reason="abuse reported")
    service.refresh_from_db()
    stopped = (service.state, service.disabled_reasons)
    act(agent, "let_go", service, reason="settled by telephone")

    service.refresh_from_db()
    assert stopped == ("suspended", ["staff"])
    assert service.state == "active"
    assert [text for _, text in noted(agent)] == ["stopped it: abuse reported", "let it go: settled by telephone"]


@pytest.mark.parametrize("reason", ["", "   "])
def test_nothing_is_done_without_a_reason(service, reason):
    page = act(staff(is_superuser=True), "stop", service, reason=reason)

    service.refresh_from_db()
    assert "Say why" in page
    assert service.state == "active"


def test_a_review_begins_and_ends(service):
    agent = staff(is_superuser=True)

    act(agent, "put_under_review", service, reason="card testing")
    under_review = Subscription.objects.get().disabled_reasons
    act(agent, "end_review", service, reason="is fine")

    assert (under_review, Subscription.objects.get().state) == (["fraud_review"], "active")


def test_what_cannot_be_done_is_told(service):
    page = act(staff(is_superuser=True), "acknowledge_deletion", service, reason="said so")

    assert "not in a state for it" in page


@pytest.mark.parametrize(("action", "state"), [("acknowledge_deletion", "deleted"), ("call_off", "canceled")])
def test_a_deletion_is_acknowledged_or_called_off(service, action, state):
    now = clock.now()
    leaving.cancel_now(service, tries=Tries.GO_ON, by=UserFactory(), at=now)
    service.refresh_from_db()
    purge.begin(service, because="retention", at=now)

    act(staff(is_superuser=True), action, service, reason="the product said so")

    service.refresh_from_db()
    assert (service.state, service.is_purging) == (state, False)


def test_the_page_of_a_service_says_why_it_is_off(service):
    leaving.cancel_now(service, tries=Tries.GO_ON, by=UserFactory(), at=clock.now())

    page = superuser().get(reverse("admin:billing_subscription_change", args=[service.pk])).content.decode()

    assert "An administrator of this account canceled the service." in page


def test_a_service_of_an_account_in_no_time_zone_still_opens(service):
    Account.objects.update(time_zone="Nowhere/Atlantis")

    assert superuser().get(reverse("admin:billing_subscription_change", args=[service.pk])).status_code == 200


def front_page(user) -> str:
    return " ".join(signed_in(user).get(reverse("admin:index")).content.decode().split())


def test_the_front_page_counts_what_waits_with_the_overdue_first():
    now = clock.now()
    ask_staff("no_recipient", key="later", at=now, account=AccountFactory(legal_name="Later B.V."))
    ask_staff("no_recipient", key="late", at=now - timedelta(days=3), account=AccountFactory(legal_name="Overdue B.V."))

    page = front_page(staff(is_superuser=True))

    assert "1 is overdue." in page
    assert "2 open tasks" in page
    assert page.index("Overdue B.V.") < page.index("Later B.V.")


@pytest.mark.parametrize(("group", "is_told"), [("Support agent", True), ("Auditor", True), ("", False)])
def test_the_front_page_shows_tasks_to_who_may_see_them(group, is_told):
    ask_staff("no_recipient", key="one", at=clock.now())
    user = staff()
    if group:
        user.groups.add(Group.objects.get(name=group))

    assert ("1 open task" in front_page(user)) is is_told
    assert StaffTask.objects.count() == 1
