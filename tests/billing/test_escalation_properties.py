"""Whatever is paid in part or put on hold, and whenever: no step comes sooner because of it."""

from __future__ import annotations

from datetime import date, timedelta
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing import applying, ledger, standing
from billing.models import EntryKind, Hold, HoldKind, Payment, Subscription
from billing.schedule import Ladder, days_covered, stop_day
from billing.states import SubscriptionState
from tests.factories import MONDAY, AccountFactory, InvoiceFactory, PaymentFactory, SubscriptionFactory

SEVERITY = [
    SubscriptionState.ACTIVE,
    SubscriptionState.PAST_DUE,
    SubscriptionState.WARNED,
    SubscriptionState.SUSPENDED,
    SubscriptionState.CANCELED,
]
DAYS = st.integers(min_value=0, max_value=60)
LADDER = Ladder(reminders=(3, 7, 12, 18))


def day(number: int) -> date:
    return MONDAY + timedelta(days=number)


@given(st.lists(st.tuples(DAYS, DAYS), max_size=6), DAYS)
def test_days_on_hold_count_once_and_never_before_the_due_date(pairs, since):
    spells = [(day(start), day(end)) for start, end in pairs]
    covered = {n for start, end in pairs for n in range(max(start, since), end)}

    assert days_covered(spells, since=day(since)) == len(covered)


@given(st.lists(st.tuples(DAYS, DAYS), max_size=4), st.tuples(DAYS, DAYS), DAYS)
def test_another_hold_never_brings_a_stop_forward(pairs, added, announced):
    def stop(spells):
        moved = MONDAY + timedelta(days=days_covered(spells, since=MONDAY))
        return stop_day(LADDER, due_on=moved, announced_on=day(announced), country="NL")

    spells = [(day(start), day(end)) for start, end in pairs]

    assert stop([*spells, (day(added[0]), day(added[1]))]) >= stop(spells)


@given(st.lists(DAYS, min_size=1, max_size=6, unique=True), st.data())
def test_paying_the_oldest_part_never_raises_the_reminder_that_is_due(due_days, data):
    ages = sorted(due_days, reverse=True)
    left = data.draw(st.integers(min_value=0, max_value=len(ages) - 1))

    before, after = (LADDER.reminder_due(age, after=0) or 0 for age in (ages[0], ages[left]))

    assert after <= before


@pytest.mark.django_db
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    ages=st.lists(st.integers(min_value=1, max_value=40), min_size=1, max_size=3),
    state=st.sampled_from(SEVERITY[1:4]),
    paid=st.integers(min_value=1, max_value=363_00),
    on_hold=st.booleans(),
)
def test_a_part_payment_never_makes_things_worse(ages, state, paid, on_hold):
    today = day(40)
    account = AccountFactory()
    at = account.moment(today, 12)
    service = SubscriptionFactory(account=account, next_invoice_at=None)
    issued = [today - timedelta(days=age) for age in sorted(set(ages), reverse=True)]
    invoices = [InvoiceFactory(subscription=service, issued=each) for each in issued]
    before = _fall(service, state, at=at)
    if on_hold:
        Hold.objects.create(
            kind=HoldKind.DISPUTE,
            account=account,
            invoice=invoices[-1],
            reason="disputed",
            starts_at=at - timedelta(hours=1),
            ends_at=at + timedelta(days=9),
        )

    _receive(account, service, min(paid, sum(invoice.total for invoice in invoices)), at=at)

    service.refresh_from_db()
    assert SEVERITY.index(service.state) <= SEVERITY.index(before.state)
    if service.state == SubscriptionState.PAST_DUE and before.plan:
        assert service.suspend_at >= before.plan


def _fall(service: Subscription, state: str, *, at) -> SimpleNamespace:
    """Take the service down to a state by the announced steps."""
    standing.refresh(service.account, at=at)
    service.refresh_from_db()
    plan = service.suspend_at
    if state != SubscriptionState.PAST_DUE:
        standing.warn(service, stop_on=service.today(at) + timedelta(days=7), at=at)
    if state == SubscriptionState.SUSPENDED:
        standing.suspend(service, ladder=LADDER, at=at)
    return SimpleNamespace(state=service.state, plan=plan)


def _receive(account, service: Subscription, amount: int, *, at) -> Payment:
    payment = PaymentFactory(
        account=account, seller=service.seller, amount=amount, state="succeeded", settled_at=at, created_at=at
    )
    ledger.post(EntryKind.PAYMENT, payment, amount=-amount, at=at)
    applying.apply(payment, at=at)
    standing.refresh(account, at=at)
    return payment
