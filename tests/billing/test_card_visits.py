"""A visit to the gateway's card page stores one card and pays what was consented, however many ways it ends."""

from __future__ import annotations

from datetime import timedelta

import pytest

from billing import cards, clock, quotes, reconciling, settling, webhooks
from billing.gateways import get_gateway
from billing.gateways.base import GatewayUnavailable
from billing.gateways.sandbox import Fault
from billing.models import (
    CardVisit,
    Event,
    GatewayEvent,
    Invoice,
    Membership,
    Payment,
    PaymentMethod,
    SettlementPurpose,
    StaffTask,
    Subscription,
    User,
)
from billing.states import InvoiceState
from tests.billing.acting import owing, submit_card, together, turn_back
from tests.factories import MONDAY, AccountFactory, InvoiceFactory, MembershipFactory, SellerFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("money_ok")]


def visited(service, *, at, saving_only: bool = False) -> CardVisit:
    """Consent to pay what is due and go to the card page."""
    account = service.account
    by = MembershipFactory(account=account).user
    settlement = None
    if not saving_only:
        digest = quotes.quote(account, at=at).digest
        settlement = settling.consent(account, purpose=SettlementPurpose.SAVE_AND_PAY, digest=digest, by=by, at=at)
    return cards.start(account, settlement=settlement, by=by, at=at)


def noon(service):
    return service.account.moment(MONDAY, 12)


def test_a_new_card_pays_everything_and_takes_over(sandbox):
    service = owing("do_not_honour")
    owing("", account=service.account)
    at = noon(service)
    visit = visited(service, at=at)
    submit_card(sandbox, visit, "good")

    finished = cards.finish(visit, at=at)

    assert finished.payment_method == PaymentMethod.objects.get(is_default=True)
    assert [charge.status for charge in sandbox.charges()] == ["succeeded", "succeeded"]
    assert not Invoice.objects.open().exists()
    assert CardVisit.objects.get().next_action_at is None


def test_the_card_is_stored_with_the_seller_nearest_to_a_stop():
    later = owing("", plan__seller__gateway_account="one")
    sooner = owing("", account=later.account, plan__seller__gateway_account="two")
    at = noon(later)
    Subscription.objects.filter(pk=sooner.pk).update(suspend_at=at + timedelta(days=2))

    assert visited(later, at=at).gateway_account == "two"


def test_without_a_service_the_card_is_stored_with_the_first_seller():
    seller, account = SellerFactory(), AccountFactory()

    visit = cards.start(
        account, settlement=None, by=MembershipFactory(account=account).user, at=account.moment(MONDAY, 12)
    )

    assert visit.gateway_account == seller.gateway_account


def test_a_visit_that_is_still_open_is_looked_at_again(sandbox):
    service = owing("do_not_honour")
    at = noon(service)
    visit = visited(service, at=at)

    cards.finish(visit, at=at)

    visit.refresh_from_db()
    assert visit.finished_at is None
    assert visit.next_action_at == at + timedelta(minutes=5)


def test_turning_back_stores_and_charges_nothing(sandbox):
    service = owing("do_not_honour")
    at = noon(service)
    visit = visited(service, at=at)
    turn_back(sandbox, visit)

    cards.finish(visit, at=at)

    visit.refresh_from_db()
    assert (visit.payment_method, visit.finished_at, visit.next_action_at) == (None, at, None)
    assert PaymentMethod.objects.count() == 1
    assert not sandbox.charges()


def test_a_visit_nobody_came_back_from_ends_by_itself(sandbox):
    service = owing("do_not_honour")
    at = noon(service)
    visited(service, at=at)
    sandbox.advance(by=timedelta(hours=1))

    reconciling.run(at=at + timedelta(hours=1))
    again = reconciling.run(at=at + timedelta(hours=2))

    assert CardVisit.objects.get().payment_method is None
    assert not again["visits"]


def test_saving_only_charges_nothing_and_is_over(sandbox):
    service = owing("good")
    at = noon(service)
    visit = visited(service, at=at, saving_only=True)
    submit_card(sandbox, visit, "good_mastercard")
    cards.finish(visit, at=at)

    again = reconciling.run(at=at + timedelta(hours=1))

    assert not sandbox.charges()
    assert not again["visits"]


def test_the_nightly_job_alone_finishes_a_visit(sandbox):
    service = owing("do_not_honour")
    at = noon(service)
    submit_card(sandbox, visited(service, at=at), "good")

    counts = reconciling.run(at=at + timedelta(minutes=5))

    assert counts["visits"] == 1
    assert Invoice.objects.get().state == InvoiceState.PAID


def test_the_webhook_alone_finishes_a_visit(sandbox):
    service = owing("do_not_honour")
    at = clock.now()
    visit = visited(service, at=at)
    submit_card(sandbox, visit, "good")

    for webhook in sandbox.webhooks():
        webhooks.receive("sandbox", body=webhook.body, headers=webhook.headers, at=at)
    counts = webhooks.process_waiting(at=at)

    assert counts == {"processed": GatewayEvent.objects.count()}
    assert Invoice.objects.get().state == InvoiceState.PAID


@pytest.mark.django_db(transaction=True)
def test_return_page_webhook_and_nightly_job_at_once_store_one_card_and_charge_once(sandbox):
    service = owing("do_not_honour")
    owing("", account=service.account)
    at = clock.now()
    visit = visited(service, at=at)
    submit_card(sandbox, visit, "good")
    for webhook in sandbox.webhooks():
        webhooks.receive("sandbox", body=webhook.body, headers=webhook.headers, at=at)

    results = together(
        lambda: cards.finish(CardVisit.objects.get(), at=at),
        lambda: cards.finish(CardVisit.objects.get(), at=at),
        lambda: webhooks.process_waiting(at=at),
        lambda: reconciling.run(at=at + timedelta(minutes=5)),
    )

    assert not [result for result in results if isinstance(result, Exception)]
    assert PaymentMethod.objects.count() == 2
    assert len(sandbox.charges()) == 2
    assert Event.objects.filter(type="card.added").count() == 1
    assert Payment.objects.succeeded().count() == 2


def test_a_debt_that_grew_meanwhile_stores_the_card_and_charges_nothing(sandbox):
    service = owing("do_not_honour")
    at = noon(service)
    visit = visited(service, at=at)
    Invoice.objects.update(version=2)
    submit_card(sandbox, visit, "good")

    finished = cards.finish(visit, at=at)

    assert finished.payment_method is not None
    assert finished.settlement.consumed_at is None
    assert not sandbox.charges()


def test_a_consent_older_than_half_an_hour_charges_nothing(sandbox):
    service = owing("do_not_honour")
    at = noon(service)
    visit = visited(service, at=at)
    submit_card(sandbox, visit, "good")

    cards.finish(visit, at=at + timedelta(minutes=31))

    assert not sandbox.charges()
    assert PaymentMethod.objects.count() == 2


def test_a_crash_after_the_card_was_stored_is_made_good(sandbox):
    service = owing("do_not_honour")
    at = noon(service)
    visit = visited(service, at=at)
    submit_card(sandbox, visit, "good")
    session = get_gateway().fetch_session(gateway_account=visit.gateway_account, session_id=visit.session_id)
    cards._close(visit, session.card, at=at)

    reconciling.run(at=at + timedelta(minutes=6))

    assert Invoice.objects.get().state == InvoiceState.PAID
    assert len(sandbox.charges()) == 1


def test_a_gateway_that_cannot_open_a_page_is_said_so(sandbox):
    service = owing("do_not_honour")
    sandbox.inject(Fault.UNAVAILABLE, operation="start_card_setup")

    with pytest.raises(GatewayUnavailable):
        visited(service, at=noon(service))

    assert not reconciling.run(at=noon(service) + timedelta(days=1))


def test_a_card_is_stored_where_the_most_urgent_seller_can_charge_it():
    service = owing("good", plan__seller__gateway_account="one")
    InvoiceFactory(account=service.account, seller=service.seller)

    visit = visited(service, at=noon(service))

    assert visit.gateway_account == "one"


def test_a_visit_waits_for_a_gateway_that_is_away_and_troubles_nobody(sandbox):
    service = owing("good")
    at = clock.now()
    visit = cards.start(service.account, settlement=None, by=MembershipFactory(account=service.account).user, at=at)
    sandbox.inject(Fault.UNAVAILABLE, operation="fetch_session")

    later = at + timedelta(minutes=6)
    reconciling.run(at=later)

    visit.refresh_from_db()
    assert visit.next_action_at == later + cards.LOOK_AGAIN
    assert not StaffTask.objects.exists()


@pytest.mark.parametrize("gone", ["removed", "made a viewer", "inactive"])
def test_a_card_of_someone_who_may_no_longer_pay_is_not_kept_and_charges_nothing(sandbox, gone: str):
    service = owing("do_not_honour")
    at = noon(service)
    visit = visited(service, at=at)
    person = Membership.objects.filter(user=visit.started_by)
    match gone:
        case "removed":
            person.delete()
        case "made a viewer":
            person.update(role="viewer")
        case _:
            User.objects.filter(pk=visit.started_by_id).update(is_active=False)
    submit_card(sandbox, visit, "good")

    cards.finish(visit, at=at)

    assert PaymentMethod.objects.count() == 1
    assert not sandbox.charges()
    assert CardVisit.objects.get().finished_at == at
