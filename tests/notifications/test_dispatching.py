from __future__ import annotations

from datetime import timedelta

import pytest

from billing.events import TYPES, record
from billing.models import Event, Role, StaffTask, TaskKind
from billing.scope import Scope
from billing.states import PaymentState
from notifications import dispatching
from notifications.models import Delivery
from notifications.rules import NOT_MAILED, RULES
from tests.factories import ContactFactory, MembershipFactory, PaymentFactory, UserFactory


def undispatched() -> set[str]:
    return set(Event.objects.undispatched().values_list("type", flat=True))


def test_every_known_event_type_is_mailed_or_says_that_it_is_not():
    assert set(RULES) | NOT_MAILED == set(TYPES)
    assert not set(RULES) & NOT_MAILED


def test_refusals_of_two_sellers_become_one_mail(refused):
    counts = dispatching.dispatch(at=refused.at)

    lead, carried = Delivery.objects.order_by("pk")
    assert counts["mails made"] == 1
    assert {lead.event.type, carried.event.type} == {"payment.failed"}
    assert carried.carried_by == lead


def test_dispatching_twice_makes_one_mail_per_event_and_recipient(refused):
    dispatching.dispatch(at=refused.at)
    dispatching.dispatch(at=refused.at)

    assert Delivery.objects.count() == 2
    assert not undispatched()


def test_administrators_payers_and_contacts_are_told_once_and_viewers_never(refused):
    payer, viewer = UserFactory(email="payer@contoso.example", language="nl"), UserFactory()
    MembershipFactory(account=refused.account, user=payer, role=Role.PAYER)
    MembershipFactory(account=refused.account, user=viewer, role=Role.VIEWER)
    ContactFactory(account=refused.account, email="FIRST@contoso.example")
    ContactFactory(account=refused.account, email="finance@contoso.example", language="nl", kinds=["payments"])
    ContactFactory(account=refused.account, email="service@contoso.example", kinds=["service"])

    dispatching.dispatch(at=refused.at)

    told = set(Delivery.objects.values_list("recipient", "language"))
    assert told == {
        ("first@contoso.example", "en"),
        ("payer@contoso.example", "nl"),
        ("finance@contoso.example", "nl"),
    }


def test_a_mandatory_notice_that_reaches_nobody_becomes_a_task_for_staff(refused):
    refused.administrator.is_active = False
    refused.administrator.save()

    dispatching.dispatch(at=refused.at)
    dispatching.dispatch(at=refused.at)

    assert StaffTask.objects.get().kind == TaskKind.NO_RECIPIENT
    assert not Delivery.objects.exists()


def test_events_wait_while_a_charge_has_just_begun(refused):
    payment = PaymentFactory(account=refused.account, state=PaymentState.PENDING, created_at=refused.at)

    dispatching.dispatch(at=refused.at + timedelta(minutes=14))
    assert "payment.failed" in undispatched()

    dispatching.dispatch(at=payment.created_at + timedelta(minutes=15))
    assert "payment.failed" not in undispatched()


def test_a_second_dunning_mail_of_the_day_waits_until_the_next_morning(refused):
    dispatching.dispatch(at=refused.at)
    again = record("payment.failed", at=refused.at, **about_a_refusal(refused))

    dispatching.dispatch(at=refused.later(hours=1))
    dispatching.dispatch(at=refused.account.moment(refused.at.date() + timedelta(days=1), 7))
    assert not again.deliveries.exists()

    dispatching.dispatch(at=refused.account.moment(refused.at.date() + timedelta(days=1), 8))
    assert again.deliveries.count() == 1


def test_something_more_urgent_goes_out_the_same_day_and_takes_the_rest_along(refused):
    dispatching.dispatch(at=refused.at)
    again = record("payment.failed", at=refused.at, **about_a_refusal(refused))
    stopped = record("service.suspended", at=refused.at, account=refused.account, subscription=refused.services[0])

    dispatching.dispatch(at=refused.later(hours=1))

    assert stopped.deliveries.get().carried_by is None
    assert again.deliveries.get().carried_by == stopped.deliveries.get()


def test_a_receipt_never_waits_for_a_dunning_mail(refused):
    dispatching.dispatch(at=refused.at)
    payment = PaymentFactory(account=refused.account, state=PaymentState.SUCCEEDED, settled_at=refused.at)
    receipt = record("payment.succeeded", at=refused.at, account=refused.account, payment=payment)

    dispatching.dispatch(at=refused.later(minutes=1))

    assert receipt.deliveries.count() == 1


@pytest.mark.parametrize(
    "codes", [{"trigger": "customer", "first_refusal": True}, {"trigger": "auto_retry", "first_refusal": False}]
)
def test_a_repeated_refusal_or_one_seen_on_the_page_is_not_mailed(world, codes):
    payment = PaymentFactory(account=world.account, state=PaymentState.FAILED)
    event = record("payment.failed", at=world.at, account=world.account, payment=payment, **codes)

    dispatching.dispatch(at=world.at)

    event.refresh_from_db()
    assert event.dispatched_at == world.at
    assert not event.deliveries.exists()


def test_only_accounts_of_the_asked_zone_are_taken(refused):
    dispatching.dispatch(at=refused.at, scope=Scope("America/New_York"))
    assert "payment.failed" in undispatched()

    dispatching.dispatch(at=refused.at, scope=Scope("Europe/Amsterdam"))
    assert not undispatched()


def test_one_poisoned_account_does_not_stop_the_others(refused, monkeypatch):
    other = MembershipFactory()
    record("service.suspended", at=refused.at, account=other.account)
    gather = dispatching._gather

    def poisoned(batch, account, events, **context):
        if account == refused.account:
            raise ValueError("poison")
        gather(batch, account, events, **context)

    monkeypatch.setattr(dispatching, "_gather", poisoned)
    counts = dispatching.dispatch(at=refused.at)

    assert counts == {"mails made": 1, "failed": 1}
    assert StaffTask.objects.get().account == refused.account


def about_a_refusal(world):
    payment = PaymentFactory(account=world.account, state=PaymentState.FAILED, payment_method=world.card)
    return {
        "account": world.account,
        "payment": payment,
        "trigger": "cycle",
        "first_refusal": True,
        "decline_code": "insufficient_funds",
    }
