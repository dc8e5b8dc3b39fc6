"""Any life of one account, step by step: hypothesis chooses what happens next and looks for what must not."""

from __future__ import annotations

import datetime as dt
import os

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from billing import books, charging, clock, webhooks
from billing.gateways import sandbox_engine
from billing.gateways.sandbox import outbox, pages
from billing.models import Event, Payment, PaymentMethod, StaffTask
from billing.notices import first_out
from tests.billing.acting import owing, run_jobs, send_notices
from tests.factories import MONDAY, PaymentMethodFactory

pytestmark = pytest.mark.django_db

SETTINGS = settings(
    max_examples=int(os.environ.get("SOAK_EXAMPLES", "10")),
    stateful_step_count=20,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
WARN_LEAD_DAYS = 7


class Undone(RuleBasedStateMachine):
    """A machine whose rows are taken back when an example ends."""

    def __init__(self) -> None:
        super().__init__()
        self.before = transaction.savepoint()
        self.sandbox = sandbox_engine()
        with self.sandbox.transaction() as tx:
            for table in ("charges", "webhooks", "idempotency_keys"):
                tx.run(f"DELETE FROM {table}")

    def teardown(self) -> None:
        transaction.savepoint_rollback(self.before)


class DunningMachine(Undone):
    """Time goes on by hours or weeks, mail goes out or does not, cards come and pay or not."""

    def __init__(self) -> None:
        super().__init__()
        self.service = owing("insufficient_funds")
        self.at = self.service.account.moment(MONDAY, 9)
        self._tell_the_gateway()

    def _tell_the_gateway(self) -> None:
        at = self.at
        self.sandbox.clock = lambda: at

    @rule(hours=st.sampled_from([0, 1, 12, 24, 24, 24, 72, 168, 960]))
    def time_goes_on(self, hours: int) -> None:
        self.at += dt.timedelta(hours=hours)
        self._tell_the_gateway()
        run_jobs(self.at)

    @rule()
    def mail_goes_out(self) -> None:
        send_notices(self.at)

    @rule(card=st.sampled_from(["good", "insufficient_funds", "stolen"]))
    def another_card(self, card: str) -> None:
        PaymentMethod.objects.update(is_default=False)
        PaymentMethodFactory(account=self.service.account, card=card)

    @invariant()
    def nothing_stops_before_its_notice_was_out_for_its_lead(self) -> None:
        for stopped in Event.objects.filter(type="service.suspended"):
            warning = Event.objects.filter(type="service.warned", pk__lt=stopped.pk).latest("pk")
            out = first_out(warning)
            assert out is not None
            today = self.service.account.today
            assert (today(stopped.at) - today(out)).days >= WARN_LEAD_DAYS

    @invariant()
    def no_step_is_told_twice(self) -> None:
        told = Event.objects.filter(type="dunning.reminded").values_list("invoice", "codes__case", "codes__day")
        assert len(told) == len(set(told))

    @invariant()
    def the_books_are_right(self) -> None:
        StaffTask.objects.filter(payment=None).update(done_at=self.at)
        late = ("I6", "I7")
        assert [line for line in books.check(at=self.at) if not line.startswith(late)] == []


class WebhookMachine(Undone):
    """Charges are begun, approved or refused at the bank; their webhooks come in any order, never or often."""

    def __init__(self) -> None:
        super().__init__()
        self.owing = 0

    @precondition(lambda self: self.owing < 4)
    @rule(card=st.sampled_from(["good", "three_d_secure", "do_not_honour", "late_failure"]))
    def a_charge(self, card: str) -> None:
        owing(card)
        self.owing += 1
        charging.collect(at=clock.now())

    @rule(action=st.sampled_from(["approve", "refuse"]))
    def the_bank_decides(self, action: str) -> None:
        for charge in self.sandbox.charges():
            if charge.status == "requires_action":
                pages.respond(self.sandbox, "POST", f"/approvals/{charge.reference}", {"action": action})
                return

    @rule(number=st.integers(min_value=0, max_value=20), copies=st.integers(min_value=1, max_value=3))
    def a_webhook_comes(self, number: int, copies: int) -> None:
        events = self.sandbox.webhooks()
        for _ in range(copies if events else 0):
            body = events[number % len(events)].body
            signature = outbox.sign(body, secret=self.sandbox.secret, at=clock.now())
            webhooks.receive("sandbox", body=body, headers={outbox.SIGNATURE: signature}, at=clock.now())

    @rule()
    def waiting_ones_are_looked_at(self) -> None:
        webhooks.process_waiting(at=clock.now())

    @invariant()
    def nothing_is_called_paid_that_was_not_charged(self) -> None:
        charged = {charge.idempotency_key for charge in self.sandbox.charges() if charge.status == "succeeded"}
        paid = Payment.objects.succeeded()
        assert {payment.idempotency_key for payment in paid} <= charged
        assert Event.objects.filter(type="payment.succeeded").count() == paid.count()


@pytest.mark.parametrize("machine", [DunningMachine, WebhookMachine])
def test_no_life_of_an_account_breaks_what_must_hold(machine: type[Undone]):
    run_state_machine_as_test(machine, settings=SETTINGS)
