"""F1-F8: a charge that is declined, and one of several: killed on the way, each is made exactly once."""

from __future__ import annotations

import signal
from datetime import timedelta

import pytest

from billing import charging, quotes, reconciling, results, settling
from billing.models import Event, Payment, PaymentMethod, SettlementPurpose
from tests.billing.acting import owing
from tests.factories import MONDAY, UserFactory
from tests.faults import dying

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("money_ok")]


def recover(at) -> None:
    """Let the jobs of the next half hour run, as they do anyway."""
    for minutes in (1, 2, 16, 17):
        reconciling.run(at=at + timedelta(minutes=minutes))
        charging.collect(at=at + timedelta(minutes=minutes))


@pytest.mark.parametrize("step", ["after the first commit", "after sending", "after the answer"])
def test_a_killed_charge_that_is_declined_is_refused_exactly_once(sandbox, tmp_path, step: str):
    service = owing("do_not_honour")
    at = service.account.moment(MONDAY, 12)
    death = dying.at(step, lambda: charging.collect(at=at), folder=tmp_path)

    recover(at)

    assert death.signal == signal.SIGKILL
    assert [charge.status for charge in sandbox.charges()] == ["failed"]
    assert Event.objects.filter(type="payment.failed").count() == 1
    service.refresh_from_db()
    assert service.state == "past_due"


@pytest.mark.parametrize(
    "step", ["before the first of two sellers", "between two sellers", "after asking for the second"]
)
def test_killed_between_two_sellers_each_is_charged_once(sandbox, tmp_path, step: str):
    service = owing("good")
    account, at = service.account, service.account.moment(MONDAY, 12)
    owing("", account=account)
    digest = quotes.quote(account, at=at).digest
    settlement = settling.consent(account, purpose=SettlementPurpose.PAY, digest=digest, by=UserFactory(), at=at)
    card = PaymentMethod.objects.get()

    def pay() -> None:
        settling.settle(settlement, method=card, by=None, at=at)

    death = dying.at(step, pay, folder=tmp_path)

    recover(at)

    assert death.signal == signal.SIGKILL
    assert sorted(c.description for c in sandbox.charges()) == sorted(p.seller.name for p in Payment.objects.all())
    assert len(sandbox.charges()) == 2
    assert results.result(settlement).status == "paid"
