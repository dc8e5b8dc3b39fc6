"""What networks allow is dated data: the newest line in force decides, and every line names its source."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest

from billing import charging, network_rules
from billing.models import (
    AUTOMATIC_TRIGGERS,
    BY_HAND_TRIGGERS,
    Invoice,
    Payment,
    PaymentMethod,
    Trigger,
)
from billing.network_rules import Cap, NetworkRule, in_force, is_exhausted, moved_to_payday
from tests.billing.acting import live_through, owing
from tests.factories import MONDAY, InvoiceFactory, PaymentFactory, PaymentMethodFactory, SubscriptionFactory

NOON = datetime.fromisoformat("2026-03-02T12:00+01:00")


def test_every_line_names_its_source_and_its_date():
    assert all(rule.source and rule.since for rule in network_rules.RULES)
    assert len({(rule.network, rule.since) for rule in network_rules.RULES}) == len(network_rules.RULES)


def test_a_later_line_holds_from_its_date(monkeypatch):
    later = NetworkRule("visa", date(2026, 8, 1), "Visa, as announced", (Cap(20, 30),))
    monkeypatch.setattr(network_rules, "RULES", (*network_rules.RULES, later))

    caps = [in_force("visa", on=day).caps for day in (date(2026, 7, 31), date(2026, 8, 1))]

    assert caps == [(Cap(15, 30),), (Cap(20, 30),)]


def test_a_network_without_a_line_gets_everyones():
    assert in_force("maestro", on=MONDAY).network == ""


@pytest.mark.parametrize(
    ("network", "declines", "apart", "exhausted"),
    [
        ("visa", 14, timedelta(days=1), False),
        ("visa", 15, timedelta(days=1), True),
        ("mastercard", 9, timedelta(hours=1), False),
        ("mastercard", 10, timedelta(hours=1), True),
        ("mastercard", 34, timedelta(hours=20), False),
        ("mastercard", 35, timedelta(hours=20), True),
        ("visa", 40, timedelta(days=3), False),
    ],
)
def test_a_card_is_exhausted_at_the_cap_of_its_network(network, declines, apart, exhausted):
    moments = [NOON - n * apart for n in range(declines)]

    assert is_exhausted(moments, network=network, on=MONDAY, at=NOON) == exhausted


@pytest.mark.parametrize(
    ("day", "country", "moved"),
    [
        (date(2026, 3, 21), "NL", date(2026, 3, 25)),
        (date(2026, 3, 20), "NL", date(2026, 3, 25)),
        (date(2026, 3, 19), "NL", date(2026, 3, 19)),
        (date(2026, 3, 28), "NL", date(2026, 4, 1)),
        (date(2026, 3, 12), "DE", date(2026, 3, 15)),
        (date(2026, 3, 25), "NL", date(2026, 3, 25)),
    ],
)
def test_a_try_moves_at_most_five_days_to_a_payday(day, country, moved):
    assert moved_to_payday(day, country=country, before=date(2026, 12, 31)) == moved


def test_no_try_moves_past_the_stop():
    assert moved_to_payday(date(2026, 3, 22), country="NL", before=date(2026, 3, 23)) == date(2026, 3, 22)


def test_every_trigger_is_automatic_or_by_hand():
    assert {*AUTOMATIC_TRIGGERS, *BY_HAND_TRIGGERS} == set(Trigger)
    assert not {*AUTOMATIC_TRIGGERS} & {*BY_HAND_TRIGGERS}


def tried_on(service, days: int) -> list[int]:
    live_through(service.account, service.started_on, days)
    moments = Payment.objects.order_by("pk").values_list("created_at", flat=True)
    return [(service.today(moment) - service.started_on).days for moment in moments]


@pytest.mark.django_db
@pytest.mark.usefixtures("money_ok")
@pytest.mark.parametrize(("card", "days"), [("insufficient_funds", [0, 6, 13, 20]), ("do_not_honour", None)])
def test_only_for_want_of_money_the_card_is_tried_on_the_payday(card, days):
    began = date(2026, 3, 19)
    service = SubscriptionFactory(next_invoice_at=None, started_on=began)
    InvoiceFactory(subscription=service, issued=began)
    PaymentMethodFactory(account=service.account, card=card)

    assert tried_on(service, 21) == (days or [0, 1, 3, 6, 9, 13, 20])


@pytest.mark.django_db
@pytest.mark.usefixtures("money_ok")
def test_a_card_that_was_refused_for_good_is_not_tried_when_it_is_put_on_file_again(sandbox):
    service = owing("stolen")
    charging.collect(at=service.account.moment(MONDAY, 12))
    PaymentMethod.objects.update(is_default=False)
    again = PaymentMethodFactory(account=service.account, card="stolen", is_default=True)
    Invoice.objects.update(next_charge_at=service.account.moment(MONDAY + timedelta(days=1), 9))

    charging.collect(at=service.account.moment(MONDAY + timedelta(days=1), 12))

    assert not again.blocked_reason
    assert len(sandbox.charges()) == 1


@pytest.mark.django_db
def test_declines_by_hand_count_to_the_networks_cap(sandbox):
    service = owing("do_not_honour")
    card = PaymentMethod.objects.get()
    at = service.account.moment(MONDAY, 12)
    for n in range(10):
        PaymentFactory(
            account=service.account,
            seller=service.seller,
            payment_method=card,
            trigger=Trigger.CUSTOMER,
            state="failed",
            settled_at=at,
            created_at=at - timedelta(minutes=n),
        )

    charging.collect(at=at)

    assert card.brand == "mastercard"
    assert not sandbox.charges()


@pytest.mark.django_db
@pytest.mark.usefixtures("money_ok")
def test_a_code_that_the_network_forbids_to_try_again_blocks_the_card(monkeypatch):
    rule = replace(in_force("mastercard", on=MONDAY), never_again=frozenset({"do_not_honour"}))
    monkeypatch.setattr(network_rules, "RULES", (*network_rules.RULES, replace(rule, since=MONDAY)))
    service = owing("do_not_honour")

    charging.collect(at=service.account.moment(MONDAY, 12))

    assert PaymentMethod.objects.get().blocked_reason == "do_not_honour"


@pytest.mark.django_db
def test_without_a_card_the_clock_starts_the_day_after_the_due_date():
    service = owing("")

    live_through(service.account, MONDAY, 2)

    case = service.account.dunning_cases.get()
    assert (service.today(case.opened_at) - MONDAY).days == 1
