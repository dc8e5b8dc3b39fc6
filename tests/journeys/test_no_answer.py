"""The gateway never answers: the page says that it is being checked, nothing is charged twice, the truth is found."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from billing.gateways.sandbox import Fault
from billing.gateways.sandbox.factory import _over_http
from billing.gateways.sandbox.transports import HttpTransport
from tests.journeys import gateway
from tests.journeys.steps import GOOD_CARD, save_and_pay
from tests.journeys.surfer import Surfer
from tests.journeys.world import BOTH, TOTAL, World

LOST, NEVER = "Charged, but the answer is lost", "Not charged, no answer comes"


@pytest.fixture(autouse=True)
def short_deadline(monkeypatch: pytest.MonkeyPatch, refused: World) -> None:
    """Wait a second for an answer, not twenty."""
    monkeypatch.setitem(HttpTransport.__init__.__kwdefaults__, "deadline", 1.0)
    _over_http.cache_clear()


@pytest.fixture
def paying_with(refused: World) -> Callable[[str], Surfer]:
    def paying(card: str) -> Surfer:
        person = refused.signed_in()
        person.open(refused.page("cards/change/"))
        save_and_pay(person, card)
        return person

    return paying


def test_a_charge_whose_answer_is_lost_is_found_and_made_once(refused, paying_with):
    person = paying_with(LOST)
    assert person.read().startswith("We are checking your payment")
    assert "Please do not pay again." in person.read()

    refused.let_pass(minutes=2)
    refused.reconcile()

    person.open(person.url)
    assert person.read().startswith(f"Payment received {TOTAL}")
    assert gateway.charged(refused.engine) == BOTH
    assert refused.states() == ["active", "active"]
    refused.check_books()


def test_the_person_can_look_again_before_any_job_does(refused, paying_with):
    person = paying_with(LOST)

    person.press("Check again")

    assert person.read().startswith(f"Payment received {TOTAL}")
    assert gateway.charged(refused.engine) == BOTH


def test_a_charge_that_arrives_late_is_found_and_made_once(refused, paying_with):
    refused.engine.inject(Fault.ARRIVES_LATE, times=2)
    person = paying_with(GOOD_CARD)
    assert person.read().startswith("We are checking your payment")
    assert gateway.charged(refused.engine) == []

    refused.let_pass(minutes=3)
    refused.reconcile()

    assert gateway.charged(refused.engine) == BOTH
    assert refused.states() == ["active", "active"]
    refused.check_books()


def test_while_it_is_checked_the_overview_says_so_and_paying_again_charges_nothing(refused, paying_with):
    second_tab = refused.signed_in()
    second_tab.open(refused.page("cards/change/"))
    person = paying_with(LOST)

    person.open(refused.page(""))
    [alert] = person.regions("Important")
    assert alert.startswith(f"We are checking your payment of {TOTAL}.")
    assert f"Pay {TOTAL}" not in person.links()
    second_tab.press(f"Save and pay {TOTAL} now")
    assert "Nothing was charged" in second_tab.read()
    assert gateway.charged(refused.engine) == BOTH

    refused.let_pass(minutes=2)
    refused.reconcile()
    assert gateway.charged(refused.engine) == BOTH
    assert refused.states() == ["active", "active"]
    refused.check_books()


def test_a_charge_that_never_arrived_stays_unknown_and_staff_hear_of_it(refused, paying_with):
    person = paying_with(NEVER)

    refused.let_pass(hours=2)
    refused.reconcile()

    person.open(person.url)
    assert person.read().startswith("We are checking your payment")
    assert gateway.charged(refused.engine) == []
    assert {task.kind for task in refused.account.staff_tasks.all()} == {"payment_unknown"}


def test_after_an_hour_without_an_answer_another_card_pays(refused, paying_with):
    paying_with(NEVER)
    refused.let_pass(hours=2)

    person = paying_with(GOOD_CARD)

    assert person.read().startswith(f"Payment received {TOTAL}")
    assert gateway.charged(refused.engine) == BOTH
    assert refused.states() == ["active", "active"]
