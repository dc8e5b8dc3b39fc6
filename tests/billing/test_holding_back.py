"""Nothing stops and nobody is reminded while money may be on its way."""

from __future__ import annotations

from datetime import timedelta

import pytest

from billing import charging, dunning, quotes, reconciling, settling
from billing.gateways.sandbox import Fault
from billing.models import Event, Payment, PaymentMethod, SettlementPurpose
from billing.states import PaymentState
from tests.billing.acting import asked_when_begun, days_of, live_through, owing, send_notices
from tests.factories import MONDAY, PaymentMethodFactory, UserFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("money_ok")]

STOP = MONDAY + timedelta(days=21)


def to_stop(card: str = ""):
    """Return a service that is to stop at ten o'clock, its notice out, and that moment."""
    service = owing(card)
    live_through(service.account, MONDAY, 21)
    service.refresh_from_db()
    assert service.state == "warned"
    return service, service.account.moment(STOP, 10)


def pay_by_hand(service, card: str, *, at) -> Payment:
    account, by = service.account, UserFactory()
    digest = quotes.quote(account, at=at).digest
    settlement = settling.consent(account, purpose=SettlementPurpose.PAY, digest=digest, by=by, at=at)
    method = PaymentMethodFactory(account=account, card=card, is_default=False)
    settling.settle(settlement, method=method, by=by, at=at)
    return Payment.objects.get(settlement=settlement)


@pytest.mark.parametrize("card", ["times_out", "late_failure", "three_d_secure"])
def test_no_service_stops_while_a_payment_is_undecided(card: str):
    service, ten = to_stop()
    pay_by_hand(service, card, at=ten - timedelta(minutes=20))

    dunning.run(at=ten)

    service.refresh_from_db()
    assert service.state == "warned"
    assert service.next_action_at == ten + timedelta(hours=1)


def test_a_payment_that_failed_holds_nothing_back():
    service, ten = to_stop()
    pay_by_hand(service, "do_not_honour", at=ten - timedelta(minutes=20))

    dunning.run(at=ten)

    service.refresh_from_db()
    assert service.state == "suspended"


def test_a_service_goes_on_when_the_payment_turns_out_well(sandbox):
    service, ten = to_stop()
    payment = pay_by_hand(service, "lost_answer", at=ten - timedelta(minutes=20))

    dunning.run(at=ten)
    charging.check(payment, at=ten)
    dunning.run(at=ten + timedelta(hours=1))

    service.refresh_from_db()
    assert service.state == "active"
    assert len([charge for charge in sandbox.charges() if charge.status == "succeeded"]) == 1


def test_a_person_s_unfinished_approval_holds_it_back_once(sandbox):
    service, ten = to_stop()
    first = pay_by_hand(service, "three_d_secure", at=ten - timedelta(minutes=20))
    dunning.run(at=ten)
    sandbox.advance(by=timedelta(hours=1))
    charging.check(first, at=ten + timedelta(minutes=40))
    pay_by_hand(service, "three_d_secure", at=ten + timedelta(minutes=50))

    dunning.run(at=ten + timedelta(hours=1))

    service.refresh_from_db()
    first.refresh_from_db()
    assert first.state == PaymentState.CANCELED
    assert service.state == "suspended"


def test_a_payment_to_another_seller_holds_nothing_back():
    service, ten = to_stop()
    other = owing("", account=service.account)
    Payment.objects.create(
        account=service.account,
        seller=other.seller,
        amount=121_00,
        currency="EUR",
        trigger="customer",
        gateway="sandbox",
        gateway_account="main",
        created_at=ten,
    )

    dunning.run(at=ten)

    service.refresh_from_db()
    assert service.state == "suspended"


def test_an_unknown_payment_that_was_given_up_on_still_holds_back():
    service, ten = to_stop()
    first = pay_by_hand(service, "times_out", at=ten - timedelta(minutes=90))
    asked_when_begun()
    pay_by_hand(service, "do_not_honour", at=ten - timedelta(minutes=10))

    dunning.run(at=ten)

    first.refresh_from_db()
    service.refresh_from_db()
    assert (first.state, bool(first.superseded_at)) == (PaymentState.UNKNOWN, True)
    assert service.state == "warned"


def test_nobody_is_reminded_while_a_payment_is_undecided(sandbox):
    service = owing("insufficient_funds")
    account = service.account
    charging.collect(at=account.moment(MONDAY, 12))
    sandbox.inject(Fault.HANG)
    charging.collect(at=account.moment(MONDAY + timedelta(days=3), 7))
    at = account.moment(MONDAY + timedelta(days=3), 9)
    Payment.objects.filter(state=PaymentState.UNKNOWN).update(next_action_at=at + timedelta(hours=1))

    dunning.run(at=at)
    held = Event.objects.filter(type="dunning.reminded").exists()
    reconciling.run(at=at + timedelta(hours=1))
    dunning.run(at=at + timedelta(hours=1))

    assert not held
    assert days_of("dunning.reminded", account, MONDAY) == [3]


def test_a_held_stop_that_misses_its_day_is_announced_anew():
    service, ten = to_stop()
    payment = pay_by_hand(service, "times_out", at=ten - timedelta(minutes=20))
    for hour in range(26):
        dunning.run(at=ten + timedelta(hours=hour))
    Payment.objects.filter(pk=payment.pk).update(state=PaymentState.FAILED, next_action_at=None)

    dunning.run(at=ten + timedelta(hours=26))
    send_notices(ten + timedelta(hours=26))

    service.refresh_from_db()
    assert service.state == "warned"
    assert service.today(service.suspend_at) >= STOP + timedelta(days=8)
    assert PaymentMethod.objects.exists()
