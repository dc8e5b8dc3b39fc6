"""A person who cannot pay today promises a day or takes the grace; the page says what follows."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from billing import asking_for_time, clock, standing
from billing.models import Account, Hold, Invoice, Role, Subscription

from .conftest import owe

pytestmark = pytest.mark.django_db


def address(name: str, account: Account) -> str:
    return reverse(name, args=[account.reference])


@pytest.fixture
def overdue(account: Account) -> Subscription:
    """A service whose invoice fell due ten days ago."""
    (service,) = owe(account, card="")
    Invoice.objects.update(due_on=account.today(clock.now()) - timedelta(days=10))
    standing.refresh(account, at=clock.now())
    service.refresh_from_db()
    return service


@pytest.fixture
def stopped(overdue: Subscription) -> Subscription:
    ladder = standing.ladder_of(overdue.account, [], at=clock.now())
    overdue.move("warned")
    standing.suspend(overdue, ladder=ladder, at=clock.now())
    return overdue


def day_in(account: Account, days: int) -> str:
    return (account.today(clock.now()) + timedelta(days=days)).isoformat()


def test_a_promise_is_made_and_told(administrator: Client, account: Account, overdue: Subscription):
    overview = administrator.get(address("overview", account)).content.decode()
    page = administrator.get(address("promise", account)).content.decode()
    posted = administrator.post(address("promise", account), {"day": day_in(account, 5)}, follow=True)

    assert address("promise", account) in overview
    assert "What does not wait" in page
    assert "You promised to pay" in posted.content.decode()
    hold = Hold.objects.get()
    assert (hold.kind, account.today(hold.ends_at).isoformat()) == ("promise", day_in(account, 6))


@pytest.mark.parametrize("days", [0, 15, -3])
def test_a_day_out_of_range_is_refused_with_the_range(
    administrator: Client, account: Account, overdue: Subscription, days: int
):
    page = administrator.post(address("promise", account), {"day": day_in(account, days)}).content.decode()

    assert "Choose a day from" in page
    assert "<title>Error:" in page
    assert not Hold.objects.exists()


def test_a_second_promise_is_refused_in_words(administrator: Client, account: Account, overdue: Subscription):
    for _ in range(2):
        page = administrator.post(address("promise", account), {"day": day_in(account, 5)}, follow=True)

    assert "promised for this already" in page.content.decode()
    assert Hold.objects.count() == 1


def test_nothing_is_promised_when_nothing_is_overdue(administrator: Client, account: Account):
    page = administrator.get(address("promise", account), follow=True)

    assert "Nothing is overdue" in page.content.decode()


@pytest.mark.parametrize("page", ["promise", "grace"])
@pytest.mark.parametrize("role", [Role.PAYER, Role.VIEWER])
def test_only_an_administrator_asks_for_time(as_role, account: Account, stopped: Subscription, page: str, role: Role):
    client = as_role(role)

    assert client.get(address(page, account)).status_code == 403
    assert client.post(address(page, account), {"day": day_in(account, 5)}).status_code == 403
    assert address(page, account) not in client.get(address("overview", account)).content.decode()
    assert not Hold.objects.exists()


def test_the_grace_is_taken_by_posting_once_a_year(administrator: Client, account: Account, stopped: Subscription):
    page = administrator.get(address("grace", account)).content.decode()
    assert "once a year" in page
    assert not Hold.objects.exists()

    posted = administrator.post(address("grace", account), follow=True).content.decode()
    again = administrator.post(address("grace", account), follow=True).content.decode()

    assert "Your services are on until" in posted
    assert "was taken already" in again
    assert Hold.objects.get().kind == "grace"


def test_no_grace_is_offered_where_nothing_stops(administrator: Client, account: Account, overdue: Subscription):
    assert address("grace", account) not in administrator.get(address("overview", account)).content.decode()
    assert "about to" in administrator.get(address("grace", account)).content.decode()
    assert "about to" in administrator.post(address("grace", account), follow=True).content.decode()


def test_a_broken_promise_is_told(administrator: Client, account: Account, overdue: Subscription):
    asking_for_time.promise(
        account,
        day=account.today(clock.now()) - timedelta(days=2),
        by=account.memberships.get().user,
        at=clock.now() - timedelta(days=4),
    )

    assert "Payment was promised and is overdue." in administrator.get(address("overview", account)).content.decode()
