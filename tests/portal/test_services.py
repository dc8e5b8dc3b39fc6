"""The services page: canceling, coming back, why it is still off, and deleting sooner; without JavaScript."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse

from billing import clock, erasing, leaving
from billing.leaving import Tries
from billing.models import ErasureDemand, Invoice, Role
from tests.factories import PASSWORD, MembershipFactory, PaymentFactory, SubscriptionFactory
from tests.portal.conftest import browser, owe

pytestmark = pytest.mark.django_db


@pytest.fixture
def service(account):
    today = account.today(clock.now())
    return SubscriptionFactory(
        account=account, name="Hosting", next_period_on=today + timedelta(days=20), next_invoice_at=None
    )


def page(service, name: str) -> str:
    return reverse(name, args=[service.account.reference, service.reference])


def text(response) -> str:
    return " ".join(response.content.decode().split())


def test_the_page_says_both_dates_and_what_stays_due_before_anything_is_canceled(administrator, account):
    (service,) = owe(account)

    shown = text(administrator.get(page(service, "service_cancel")))

    service.refresh_from_db()
    assert "What is open stays due" in shown
    assert Invoice.objects.get().number in shown
    assert "Its data is kept until" in shown
    assert service.state == "active"


def test_canceled_now(administrator, service):
    response = administrator.post(page(service, "service_cancel"), {"when": "now"}, follow=True)

    service.refresh_from_db()
    assert service.state == "canceled"
    assert "Hosting is canceled. Its data is kept until" in text(response)


def test_canceled_at_the_end_and_kept_after_all(administrator, service):
    response = administrator.post(page(service, "service_cancel"), {"when": "period_end"}, follow=True)
    service.refresh_from_db()
    leaves_at = service.leaves_at
    shown = text(response)

    administrator.post(page(service, "service_stay"))

    service.refresh_from_db()
    assert leaves_at is not None
    assert "Keep it after all" in shown
    assert service.leaves_at is None


@pytest.mark.parametrize("way", ["tomorrow", ""])
def test_an_unknown_moment_cancels_nothing(administrator, service, way):
    response = administrator.post(page(service, "service_cancel"), {"when": way})

    service.refresh_from_db()
    assert response.status_code == 200
    assert (service.state, service.leaves_at) == ("active", None)


@pytest.mark.parametrize("role", [Role.PAYER, Role.VIEWER])
@pytest.mark.parametrize("name", ["service_cancel", "service_stay", "service_reactivate", "service_erase_stop"])
def test_only_administrators_do_it(as_role, service, role, name):
    response = as_role(role).post(page(service, name), {"when": "now"})

    service.refresh_from_db()
    assert response.status_code == 403
    assert (service.state, service.leaves_at) == ("active", None)


@pytest.mark.parametrize("name", ["service_cancel", "service_reactivate", "service_why", "service_erase"])
def test_another_accounts_service_is_not_found(administrator, name, account):
    other = SubscriptionFactory()
    address = reverse(name, args=[account.reference, other.reference])

    assert administrator.get(address).status_code == 404


def test_reactivated_after_reading_what_it_costs(administrator, membership, service):
    leaving.cancel_now(service, tries=Tries.GO_ON, by=membership.user, at=clock.now())

    shown = text(administrator.get(page(service, "service_reactivate")))
    administrator.post(page(service, "service_reactivate"))

    service.refresh_from_db()
    assert "Nothing: the days until the next invoice are paid for" in shown
    assert service.state == "active"


def test_what_is_owed_is_paid_first(administrator, membership, account):
    (service,) = owe(account)
    now = clock.now()
    Invoice.objects.update(due_on=account.today(now) - timedelta(days=3))
    leaving.cancel_now(service, tries=Tries.GO_ON, by=membership.user, at=now)

    shown = text(administrator.get(page(service, "service_reactivate")))
    response = administrator.post(page(service, "service_reactivate"))

    service.refresh_from_db()
    assert "Something is still owed for it" in shown
    assert response.url == reverse("settle", args=[account.reference])
    assert service.state == "canceled"


def test_why_names_the_payment_that_is_being_checked(administrator, account):
    (service,) = owe(account)
    PaymentFactory(account=account, seller=service.seller, state="unknown", created_at=clock.now())

    shown = text(administrator.get(page(service, "service_why")))

    assert shown.index("A payment of €121.00 is being checked") < shown.index("What we checked")


def test_why_names_the_open_invoice_and_leads_to_paying(administrator, account):
    (service,) = owe(account)
    Invoice.objects.update(due_on=account.today(clock.now()) - timedelta(days=3))

    shown = text(administrator.get(page(service, "service_why")))

    assert "€121.00 is still owed for this service" in shown
    assert reverse("settle", args=[account.reference]) in shown


def test_a_viewer_reads_why_and_asks_no_gateway(as_role, service):
    viewer = as_role(Role.VIEWER)

    assert viewer.get(page(service, "service_why")).status_code == 200
    assert viewer.post(page(service, "service_why")).status_code == 403


def test_checking_again_comes_back_to_the_page(administrator, service):
    response = administrator.post(page(service, "service_why"), follow=True)

    assert "We have looked again, just now." in text(response)


def test_deleting_sooner_takes_the_password_anew(administrator, membership, service):
    leaving.cancel_now(service, tries=Tries.GO_ON, by=membership.user, at=clock.now())
    confirm = page(service, "service_erase_confirm")

    refused = administrator.post(confirm)
    nothing_yet = ErasureDemand.objects.exists()
    administrator.post(refused.url, {"password": PASSWORD})
    administrator.post(confirm)

    assert refused.url.startswith(reverse("account_reauthenticate"))
    assert not nothing_yet
    wanted = ErasureDemand.objects.get()
    assert wanted.due_at - wanted.demanded_at == timedelta(hours=72)


def test_any_other_administrator_stops_it(membership, service):
    other = browser(MembershipFactory(account=membership.account).user)
    leaving.cancel_now(service, tries=Tries.GO_ON, by=membership.user, at=clock.now())
    erasing.demand(service, by=membership.user, at=clock.now())

    shown = text(other.get(page(service, "service_erase")))
    other.post(page(service, "service_erase_stop"))

    wanted = ErasureDemand.objects.get()
    assert "We begin to delete on" in shown
    assert wanted.withdrawn_by is not None
    assert wanted.withdrawn_by != membership.user
