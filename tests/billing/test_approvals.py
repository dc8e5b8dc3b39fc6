"""The bank asks the person: approved, refused, forgotten, or answered for one seller and not the other."""

from __future__ import annotations

from datetime import timedelta

import pytest

from billing import cards, charging, clock, dunning, reconciling, results, webhooks
from billing.models import Event, Invoice, Payment, PaymentMethod
from billing.states import InvoiceState, PaymentState
from tests.billing.acting import answer, owing, submit_card, together
from tests.billing.test_card_visits import noon, visited

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("money_ok")]


def waiting_for_approval(service, sandbox, *, at) -> list[Payment]:
    """Add a card that wants approval and pay with it."""
    visit = visited(service, at=at)
    submit_card(sandbox, visit, "three_d_secure")
    cards.finish(visit, at=at)
    return list(Payment.objects.order_by("pk"))


def test_approval_is_asked_with_a_place_to_give_it(sandbox):
    service = owing("do_not_honour")

    payment = waiting_for_approval(service, sandbox, at=noon(service))[0]

    assert payment.state == PaymentState.REQUIRES_ACTION
    assert payment.action_url.startswith("http")
    assert Event.objects.filter(type="payment.action_required").count() == 1


def test_approved_is_paid_and_the_card_takes_over(sandbox):
    service = owing("do_not_honour")
    at = noon(service)
    payment = waiting_for_approval(service, sandbox, at=at)[0]
    answer(sandbox, payment, "approve")

    charging.check(payment, at=at + timedelta(minutes=1))

    assert Invoice.objects.get().state == InvoiceState.PAID
    assert PaymentMethod.objects.get(is_default=True) == payment.payment_method


def test_refused_is_failed_and_the_old_card_stays(sandbox):
    service = owing("do_not_honour")
    at = noon(service)
    payment = waiting_for_approval(service, sandbox, at=at)[0]
    answer(sandbox, payment, "refuse")

    charging.check(payment, at=at + timedelta(minutes=1))

    payment.refresh_from_db()
    assert (payment.state, payment.decline_code) == (PaymentState.FAILED, "authentication_failed")
    assert not PaymentMethod.objects.get(pk=payment.payment_method_id).is_default
    assert Invoice.objects.get().state == InvoiceState.OPEN


def test_nobody_answered_is_not_completed_after_an_hour(sandbox):
    service = owing("do_not_honour")
    at = noon(service)
    payment = waiting_for_approval(service, sandbox, at=at)[0]
    sandbox.advance(by=timedelta(hours=1))

    reconciling.run(at=at + timedelta(hours=1))

    payment.refresh_from_db()
    assert (payment.state, payment.decline_code) == (PaymentState.CANCELED, "approval_expired")
    assert Invoice.objects.get().refused_at is None


def test_with_the_browser_closed_the_webhook_alone_brings_it_to_an_end(sandbox):
    service = owing("do_not_honour")
    at = clock.now()
    payment = waiting_for_approval(service, sandbox, at=at)[0]
    answer(sandbox, payment, "approve")

    for webhook in sandbox.webhooks():
        webhooks.receive("sandbox", body=webhook.body, headers=webhook.headers, at=at)
    webhooks.process_waiting(at=at)

    assert Invoice.objects.get().state == InvoiceState.PAID


def test_one_seller_approved_and_the_other_not_is_partly_paid(sandbox):
    service = owing("do_not_honour")
    owing("", account=service.account)
    at = noon(service)
    first, second = waiting_for_approval(service, sandbox, at=at)
    answer(sandbox, first, "approve")
    answer(sandbox, second, "refuse")

    for payment in (first, second):
        charging.check(payment, at=at + timedelta(minutes=1))

    result = results.result(first.settlement)
    assert result.status == "partly"
    assert {line.invoice.seller: line.status for line in result.lines} == {
        first.seller: "paid",
        second.seller: "failed",
    }


def test_one_seller_approved_and_the_other_still_open_is_for_the_person_to_do(sandbox):
    service = owing("do_not_honour")
    owing("", account=service.account)
    at = noon(service)
    first, _ = waiting_for_approval(service, sandbox, at=at)
    answer(sandbox, first, "approve")

    charging.check(first, at=at + timedelta(minutes=1))

    assert results.result(first.settlement).status == "action"


def test_a_page_opened_again_leads_to_the_same_approval(sandbox):
    service = owing("do_not_honour")
    at = noon(service)
    payment = waiting_for_approval(service, sandbox, at=at)[0]

    again = charging.check(payment, at=at + timedelta(minutes=2))

    assert (again.state, again.action_url) == (PaymentState.REQUIRES_ACTION, payment.action_url)
    assert Event.objects.filter(type="payment.action_required").count() == 1
    assert len(sandbox.charges()) == 1


@pytest.mark.django_db(transaction=True)
def test_approval_seen_by_everyone_at_once_is_booked_once(sandbox):
    service = owing("do_not_honour")
    at = clock.now()
    payment = waiting_for_approval(service, sandbox, at=at)[0]
    answer(sandbox, payment, "approve")
    for webhook in sandbox.webhooks():
        webhooks.receive("sandbox", body=webhook.body, headers=webhook.headers, at=at)

    together(
        *[lambda: charging.check(payment, at=at)] * 3,
        lambda: webhooks.process_waiting(at=at),
        lambda: reconciling.run(at=at + timedelta(minutes=1)),
        lambda: charging.collect(at=at),
    )

    assert Event.objects.filter(type="payment.succeeded").count() == 1
    assert Event.objects.filter(type="invoice.paid").count() == 1
    assert len([charge for charge in sandbox.charges() if charge.status == "succeeded"]) == 1


def test_an_automatic_charge_that_wants_approval_waits_for_the_person(sandbox):
    service = owing("three_d_secure")
    at = noon(service)

    counts = charging.collect(at=at)

    assert counts == {"unclear": 1}
    assert Event.objects.get(type="payment.action_required").codes == {"trigger": "cycle"}
    assert Payment.objects.get().state == PaymentState.REQUIRES_ACTION


def test_an_automatic_charge_nobody_approved_counts_as_refused(sandbox):
    service = owing("three_d_secure")
    at = noon(service)
    charging.collect(at=at)
    sandbox.advance(by=timedelta(hours=1))

    reconciling.run(at=at + timedelta(hours=1))
    dunning.run(at=at + timedelta(hours=1))

    service.refresh_from_db()
    assert service.state == "past_due"
    assert Invoice.objects.get().next_charge_at == service.account.moment(service.today(at) + timedelta(days=1), 9)
