"""Staff hear each afternoon what stops tomorrow, once, and only what really would."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse

from billing import dunning, holding, tomorrow
from billing.models import Event, Subscription
from billing.scope import Scope
from notifications import delivery
from portal import daily
from tests.billing.acting import live_through, owing
from tests.billing.admin_rows import superuser
from tests.factories import MONDAY
from tests.mailbox import Mailbox, subject_of, text_of

pytestmark = pytest.mark.django_db

STOP = MONDAY + timedelta(days=21)
EVE = STOP - timedelta(days=1)


@pytest.fixture
def warned() -> Subscription:
    service = owing("")
    live_through(service.account, MONDAY, 21)
    service.refresh_from_db()
    return service


def test_the_stops_of_tomorrow_are_told_once_from_three_in_the_afternoon(warned, moments, mailbox: Mailbox):
    before = tomorrow.run(at=moments(EVE, 14))
    told = [tomorrow.run(at=moments(EVE, hour))["stops told"] for hour in (15, 16, 23)]
    delivery.run(at=moments(EVE, 16))

    assert not before
    assert told == [1, 0, 0]
    [message] = [each for each in mailbox.messages if "staff@localhost" in each["To"]]
    assert subject_of(message) == "1 service stops tomorrow"
    for said in (warned.name, warned.account.legal_name, "€121.00", "23 March 2026", "10:00"):
        assert said in text_of(message)
    assert f"/admin/billing/subscription/{warned.pk}/change/" in text_of(message)


def test_the_night_tells_it(warned, moments):
    daily.run(at=moments(EVE, 15))

    assert Event.objects.get(type="dunning.stops_tomorrow").codes["services"] == [warned.pk]


@pytest.mark.parametrize("day", [EVE - timedelta(days=1), STOP])
def test_on_another_day_there_is_nothing_to_tell(warned, moments, day):
    assert not tomorrow.run(at=moments(day, 15))
    assert not Event.objects.filter(type="dunning.stops_tomorrow").exists()


def test_what_is_on_hold_does_not_stop_tomorrow(warned, moments):
    holding.place(
        "seller_pause", on=warned.seller, until=moments(STOP, 18), reason="in doubt", by=None, at=moments(EVE, 9)
    )

    assert not tomorrow.stops(at=moments(EVE, 15))
    dunning.run(at=moments(STOP, 11))
    warned.refresh_from_db()
    assert warned.state == "past_due"


def test_a_run_for_one_account_tells_staff_nothing(warned, moments):
    assert not tomorrow.run(at=moments(EVE, 15), scope=Scope(account=warned.account.reference))


def test_the_first_page_of_the_admin_shows_them(warned, moments, monkeypatch):
    monkeypatch.setattr("billing.templatetags.staff.clock.now", lambda: moments(EVE, 9))

    page = superuser().get(reverse("admin:index")).content.decode()

    assert "Services that stop tomorrow" in page
    assert reverse("admin:billing_subscription_change", args=[warned.pk]) in page
