"""F29: whatever happens over the years, what must always be true is true at the end of every day."""

from __future__ import annotations

import datetime as dt
import hashlib
import os

import pytest
from django.db.models import F, Min

from billing.models import DunningCase, Event, Invoice, Payment, PaymentMethod, Subscription
from tests.billing.acting import run_jobs, send_notices
from tests.factories import MONDAY, PaymentMethodFactory, SubscriptionFactory
from tests.faults.simulation import Simulation

pytestmark = pytest.mark.django_db

SEEDS = int(os.environ.get("SOAK_SEEDS", "1"))
ACCOUNTS = int(os.environ.get("SOAK_ACCOUNTS", "6"))
DAYS = int(os.environ.get("SOAK_DAYS", "120"))
A_WHILE = dt.timedelta(days=20)
TEN_YEARS = "ed4767f7e799513a"
WAITING = [
    (Subscription, "next_invoice_at"),
    (Subscription, "next_action_at"),
    (Invoice, "next_charge_at"),
    (Invoice, "next_action_at"),
    (DunningCase, "next_action_at"),
    (Payment, "next_action_at"),
]


@pytest.mark.parametrize("seed", range(SEEDS))
def test_the_books_are_right_on_every_day_of_every_year(sandbox, seed: int):
    simulation = Simulation(sandbox, seed=seed, accounts=ACCOUNTS)

    try:
        simulation.live(days=DAYS)
    except BaseException as error:
        error.add_note(f"seed {seed}, day {simulation.today}")
        raise

    assert simulation.checked == DAYS
    assert Payment.objects.succeeded().exists()


def next_moment(after: dt.datetime) -> dt.datetime:
    """Return when the next thing is due, as the jobs see it."""
    found = [
        model.objects.filter(**{f"{name}__gt": after}).aggregate(next=Min(name))["next"] for model, name in WAITING
    ]
    return min((moment for moment in found if moment), default=after + A_WHILE)


def test_ten_years_of_one_account_are_the_same_on_every_database(sandbox):
    at = dt.datetime.combine(MONDAY, dt.time(6), dt.UTC)
    sandbox.clock = lambda: at
    service = SubscriptionFactory()
    cards = ("good", "insufficient_funds", "good", "stolen", "good_mastercard", "do_not_honour")
    end = at.replace(year=at.year + 10)
    changes = 0

    while at < end:
        if at >= dt.datetime.combine(MONDAY, dt.time(), dt.UTC) + changes * dt.timedelta(days=80):
            PaymentMethod.objects.update(is_default=False)
            PaymentMethodFactory(account=service.account, card=cards[changes % len(cards)])
            Invoice.objects.open().filter(next_charge_at=None).update(next_charge_at=at)
            changes += 1
        run_jobs(at)
        send_notices(at)
        at = min(next_moment(at), at + A_WHILE)

    log = [f"{moment.astimezone(dt.UTC):%Y-%m-%d %H:%M} {kind}" for kind, moment in log_of(service)]
    assert len(log) > 500
    assert hashlib.sha256("\n".join(log).encode()).hexdigest()[:16] == TEN_YEARS


def log_of(service: Subscription) -> list[tuple[str, dt.datetime]]:
    return list(Event.objects.filter(account=service.account).order_by("pk").values_list("type", F("at")))
