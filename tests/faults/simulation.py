"""
Years in the life of a company's customers, by a seed: a virtual clock and the gateway in this process.

Every day the jobs run never, once or often, cards fail and are changed, people pay by hand,
and the gateway loses answers. What must always be true is checked at the end of each day.
"""

from __future__ import annotations

import datetime as dt
import random
from contextlib import suppress

from billing import books, charging, dunning, invoicing, quotes, reconciling, retention, settling
from billing.brakes import AbnormalRun
from billing.gateways.sandbox import Engine, Fault
from billing.models import (
    Account,
    Event,
    Payment,
    PaymentMethod,
    Settlement,
    SettlementPurpose,
    StaffTask,
    Subscription,
)
from billing.states import LIVE_PAYMENT_STATES, PaymentState
from tests.billing.acting import send_notices
from tests.factories import MONDAY, PaymentMethodFactory, PlanFactory, SubscriptionFactory, UserFactory

JOBS = (reconciling.run, invoicing.run, charging.collect, dunning.run, retention.run)
CARDS = ("good", "good_mastercard", "insufficient_funds", "stolen", "do_not_honour", "lost_answer", "late_failure")
# How often in a hundred days.
RUNS_A_DAY = (0, 1, 1, 1, 1, 1, 1, 2, 3)
A_FAULT, A_NEW_CARD, A_PAYMENT_BY_HAND = 5, 3, 3
BY_HAND_HOUR = 5
# The state a service is in is the one that its last event tells of.
TOLD_BY = {
    "service.started": "active",
    "service.restored": "active",
    "service.past_due": "past_due",
    "service.warned": "warned",
    "service.suspended": "suspended",
    "service.canceled": "canceled",
}


class Simulation:
    """Accounts of one seller from Monday on; the same seed lives the same years."""

    def __init__(self, sandbox: Engine, *, seed: int, accounts: int) -> None:
        self.random = random.Random(seed)
        self.sandbox = sandbox
        self.today = MONDAY
        self.checked = 0
        # What follows from a new day is only written down by the first run of it.
        self.last_run = self._moment(0)
        self.person = UserFactory()
        self._set_clock(hour=0)
        plan = PlanFactory()
        self.accounts = [SubscriptionFactory(plan=plan, started_on=self._some_start()).account for _ in range(accounts)]
        for account in self.accounts:
            self._give_card(account)

    def live(self, *, days: int) -> None:
        for _ in range(days):
            self._live_a_day()
            self.check()
            self.today += dt.timedelta(days=1)

    def check(self) -> None:
        """I1, I4, I6 and I7 by our books, I2, I3 and I9 by the gateway's, I8 by the events."""
        problems = books.check(at=self.last_run)
        assert problems == [], (self.today, problems)
        self._check_charges()
        self._check_events()
        self.checked += 1

    def _live_a_day(self) -> None:
        hours = sorted(self.random.choice(range(6, 22)) for _ in range(self.random.choice(RUNS_A_DAY)))
        if self._happens(A_FAULT):
            self.sandbox.inject(self.random.choice(sorted(Fault)))
        for account in self.accounts:
            if self._happens(A_NEW_CARD):
                self._give_card(account)
            if self._happens(A_PAYMENT_BY_HAND):
                self._pay_by_hand(account)
        for hour in hours:
            self._set_clock(hour=hour)
            self.last_run = self._moment(hour)
            for job in JOBS:
                with suppress(AbnormalRun):
                    job(at=self._moment(hour))
            # Staff look every day.
            StaffTask.objects.filter(done_at=None, payment=None).update(done_at=self._moment(hour))
            send_notices(self._moment(hour))

    def _pay_by_hand(self, account: Account) -> None:
        at = self._moment(BY_HAND_HOUR)
        self._set_clock(hour=BY_HAND_HOUR)
        cards = PaymentMethod.objects.for_account(account).on_file().filter(blocked_reason="", is_default=True)
        refusals = (quotes.NothingDue, settling.PaymentInProgress, settling.TooManyTries, settling.QuoteChanged)
        with suppress(*refusals):
            digest = quotes.quote(account, at=at).digest
            consented = settling.consent(account, purpose=SettlementPurpose.PAY, digest=digest, by=self.person, at=at)
            for card in cards:
                settling.settle(Settlement.objects.get(pk=consented.pk), method=card, by=self.person, at=at)

    def _give_card(self, account: Account) -> None:
        PaymentMethod.objects.for_account(account).update(is_default=False)
        PaymentMethodFactory(account=account, card=self.random.choice(CARDS))

    def _some_start(self) -> dt.date:
        return MONDAY + dt.timedelta(days=self.random.randrange(31))

    def _happens(self, percent: int) -> bool:
        return self.random.randrange(100) < percent

    def _moment(self, hour: int) -> dt.datetime:
        return dt.datetime.combine(self.today, dt.time(hour), dt.UTC)

    def _set_clock(self, *, hour: int) -> None:
        moment = self._moment(hour)
        self.sandbox.clock = lambda: moment

    def _check_charges(self) -> None:
        charged = [charge.idempotency_key for charge in self.sandbox.charges() if charge.status == "succeeded"]
        states = dict(Payment.objects.values_list("idempotency_key", "state"))
        assert len(charged) == len(set(charged)), self.today
        for key in charged:
            assert states[key] in (PaymentState.SUCCEEDED, *LIVE_PAYMENT_STATES), (self.today, key)
        assert {key for key, state in states.items() if state == PaymentState.SUCCEEDED} <= set(charged), self.today

    def _check_events(self) -> None:
        told = {}
        for service, type_ in (
            Event.objects.filter(type__in=TOLD_BY).order_by("pk").values_list("subscription_id", "type")
        ):
            told[service] = TOLD_BY[type_]
        for pk, state in Subscription.objects.values_list("pk", "state"):
            assert told.get(pk, "active") == state, (self.today, pk)
