"""A new card that does not pay, a person who turns back, and amounts that change on the way."""

from __future__ import annotations

from tests.factories import InvoiceFactory
from tests.journeys import gateway
from tests.journeys.steps import GOOD_CARD, save_and_pay
from tests.journeys.world import BOTH, CLOUD, TOTAL, World

CHANGED = "The amounts have changed since you looked. Nothing was charged. Check the new amounts."
MORE = "€228.69"


def bill_more(world: World) -> None:
    """Let another invoice of € 12.10 fall due."""
    InvoiceFactory(account=world.account, seller=world.sellers[CLOUD], issued=world.first, price=10_00)


def test_a_new_card_that_is_declined_too_says_so_and_is_not_charged_automatically(refused):
    person = refused.signed_in()
    person.open(refused.page("cards/change/"))

    save_and_pay(person, "Can be stored, every charge is declined")

    page = person.read()
    assert page.startswith(f"We could not take the payment {TOTAL} is still to pay. Nothing was charged.")
    assert "Your bank declined the card. Use another card, or call your bank." in page
    assert page.count("Not paid") == 2
    assert gateway.charged(refused.engine) == []
    assert refused.states() == ["past_due", "past_due"]
    assert refused.account.payment_methods.get(is_default=True).last4 == "9995"
    refused.reconcile()
    refused.check_books()


def test_after_a_second_refusal_a_third_card_pays(refused):
    person = refused.signed_in()
    person.open(refused.page("cards/change/"))
    save_and_pay(person, "Declined: the bank gives no reason")

    person.follow("Use another card")
    save_and_pay(person, GOOD_CARD)

    assert person.read().startswith(f"Payment received {TOTAL}")
    assert gateway.charged(refused.engine) == BOTH
    assert refused.account.payment_methods.get(is_default=True).last4 == "4242"


def test_turning_back_on_the_card_page_stores_and_charges_nothing(refused):
    person = refused.signed_in()
    person.open(refused.page("cards/change/"))
    person.press(f"Save and pay {TOTAL} now")

    person.press("Cancel")

    assert "No card was added and nothing was charged." in person.read()
    assert gateway.charged(refused.engine) == []
    assert refused.account.payment_methods.count() == 1


def test_only_saving_a_card_charges_nothing_and_it_pays_when_it_is_chosen(refused):
    person = refused.signed_in()
    person.open(refused.page("cards/change/"))
    person.press("Save only")
    person.choose(GOOD_CARD)
    person.press("Save card")
    assert "Visa •••• 4242 is saved." in person.read()
    assert gateway.charged(refused.engine) == []

    person.follow("Use automatically: Visa •••• 4242")
    person.press(f"Use this card and pay {TOTAL} now")

    assert "Visa •••• 4242 is now charged automatically." in person.read()
    assert f"Payment received {TOTAL}" in person.read()
    assert gateway.charged(refused.engine) == BOTH


def test_a_quote_that_grows_before_the_consent_charges_nothing_and_shows_the_new_amount(refused):
    person = refused.signed_in()
    person.open(refused.page("cards/change/"))
    bill_more(refused)

    person.press(f"Save and pay {TOTAL} now")

    assert CHANGED in person.read()
    assert f"Save and pay {MORE} now" in person.read()
    assert gateway.charged(refused.engine) == []


def test_a_quote_that_grows_at_the_card_page_stores_the_card_charges_nothing_and_asks_again(refused):
    person = refused.signed_in()
    person.open(refused.page("cards/change/"))
    person.press(f"Save and pay {TOTAL} now")
    bill_more(refused)
    person.choose(GOOD_CARD)
    person.press("Save card")

    page = person.read()
    assert "Visa •••• 4242 is saved, but nothing was charged" in page
    assert MORE in page
    assert gateway.charged(refused.engine) == []
    assert refused.account.payment_methods.filter(last4="4242").exists()


def test_a_quote_that_grows_before_the_last_click_charges_nothing_and_asks_again(refused):
    person = refused.signed_in()
    person.open(refused.page("settle/"))
    person.press("Continue")
    bill_more(refused)

    person.press(f"Pay {TOTAL}")

    assert CHANGED in person.read()
    assert MORE in person.read()
    assert gateway.charged(refused.engine) == []
