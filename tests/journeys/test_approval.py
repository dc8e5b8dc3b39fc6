"""The bank asks for approval (3-D Secure): given, refused, given for one seller, or by someone who never returns."""

from __future__ import annotations

import pytest

from tests.journeys import gateway
from tests.journeys.steps import GOOD_CARD, save_and_pay
from tests.journeys.surfer import Surfer
from tests.journeys.world import BOTH, CLOUD, POST, TOTAL, World

ASKS = "Pays after approval (3-D Secure)"
APPROVE_CLOUD, APPROVE_POST = f"Approve €121.00 for {CLOUD}", f"Approve €95.59 for {POST}"


@pytest.fixture
def asked(refused: World) -> Surfer:
    """A person who has entered a card of which the bank asks approval, for both charges."""
    person = refused.signed_in()
    person.open(refused.page("cards/change/"))
    save_and_pay(person, ASKS)
    return person


def test_approval_is_asked_once_per_seller_and_nothing_is_charged_before(refused, asked):
    page = asked.read()

    assert page.startswith("Approve your payment")
    assert {APPROVE_CLOUD, APPROVE_POST} <= set(asked.links())
    assert gateway.charged(refused.engine) == []
    assert refused.states() == ["past_due", "past_due"]


def test_what_is_approved_is_paid(refused, asked):
    for approval in (APPROVE_CLOUD, APPROVE_POST):
        asked.follow(approval)
        asked.press("Approve")

    assert asked.read().startswith(f"Payment received {TOTAL}")
    assert gateway.charged(refused.engine) == BOTH
    assert refused.states() == ["active", "active"]
    refused.reconcile()
    refused.check_books()


def test_what_is_refused_is_not_paid_and_says_why(refused, asked):
    for approval in (APPROVE_CLOUD, APPROVE_POST):
        asked.follow(approval)
        asked.press("Refuse")

    page = asked.read()
    assert page.startswith(f"We could not take the payment {TOTAL} is still to pay. Nothing was charged.")
    assert "The payment was not approved with your bank." in page
    assert gateway.charged(refused.engine) == []
    assert refused.states() == ["past_due", "past_due"]


def test_one_seller_approved_and_the_other_refused_is_partly_paid(refused, asked):
    asked.follow(APPROVE_CLOUD)
    asked.press("Approve")
    asked.follow(APPROVE_POST)
    asked.press("Refuse")

    page = asked.read()
    assert page.startswith("Partly paid We received €121.00. €95.59 is still to pay.")
    assert f"{CLOUD} €121.00 Paid" in page
    assert f"{POST} €95.59 Not paid" in page
    assert gateway.charged(refused.engine) == BOTH[:1]
    assert refused.states() == ["active", "past_due"]


def test_an_approval_that_is_never_given_expires_and_leaves_the_rest_paid(refused, asked):
    asked.follow(APPROVE_CLOUD)
    asked.press("Approve")

    refused.let_pass(hours=2)
    refused.post_webhooks()
    refused.reconcile()

    asked.open(asked.url)
    assert asked.read().startswith("Partly paid")
    assert gateway.charged(refused.engine) == BOTH[:1]
    refused.check_books()


def test_approving_and_closing_the_browser_is_finished_by_the_webhook_alone(refused, asked):
    result = asked.url
    for approval in (APPROVE_CLOUD, APPROVE_POST):
        asked.open(result)
        asked.follow(approval)
        asked.stay_away("Approve")

    assert refused.states() == ["past_due", "past_due"]
    refused.post_webhooks()
    refused.reconcile()

    assert refused.states() == ["active", "active"]
    assert gateway.charged(refused.engine) == BOTH
    refused.check_books()


def test_saving_a_card_and_closing_the_browser_is_finished_by_the_webhook_alone(refused):
    person = refused.signed_in()
    person.open(refused.page("cards/change/"))
    person.press(f"Save and pay {TOTAL} now")
    person.choose(GOOD_CARD)
    person.stay_away("Save card")

    assert gateway.charged(refused.engine) == []
    refused.post_webhooks()
    refused.reconcile()

    assert refused.states() == ["active", "active"]
    assert gateway.charged(refused.engine) == BOTH
    refused.check_books()


def test_coming_back_after_the_webhook_charges_nothing_again(refused):
    person = refused.signed_in()
    person.open(refused.page("cards/change/"))
    person.press(f"Save and pay {TOTAL} now")
    person.choose(GOOD_CARD)
    way_back = person.stay_away("Save card")
    refused.post_webhooks()
    refused.reconcile()

    person.open(way_back)
    person.open(way_back)

    assert person.read().startswith(f"Payment received {TOTAL}")
    assert gateway.charged(refused.engine) == BOTH
