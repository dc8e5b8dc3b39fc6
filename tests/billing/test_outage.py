"""A gateway that cannot be reached has charged nothing: no try counts, nobody is told of a refusal."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import timedelta

import pytest

from billing import charging, quotes, reconciling, settling
from billing.gateways.breaker import OPEN_SECONDS, TRIPS_AFTER, Breaker
from billing.models import Event, Invoice, Payment, PaymentMethod, SettlementPurpose
from tests.billing.acting import owing
from tests.factories import MONDAY, UserFactory


@pytest.fixture
def nobody_there(settings) -> Iterator[None]:
    """An address at which no one listens, whoever asks for a free one meanwhile."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        settings.SANDBOX_URL = f"http://127.0.0.1:{taken.getsockname()[1]}"
        yield


@pytest.mark.django_db
@pytest.mark.usefixtures("money_ok", "nobody_there")
class TestAway:
    def test_an_automatic_charge_is_sent_minutes_later_under_its_key(self, sandbox, settings, moments):
        service = owing()
        charging.collect(at=moments(MONDAY, 9))
        kept = Payment.objects.get()
        settings.SANDBOX_URL = ""

        reconciling.run(at=moments(MONDAY, 9) + timedelta(minutes=4))
        too_early = len(sandbox.charges())
        reconciling.run(at=moments(MONDAY, 9) + timedelta(minutes=5))

        assert (kept.state, too_early) == ("pending", 0)
        assert [charge.idempotency_key for charge in sandbox.charges()] == [kept.idempotency_key]
        assert Payment.objects.get().state == "succeeded"
        assert Invoice.objects.get(account=service.account).state == "paid"

    def test_no_refusal_is_told_and_no_try_is_used_up(self, settings, moments):
        service = owing("do_not_honour")
        charging.collect(at=moments(MONDAY, 9))
        for minutes in range(5, 26 * 60, 60):
            reconciling.run(at=moments(MONDAY, 9) + timedelta(minutes=minutes))
        settings.SANDBOX_URL = ""
        given_up = Payment.objects.get()
        charging.collect(at=moments(MONDAY + timedelta(days=1), 13))

        assert given_up.state == "canceled"
        assert Invoice.objects.get().refused_at is not None
        assert list(Payment.objects.order_by("pk").values_list("state", flat=True)) == ["canceled", "failed"]
        assert not Event.objects.filter(type="payment.unknown").exists()
        assert Event.objects.filter(type="payment.failed", account=service.account).count() == 1

    def test_a_person_is_told_that_nothing_was_charged_and_may_try_again(self, settings, sandbox, moments):
        service = owing()
        at = moments(MONDAY, 12)
        Invoice.objects.update(next_charge_at=None)
        for _ in range(6):
            self.pay(service, at=at)
        settings.SANDBOX_URL = ""

        self.pay(service, at=at)

        states = list(Payment.objects.order_by("pk").values_list("state", "decline_code"))
        assert states == [("canceled", "gateway_away")] * 6 + [("succeeded", "")]
        assert len(sandbox.charges()) == 1

    def test_a_person_who_pays_meanwhile_is_not_charged_twice(self, settings, sandbox, moments):
        service = owing()
        charging.collect(at=moments(MONDAY, 9))
        settings.SANDBOX_URL = ""

        self.pay(service, at=moments(MONDAY, 9))
        reconciling.run(at=moments(MONDAY, 10))

        assert len(sandbox.charges()) == 1
        assert sorted(Payment.objects.values_list("state", flat=True)) == ["canceled", "succeeded"]

    @staticmethod
    def pay(service, *, at) -> None:
        digest = quotes.quote(service.account, at=at).digest
        settlement = settling.consent(
            service.account, purpose=SettlementPurpose.PAY, digest=digest, by=UserFactory(), at=at
        )
        settling.settle(settlement, method=PaymentMethod.objects.get(), by=None, at=at)


class Unanswered(Exception):
    pass


class Refused(Unanswered):
    pass


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_after_failures_in_a_row_a_gateway_is_left_alone_for_half_a_minute():
    asked, clock = [], Clock()

    def fail(request: int) -> None:
        asked.append(request)
        raise Unanswered

    breaker = Breaker(fail, trips_on=Unanswered, refusal=Refused, seconds=clock)
    raised = []
    for number in range(TRIPS_AFTER + 3):
        with pytest.raises(Unanswered) as refusal:
            breaker(number)
        raised.append(refusal.type)
    clock.now = OPEN_SECONDS
    with pytest.raises(Unanswered):
        breaker(99)

    assert raised == [Unanswered] * TRIPS_AFTER + [Refused] * 3
    assert asked == [*range(TRIPS_AFTER), 99]
    assert OPEN_SECONDS <= 30


def test_an_answer_closes_the_breaker():
    answers = iter([Unanswered] * (TRIPS_AFTER - 1) + [None] + [Unanswered] * (TRIPS_AFTER - 1))

    def call(request: int) -> int:
        if (error := next(answers)) is not None:
            raise error
        return request

    breaker = Breaker(call, trips_on=Unanswered, refusal=Refused, seconds=Clock())
    for number in range(2 * TRIPS_AFTER - 1):
        if number == TRIPS_AFTER - 1:
            assert breaker(number) == number
            continue
        with pytest.raises(Unanswered) as refusal:
            breaker(number)
        assert refusal.type is Unanswered
