"""From a declined card to a canceled service, day by day."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from billing import charging, dunning, invoicing, retention
from billing.events import record
from billing.models import Event, Subscription
from tests.factories import MONDAY, AccountFactory, PaymentMethodFactory, SubscriptionFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("money_ok")]


def send_everything(at) -> None:
    """Stand in for the mail server: every notice is out at once."""
    for event in Event.objects.undispatched().exclude(type__startswith="notice."):
        Event.objects.filter(pk=event.pk).update(dispatched_at=at)
        record("notice.sent", at=at, regards=event, account=event.account, type=event.type)


def run_day(account, day: date) -> None:
    at = account.moment(day, 12)
    invoicing.run(at=at)
    charging.collect(at=at)
    dunning.run(at=at)
    retention.run(at=at)
    send_everything(at)


def days_of(event_type: str, service: Subscription) -> list[int]:
    events = Event.objects.filter(type=event_type, subscription=service).order_by("pk")
    return [(service.today(event.at) - MONDAY).days for event in events]


def test_a_declined_card_climbs_the_ladder_on_its_days():
    account = AccountFactory()
    PaymentMethodFactory(account=account, card="insufficient_funds")
    service = SubscriptionFactory(account=account)

    for n in range(150):
        run_day(account, MONDAY + timedelta(days=n))

    service.refresh_from_db()
    reminders = Event.objects.filter(type="dunning.reminded").order_by("pk")
    assert [(account.today(event.at) - MONDAY).days for event in reminders] == [3, 7, 12, 18]
    tries = account.payments.order_by("pk").values_list("created_at", flat=True)
    assert [(account.today(moment) - MONDAY).days for moment in tries] == [0, 1, 3, 6, 9, 13, 20]
    assert days_of("service.warned", service) == [14]
    assert days_of("service.suspended", service) == [21]
    assert days_of("service.canceled", service) == [51]
    assert days_of("service.deletion_announced", service) == [81, 111, 134, 140]
    assert days_of("service.deletion_due", service) == [141]
