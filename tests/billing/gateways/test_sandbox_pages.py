"""What the card holder meets on the hosted pages, and what the merchant learns of it."""

from __future__ import annotations

import re

import pytest

from billing.gateways.base import GatewayUnavailable, SessionStatus, Status
from billing.gateways.sandbox import pages

RETURN_URL = "http://localhost:8000/cards/back?visit=7"


def test_setup_page_lists_named_cards_without_a_number_field(browser, setup):
    page = browser.get(setup.url)

    text = page.body.decode()
    assert page.status == 200
    assert "Sandbox card page: no real money" in text
    assert set(re.findall(r'<input type="(\w+)"', text)) == {"radio"}
    assert "<script" not in text
    assert "style=" not in text


def test_showing_a_page_changes_nothing(browser, fetch, setup):
    browser.get(setup.url)
    browser.get(setup.url)

    assert fetch(setup) == setup


def test_submitted_card_is_on_file_and_the_person_is_back(browser, fetch, setup):
    browser.post(setup.url, action="submit", card="good_mastercard")

    session = fetch(setup)
    assert browser.visited == [RETURN_URL]
    assert session.status is SessionStatus.COMPLETE
    assert (session.card.brand, session.card.last4) == ("mastercard", "4444")
    assert session.outcome is None


def test_setup_with_a_payment_shows_its_amount_and_charges_it(browser, engine, fetch, gateway, paying_setup):
    assert "Save card and pay EUR 238.00" in browser.get(paying_setup.url).body.decode()

    browser.post(paying_setup.url, action="submit", card="good")

    session = fetch(paying_setup)
    assert session.outcome.status is Status.SUCCEEDED
    assert session.outcome == gateway.look_up(gateway_account="acme", idempotency_key="pay")
    assert session.card is not None
    assert len(engine.charges()) == 1


def test_declined_payment_leaves_the_card_on_file(browser, fetch, paying_setup):
    browser.post(paying_setup.url, action="submit", card="insufficient_funds")

    session = fetch(paying_setup)
    assert session.status is SessionStatus.COMPLETE
    assert (session.outcome.status, session.outcome.decline_code) == (Status.FAILED, "insufficient_funds")
    assert session.card is not None


def test_payment_page_pays_and_keeps_no_card(browser, fetch, gateway, request_for):
    session = gateway.start_payment(request_for())

    assert "Pay EUR 238.00" in browser.get(session.url).body.decode()
    browser.post(session.url, action="submit", card="good")

    session = fetch(session)
    assert (session.status, session.card) == (SessionStatus.COMPLETE, None)
    assert session.outcome.status is Status.SUCCEEDED


def test_second_submit_leads_back_without_effect(browser, engine, paying_setup):
    browser.post(paying_setup.url, action="submit", card="good")
    browser.post(paying_setup.url, action="submit", card="good")
    browser.post(paying_setup.url, action="cancel")

    assert browser.visited == [RETURN_URL] * 3
    assert [charge.status for charge in engine.charges()] == [Status.SUCCEEDED]


def test_cancel_leads_back_and_ends_the_visit_and_its_payment(browser, fetch, gateway, paying_setup):
    browser.post(paying_setup.url, action="cancel")

    assert browser.visited == [RETURN_URL]
    assert fetch(paying_setup).status is SessionStatus.CANCELED
    assert gateway.look_up(gateway_account="acme", idempotency_key="pay").status is Status.CANCELED


@pytest.mark.parametrize("form", [{}, {"action": "submit"}, {"action": "submit", "card": "4242424242424242"}])
def test_submit_without_a_card_asks_again(browser, fetch, setup, form):
    page = browser.post(setup.url, **form)

    assert page.status == 422
    assert 'role="alert"' in page.body.decode()
    assert fetch(setup).status is SessionStatus.OPEN


def test_visit_expires_after_an_hour(browser, clock, engine, fetch, paying_setup):
    clock.forward(hours=1)

    page = browser.post(paying_setup.url, action="submit", card="good")

    assert page.status == 410
    assert fetch(paying_setup).status is SessionStatus.EXPIRED
    assert [charge.decline_code for charge in engine.charges()] == ["session_expired"]


def test_key_of_a_hosted_payment_cannot_be_charged_besides(browser, engine, gateway, paying_setup, request_for):
    assert gateway.charge(request_for("good", key="pay")).status is Status.UNKNOWN

    browser.post(paying_setup.url, action="submit", card="good")

    assert len(engine.charges()) == 1


def test_hosted_payment_cannot_be_started_with_a_charged_key(gateway, request_for):
    gateway.charge(request_for("good", key="pay"))

    with pytest.raises(GatewayUnavailable):
        gateway.start_card_setup(
            gateway_account="acme", idempotency_key="setup", return_url=RETURN_URL, payment=request_for(key="pay")
        )


def test_starting_twice_with_one_key_is_one_visit(gateway, setup):
    again = gateway.start_card_setup(gateway_account="acme", idempotency_key="setup", return_url=RETURN_URL)

    assert again == setup


def test_visit_of_another_account_is_not_there(gateway, setup):
    with pytest.raises(GatewayUnavailable):
        gateway.fetch_session(gateway_account="globex", session_id=setup.id)


@pytest.mark.parametrize("url", ["javascript:alert(1)", "http://localhost/\r\nSet-Cookie: a=b", "data:text/html,x"])
def test_return_address_must_be_a_web_address(gateway, url):
    with pytest.raises(GatewayUnavailable):
        gateway.start_card_setup(gateway_account="acme", idempotency_key="setup", return_url=url)


def test_words_of_the_merchant_are_escaped(browser, gateway, request_for):
    url = gateway.charge(request_for("three_d_secure", description="<script>alert(1)</script>")).action_url

    assert "&lt;script&gt;" in browser.get(url).body.decode()


@pytest.mark.parametrize("path", ["/", "/sessions/", "/sessions/none", "/approvals/none", "/v1/charges", "/a/b/c"])
def test_anything_else_is_not_found(engine, path):
    assert pages.respond(engine, "GET", path, {}).status == 404
    assert pages.respond(engine, "POST", path, {}).status == 404


def test_style_sheet_has_an_address_of_its_own(engine):
    response = pages.respond(engine, "GET", "/style.css", {})

    assert (response.status, response.headers["Content-Type"]) == (200, "text/css; charset=utf-8")


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [(1_234_50, "EUR", "EUR 1,234.50"), (500, "JPY", "JPY 500"), (5, "KWD", "KWD 0.005")],
)
def test_amounts_are_written_with_the_digits_of_their_currency(amount, currency, text):
    assert pages.html.money(amount, currency) == text
