"""An account that comes to pay in another way: what was planned for the old way ends, the new one begins."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from billing import terms
from billing.models import CollectionMethod, DunningCase, Event, Invoice, Subscription
from tests.billing.acting import days_of, live_through, owing
from tests.factories import MONDAY, InvoiceFactory, PaymentMethodFactory, SubscriptionFactory, UserFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("money_ok")]

BY_CARD, BY_INVOICE = CollectionMethod.CHARGE_AUTOMATICALLY, CollectionMethod.SEND_INVOICE


def change(service: Subscription, to: CollectionMethod, day: date) -> Subscription:
    terms.change_collection_method(service.account, to, by=UserFactory(), at=service.account.moment(day, 12))
    service.refresh_from_db()
    return service


def owing_by_invoice(*, days_ago: int, now: date) -> Subscription:
    """Make a service of an account that pays by invoice, with one invoice that fell due."""
    service = SubscriptionFactory(account__collection_method=BY_INVOICE, next_invoice_at=None)
    InvoiceFactory(subscription=service, issued=now - timedelta(days=days_ago))
    return service


def test_by_invoice_no_open_invoice_is_charged_automatically():
    service = owing("insufficient_funds")
    InvoiceFactory(account=service.account, issued=MONDAY + timedelta(days=9))
    live_through(service.account, MONDAY, 3)
    assert Invoice.objects.filter(next_charge_at=None).count() == 0

    change(service, BY_INVOICE, MONDAY + timedelta(days=3))
    before = service.account.payments.count()
    live_through(service.account, MONDAY + timedelta(days=3), 10)

    assert not Invoice.objects.exclude(next_charge_at=None).exists()
    assert service.account.payments.count() == before


@pytest.mark.parametrize("days", [5, 15])
def test_by_invoice_no_stop_is_planned_and_an_announced_one_is_called_off(days: int):
    service = owing("insufficient_funds")
    live_through(service.account, MONDAY, days)
    service.refresh_from_db()
    assert service.state == ("past_due" if days == 5 else "warned")

    change(service, BY_INVOICE, MONDAY + timedelta(days=days))

    assert (service.state, service.suspend_at, service.warned_at, service.next_action_at) == ("past_due",) + (None,) * 3
    live_through(service.account, MONDAY + timedelta(days=days), 30)
    service.refresh_from_db()
    assert service.state == "past_due"


def test_by_card_the_next_try_of_what_is_due_is_planned_and_paid():
    today = MONDAY + timedelta(days=2)
    service = owing_by_invoice(days_ago=2, now=today)
    PaymentMethodFactory(account=service.account)

    change(service, BY_CARD, today)

    planned = Invoice.objects.get().next_charge_at
    assert planned == service.account.moment(MONDAY + timedelta(days=3), 9)
    live_through(service.account, today, 3)
    assert Invoice.objects.get().state == "paid"


def test_by_card_what_is_not_due_yet_is_charged_on_its_due_date():
    service = SubscriptionFactory(account__collection_method=BY_INVOICE, account__terms_days=14, next_invoice_at=None)
    invoice = InvoiceFactory(subscription=service)

    change(service, BY_CARD, MONDAY + timedelta(days=1))

    invoice.refresh_from_db()
    assert invoice.next_charge_at == service.account.moment(MONDAY + timedelta(days=14), 9)


def test_by_card_an_old_debt_climbs_the_ladder_of_cards_with_its_notice():
    today = MONDAY + timedelta(days=40)
    service = owing_by_invoice(days_ago=40, now=today)
    live_through(service.account, today - timedelta(days=2), 2)

    change(service, BY_CARD, today)
    live_through(service.account, today, 5)

    service.refresh_from_db()
    assert DunningCase.objects.get().policy.name == BY_CARD
    assert service.state == "warned"
    assert service.suspend_at >= service.account.moment(today + timedelta(days=7), 10)


def test_by_invoice_the_notices_before_the_due_date_go_out():
    service = SubscriptionFactory(account__terms_days=14, next_invoice_at=None)
    InvoiceFactory(subscription=service)

    change(service, BY_INVOICE, MONDAY + timedelta(days=1))
    live_through(service.account, MONDAY + timedelta(days=1), 14)

    assert days_of("invoice.due_soon", service.account, MONDAY) == [7]
    assert days_of("invoice.due_today", service.account, MONDAY) == [14]


def test_the_same_way_again_changes_nothing():
    service = owing("insufficient_funds")
    live_through(service.account, MONDAY, 16)
    before = Event.objects.count()

    changed = change(service, BY_CARD, MONDAY + timedelta(days=16))

    assert changed.state == "warned"
    assert Event.objects.count() == before


def test_who_changed_it_and_to_what_is_written_down():
    service = change(owing(""), BY_INVOICE, MONDAY)

    event = Event.objects.get(type="account.collection_method_changed")
    assert event.codes == {"was": BY_CARD, "to": BY_INVOICE}
    assert (event.account, event.actor is not None) == (service.account, True)
