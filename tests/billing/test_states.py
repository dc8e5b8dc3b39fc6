"""Every legal move works, every other is refused, and of many at once one wins."""

from __future__ import annotations

from itertools import product

import pytest

from billing.models import DunningCase, Invoice, Payment, Subscription
from billing.states import (
    LIVE_PAYMENT_STATES,
    CaseState,
    InvalidTransition,
    InvoiceState,
    PaymentState,
    SubscriptionState,
)
from tests.billing.acting import together
from tests.factories import MONDAY, InvoiceFactory, PaymentFactory, SubscriptionFactory

# The moves as people would tell them; what is not here is refused.
LEGAL = {
    (Subscription, SubscriptionState): """
        active>past_due active>suspended active>canceled
        past_due>active past_due>warned past_due>suspended past_due>canceled
        warned>active warned>past_due warned>suspended warned>canceled
        suspended>active suspended>past_due suspended>canceled
        canceled>active canceled>past_due canceled>deleted""",
    (Invoice, InvoiceState): "draft>open open>paid open>void open>uncollectible paid>open uncollectible>open",
    (Payment, PaymentState): """
        pending>requires_action pending>unknown pending>succeeded pending>failed pending>canceled
        requires_action>pending requires_action>unknown requires_action>succeeded requires_action>failed
        requires_action>canceled
        unknown>pending unknown>requires_action unknown>succeeded unknown>failed unknown>canceled""",
    (DunningCase, CaseState): "open>closed",
}

PAIRS = [
    pytest.param(model, source, target, f"{source}>{target}" in moves.split(), id=f"{model.__name__}-{source}-{target}")
    for (model, states), moves in LEGAL.items()
    for source, target in product(states.values, states.values)
]


@pytest.mark.parametrize(("model", "source", "target", "legal"), PAIRS)
def test_the_table_of_moves_is_the_one_that_is_told(model, source: str, target: str, legal):
    assert (target in model.TRANSITIONS[source]) == legal


@pytest.mark.parametrize(("source", "target"), list(product(PaymentState.values, PaymentState.values)))
@pytest.mark.django_db
def test_a_payment_moves_when_it_may_and_else_stays(source: str, target: str):
    payment = PaymentFactory(state=source)
    legal = f"{source}>{target}" in LEGAL[Payment, PaymentState].split()

    if legal:
        payment.move(target)
    else:
        with pytest.raises(InvalidTransition, match=f"from {source} to {target}"):
            payment.move(target)

    assert Payment.objects.get().state == (target if legal else source)


@pytest.mark.django_db
def test_a_move_is_judged_by_the_row_and_not_by_what_was_read():
    payment = PaymentFactory()
    stale = Payment.objects.get()
    payment.move(PaymentState.SUCCEEDED)

    with pytest.raises(InvalidTransition):
        stale.move(PaymentState.FAILED)

    assert Payment.objects.get().state == PaymentState.SUCCEEDED


@pytest.mark.django_db
def test_a_move_writes_what_comes_with_it_in_the_same_update(django_assert_num_queries):
    service = SubscriptionFactory()

    with django_assert_num_queries(2):
        service.move(SubscriptionState.PAST_DUE, next_action_at=service.account.moment(MONDAY, 9))

    assert service.next_action_at == service.account.moment(MONDAY, 9)


@pytest.mark.django_db
def test_a_paid_invoice_says_so_only_when_nothing_is_left():
    invoice = InvoiceFactory()

    with pytest.raises(Exception, match="invoice_paid_is_paid_in_full"):
        invoice.move(InvoiceState.PAID, paid_at=invoice.account.moment(MONDAY, 12))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("state", LIVE_PAYMENT_STATES)
def test_of_eight_moves_at_once_one_wins(state: str):
    payment = PaymentFactory(state=state)
    copies = [Payment.objects.get(pk=payment.pk) for _ in range(8)]

    results = together(*[lambda copy=copy: copy.move(PaymentState.SUCCEEDED) for copy in copies])

    assert [type(result) for result in results].count(InvalidTransition) == 7
    assert Payment.objects.get().state == PaymentState.SUCCEEDED
