"""A card's expiry is announced in time, and only for the card that is charged."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from billing import dunning, expiring
from billing.models import Event
from tests.factories import AccountFactory, PaymentMethodFactory

pytestmark = pytest.mark.django_db

END_OF_JUNE = date(2026, 6, 30)


def announced_on(card) -> list[tuple[int, int]]:
    events = Event.objects.filter(type="card.expiring", payment_method=card).order_by("pk")
    return [((END_OF_JUNE - card.account.today(event.at)).days, event.codes["days"]) for event in events]


def let_days_pass(account, card, *, start: date, days: int) -> None:
    expiring.plan(card, at=account.moment(start, 12))
    for n in range(days):
        dunning.run(at=account.moment(start + timedelta(days=n), 12))


def test_an_expiring_card_is_announced_30_and_7_days_before():
    account = AccountFactory()
    card = PaymentMethodFactory(account=account, exp_month=6, exp_year=2026)

    let_days_pass(account, card, start=date(2026, 5, 1), days=70)

    assert announced_on(card) == [(30, 30), (7, 7)]


def test_a_late_run_announces_only_the_most_urgent():
    account = AccountFactory()
    card = PaymentMethodFactory(account=account, exp_month=6, exp_year=2026)
    expiring.plan(card, at=account.moment(date(2026, 5, 1), 12))

    dunning.run(at=account.moment(date(2026, 6, 26), 12))

    assert announced_on(card) == [(4, 7)]


def test_a_card_that_is_not_charged_is_not_announced():
    account = AccountFactory()
    card = PaymentMethodFactory(account=account, exp_month=6, exp_year=2026, is_default=False)

    let_days_pass(account, card, start=date(2026, 5, 1), days=70)

    assert announced_on(card) == []
