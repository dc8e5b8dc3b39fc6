"""A card holder contests a charge: on hold while it is open, lifted when won, owed again when lost."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from billing import books, charging, clock, disputes, refunds, webhooks
from billing.gateways.base import DisputeStatus
from billing.gateways.sandbox import Fault
from billing.models import (
    Dispute,
    DunningPolicy,
    EntryKind,
    Event,
    Hold,
    Invoice,
    LedgerEntry,
    Payment,
    PaymentMethod,
    StaffTask,
    WriteOff,
)
from billing.states import DisputeState, InvoiceState, SubscriptionState
from tests.billing.acting import announced_stops, live_through, owing, together
from tests.billing.test_refunds import charged
from tests.factories import InvoiceFactory, UserFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("money_ok")]

WON, LOST = DisputeStatus.WON, DisputeStatus.LOST


def paid(card: str = "good"):
    """Charge what fell due today; the gateway's clock is the real one."""
    service = owing(card)
    Invoice.objects.update(due_on=service.account.today(clock.now()))
    at = clock.now()
    charging.collect(at=at)
    return service, Payment.objects.get(), at


def contested(sandbox, *, amount: int | None = None):
    service, payment, at = paid()
    found = sandbox.open_dispute(payment.gateway_reference, amount=amount)
    told(sandbox, at=at)
    return service, found, at


def told(sandbox, *, at, order=iter) -> None:
    """Deliver every webhook there ever was, and look."""
    for webhook in order(sandbox.webhooks()):
        webhooks.receive("sandbox", body=webhook.body, headers=dict(webhook.headers), at=clock.now())
        webhooks.process_waiting(at=max(at, clock.now()))


def decided(sandbox, status: DisputeStatus, *, at, **how):
    service, found, _ = contested(sandbox, **how)
    sandbox.decide_dispute(found.reference, status)
    told(sandbox, at=at)
    return service, Dispute.objects.get()


def types(prefix: str) -> list[str]:
    return list(Event.objects.filter(type__startswith=prefix).order_by("pk").values_list("type", flat=True))


def test_opened_its_invoice_is_on_hold_and_access_stays(sandbox):
    service, found, at = contested(sandbox)

    dispute = Dispute.objects.get()
    hold = Hold.objects.get()
    assert (dispute.state, dispute.amount, dispute.gateway_reference) == ("needs_response", 121_00, found.reference)
    assert (hold.kind, hold.invoice) == ("dispute", Invoice.objects.get())
    assert hold.is_in_force(at=at + timedelta(days=60))
    assert Invoice.objects.get().state == InvoiceState.PAID
    service.refresh_from_db()
    assert service.state == SubscriptionState.ACTIVE
    task = StaffTask.objects.get()
    assert (task.kind, task.due_at) == ("dispute_opened", dispute.respond_by)


def test_while_it_is_open_the_card_is_not_tried_automatically(sandbox):
    service, _, at = contested(sandbox)
    InvoiceFactory(account=service.account, seller=service.seller, issued=service.account.today(at))
    Invoice.objects.open().update(next_charge_at=at)

    charging.collect(at=at + timedelta(days=1))

    assert len(sandbox.charges()) == 1


def test_a_person_may_still_pay_with_the_card(sandbox):
    service, _, at = contested(sandbox)
    InvoiceFactory(account=service.account, seller=service.seller, issued=service.account.today(at))

    charged(service, 121_00, at=at)

    assert not Invoice.objects.open().exists()


def test_answered_it_is_under_review(sandbox):
    _, _, at = contested(sandbox)
    by = UserFactory()

    disputes.answer(Dispute.objects.get(), text="Delivered on Monday.", by=by, at=at)

    assert Dispute.objects.get().state == DisputeState.UNDER_REVIEW
    assert Event.objects.get(type="dispute.answered").actor == by


def test_won_the_hold_is_lifted_and_the_card_is_tried_again(sandbox):
    at = clock.now() + timedelta(minutes=1)
    service, dispute = decided(sandbox, WON, at=at)
    InvoiceFactory(account=service.account, seller=service.seller, issued=service.account.today(at))
    Invoice.objects.open().update(next_charge_at=at)

    charging.collect(at=at + timedelta(days=1))

    assert (dispute.state, dispute.closed_at, dispute.taken) == ("won", at, 0)
    assert Hold.objects.get().lifted_at == at
    assert [charge.status for charge in sandbox.charges()] == ["succeeded", "succeeded"]
    assert types("dispute.") == ["dispute.opened", "dispute.won"]


def test_lost_it_is_owed_again_and_the_card_is_blocked(sandbox):
    at = clock.now() + timedelta(minutes=1)
    _, dispute = decided(sandbox, LOST, at=at)

    invoice = Invoice.objects.get()
    assert (dispute.state, dispute.taken) == ("lost", 121_00)
    assert (invoice.state, invoice.amount_due) == (InvoiceState.OPEN, 121_00)
    assert LedgerEntry.objects.get(kind=EntryKind.DISPUTE_LOST).amount == 121_00
    assert PaymentMethod.objects.get().blocked_reason == "disputed"
    assert Hold.objects.get().lifted_at == at
    assert types("dispute.") == ["dispute.opened", "dispute.lost"]
    assert not WriteOff.objects.exists()


def test_a_part_of_a_charge_can_be_lost(sandbox):
    decided(sandbox, LOST, at=clock.now(), amount=21_00)

    assert Invoice.objects.get().amount_due == 21_00


def test_lost_the_next_step_is_the_last_warning_with_its_full_lead(sandbox):
    at = clock.now() + timedelta(days=40)
    service, _ = decided(sandbox, LOST, at=at)

    service.refresh_from_db()
    assert service.state == SubscriptionState.WARNED
    assert announced_stops(service)[0] >= service.today(at) + timedelta(days=7)
    live_through(service.account, service.today(at), 7, hour=22)
    service.refresh_from_db()
    assert service.state == SubscriptionState.WARNED


def test_by_policy_a_lost_debt_is_proposed_to_be_written_off_and_stays_on_hold(sandbox):
    DunningPolicy.objects.update(lost_dispute="write_off")
    at = clock.now() + timedelta(days=40)

    service, _ = decided(sandbox, LOST, at=at)

    proposed = WriteOff.objects.get()
    assert (proposed.amount, proposed.kind, proposed.approved_at) == (121_00, "bad_debt", None)
    assert Hold.objects.get().lifted_at is None
    service.refresh_from_db()
    assert service.state == SubscriptionState.PAST_DUE


def test_what_was_refunded_before_is_lost_twice_and_put_before_staff(sandbox):
    """A charge that was given back in part, and then contested as a whole."""
    _, payment, at = paid()
    refunds.free_and_request(payment, Invoice.objects.get(), reason="asked", by=UserFactory(), at=at)
    found = sandbox.open_dispute(payment.gateway_reference)
    sandbox.decide_dispute(found.reference, LOST)

    told(sandbox, at=at)

    dispute = Dispute.objects.get()
    assert (dispute.state, dispute.amount, dispute.taken) == ("lost", 121_00, 0)
    assert StaffTask.objects.get(kind="dispute_beyond").codes["beyond"] == 121_00
    assert not LedgerEntry.objects.filter(kind=EntryKind.DISPUTE_LOST).exists()
    assert books.check(at=at) == []


def test_first_heard_of_when_it_is_lost_it_is_opened_and_lost(sandbox):
    _, payment, at = paid()
    found = sandbox.open_dispute(payment.gateway_reference)
    sandbox.decide_dispute(found.reference, LOST)

    told(sandbox, at=at)

    assert types("dispute.") == ["dispute.opened", "dispute.lost"]
    assert Invoice.objects.get().state == InvoiceState.OPEN


def test_a_dispute_that_overtakes_the_answer_about_its_charge_finds_it(sandbox):
    _, payment, at = paid("lost_answer")
    assert payment.state == "unknown"
    sandbox.open_dispute(sandbox.charges()[0].reference)

    told(sandbox, at=at + timedelta(minutes=1))

    assert Payment.objects.get().state == "succeeded"
    assert Dispute.objects.get().state == DisputeState.NEEDS_RESPONSE


def test_a_dispute_of_a_charge_that_is_not_ours_is_put_before_staff(sandbox):
    _, payment, at = paid()
    found = sandbox.open_dispute(payment.gateway_reference)
    key = payment.idempotency_key
    Payment.objects.update(idempotency_key="another")

    with pytest.raises(disputes.NotOurs):
        disputes.look(gateway="sandbox", gateway_account="main", reference=found.reference, at=at)

    assert StaffTask.objects.get().kind == "charge_unexplained"
    Payment.objects.update(idempotency_key=key)


def test_a_gateway_that_cannot_be_asked_changes_nothing_and_is_asked_again(sandbox):
    _, payment, at = paid()
    sandbox.open_dispute(payment.gateway_reference)
    sandbox.inject(Fault.UNAVAILABLE, operation="fetch_dispute")
    told(sandbox, at=at)
    before = Dispute.objects.count()

    webhooks.process_waiting(at=at + timedelta(minutes=2))

    assert (before, Dispute.objects.count()) == (0, 1)


@settings(
    max_examples=8,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
)
@given(seed=st.integers(), status=st.sampled_from([WON, LOST]))
def test_webhooks_thrice_and_in_any_order_end_the_same(sandbox, seed: int, status: DisputeStatus):
    at = clock.now()
    service = owing()
    Invoice.objects.filter(account=service.account).update(due_on=service.account.today(at))
    charging.collect(at=at)
    payment = Payment.objects.get(account=service.account)
    found = sandbox.open_dispute(payment.gateway_reference)
    reference = found.reference
    charging.get_gateway("sandbox").answer_dispute(gateway_account="main", reference=reference, answer="Delivered.")
    sandbox.decide_dispute(reference, status)

    def shuffled(rows):
        return random.Random(seed).sample(rows * 3, len(rows) * 3)

    told(sandbox, at=at, order=shuffled)

    events = Event.objects.filter(account=service.account, type__startswith="dispute.")
    assert list(events.order_by("pk").values_list("type", flat=True)) == ["dispute.opened", f"dispute.{status}"]
    taken = LedgerEntry.objects.filter(kind=EntryKind.DISPUTE_LOST, account=service.account)
    assert taken.count() == (status is LOST)
    assert not Hold.objects.filter(account=service.account, lifted_at=None).exists()


@pytest.mark.django_db(transaction=True)
def test_looked_at_by_many_at_once_it_is_lost_once(sandbox):
    _, payment, at = paid()
    found = sandbox.open_dispute(payment.gateway_reference)
    sandbox.decide_dispute(found.reference, LOST)

    def look():
        return disputes.look(gateway="sandbox", gateway_account="main", reference=found.reference, at=at)

    results = together(*[look] * 4)

    assert [result.state for result in results] == ["lost"] * 4
    assert types("dispute.") == ["dispute.opened", "dispute.lost"]
