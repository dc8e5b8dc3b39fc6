"""The approval of a payment by the card holder (3-D Secure)."""

from __future__ import annotations

import pytest

from billing.gateways.base import SessionStatus, Status

RETURN_URL = "http://localhost:8000/cards/back?visit=7"


def test_three_d_secure_goes_on_to_the_approval_page_and_back(browser, fetch, paying_setup):
    approval = browser.post(paying_setup.url, action="submit", card="three_d_secure")
    assert "Approve this payment" in approval.body.decode()
    assert fetch(paying_setup).status is SessionStatus.OPEN

    browser.post(_approval_url(browser), action="approve")

    session = fetch(paying_setup)
    assert browser.visited == [RETURN_URL]
    assert (session.status, session.outcome.status) == (SessionStatus.COMPLETE, Status.SUCCEEDED)


def test_refused_approval_fails_the_payment_and_keeps_the_card(browser, fetch, paying_setup):
    browser.post(paying_setup.url, action="submit", card="three_d_secure")

    browser.post(_approval_url(browser), action="refuse")

    session = fetch(paying_setup)
    assert (session.outcome.status, session.outcome.decline_code) == (Status.FAILED, "authentication_failed")
    assert session.card is not None


def test_approving_twice_or_changing_ones_mind_has_no_effect(browser, engine, gateway, request_for):
    url = gateway.charge(request_for("three_d_secure")).action_url

    browser.post(url, action="approve")
    browser.post(url, action="approve")
    browser.post(url, action="refuse")

    assert browser.visited == [RETURN_URL] * 3
    assert [charge.status for charge in engine.charges()] == [Status.SUCCEEDED]


def test_reopened_card_page_leads_to_the_approval(browser, paying_setup):
    browser.post(paying_setup.url, action="submit", card="three_d_secure")

    assert "Approve this payment" in browser.get(paying_setup.url).body.decode()
    assert "Approve this payment" in browser.post(paying_setup.url, action="cancel").body.decode()


def test_approval_expires_after_an_hour_and_cannot_be_given_then(browser, clock, engine, gateway, request_for):
    url = gateway.charge(request_for("three_d_secure")).action_url
    clock.forward(hours=1)

    page = browser.post(url, action="approve")

    assert page.status == 410
    assert "Nothing was paid" in page.body.decode()
    [charge] = engine.charges()
    assert (charge.status, charge.decline_code) == (Status.CANCELED, "approval_expired")


def test_unfinished_approval_expires_the_visit_and_keeps_the_card(browser, clock, fetch, paying_setup):
    browser.post(paying_setup.url, action="submit", card="three_d_secure")
    clock.forward(hours=1)

    session = fetch(paying_setup)
    assert (session.status, session.outcome.status) == (SessionStatus.EXPIRED, Status.CANCELED)
    assert session.card is not None


@pytest.mark.parametrize("form", [{}, {"action": "perhaps"}])
def test_answer_that_is_neither_asks_again(browser, engine, gateway, request_for, form):
    url = gateway.charge(request_for("three_d_secure")).action_url

    assert browser.post(url, **form).status == 422
    assert [charge.status for charge in engine.charges()] == [Status.REQUIRES_ACTION]


def test_approval_without_a_return_address_ends_on_the_page(browser, gateway, request_for):
    url = gateway.charge(request_for("three_d_secure", return_url="")).action_url

    page = browser.post(url, action="approve")

    assert (page.status, browser.visited) == (200, [])
    assert "You may close this page" in page.body.decode()
    assert browser.get(url).body == page.body


def _approval_url(browser):
    [charge] = browser.engine.charges()
    return f"http://localhost:8000/sandbox/approvals/{charge.reference}"
