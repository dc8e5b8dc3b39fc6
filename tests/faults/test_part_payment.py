"""A part payment never brings a harsher step nearer, whatever was owed and paid."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing.models import DunningPolicy, Invoice
from billing.schedule import Ladder, stop_day
from billing.standing import patience
from tests.factories import MONDAY

pytestmark = pytest.mark.django_db

DUE_DAYS, AMOUNTS = st.integers(min_value=0, max_value=120), st.integers(min_value=1, max_value=200_00)
DEBTS = st.lists(st.tuples(DUE_DAYS, AMOUNTS), min_size=1, max_size=5)


def harshest(debts: list[tuple[int, int]], today: date, ladder: Ladder) -> date | None:
    """Return the day on which a service with these debts would stop, announced today at the earliest."""
    owed = [
        Invoice(due_on=MONDAY + timedelta(days=due), total=amount, currency="EUR")
        for due, amount in sorted(debts)
        if amount
    ]
    if not owed:
        return None
    warn_on = owed[0].due_on + timedelta(days=patience(owed, ladder))
    return stop_day(ladder, due_on=owed[0].due_on, announced_on=max(warn_on, today), country="NL")


@settings(max_examples=200, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(debts=DEBTS, paid=st.integers(min_value=0, max_value=600_00), days=st.integers(min_value=0, max_value=150))
def test_paying_a_part_never_brings_a_stop_nearer(debts: list[tuple[int, int]], paid: int, days: int):
    ladder = DunningPolicy.objects.filter(collection_method="charge_automatically").first().ladder()
    today = MONDAY + timedelta(days=days)
    left = []
    for due, amount in sorted(debts):
        part = min(paid, amount)
        paid -= part
        left.append((due, amount - part))

    before, after = harshest(debts, today, ladder), harshest(left, today, ladder)

    assert before is not None
    assert after is None or after >= before
