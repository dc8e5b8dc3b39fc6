"""
The journey of the mission: a declined card is put right, everything outstanding is paid, the services are back.

Walked here over HTTP; ``tests/browser`` walks the same steps in a real browser.
"""

from __future__ import annotations

import datetime as dt

from billing.models import Account, Payment
from billing.states import PaymentState

from .journeys import fixtures, gateway, steps
from .journeys.letters import Letter
from .journeys.steps import charged_to_the_account
from .journeys.surfer import sign_in
from .journeys.world import TOTAL, World

begin, mailbox, refused, world = fixtures.begin, fixtures.mailbox, fixtures.refused, fixtures.world

A_WEEK_LEFT_OUT = range(5, 12)


def climb(world: World) -> Account:
    """Let the days pass until both services have stopped: some with three runs, a week with none."""
    other = world.add_neighbours()
    world.run_on(world.first)
    for day in range(1, A_WEEK_LEFT_OUT.start):
        for hour in (1, 9, 12, 23):
            world.run_at(world.account.moment(world.day(day), hour))
    world.pass_from(A_WEEK_LEFT_OUT.stop)
    return other


def test_declined_card_is_put_right_by_a_new_card_that_pays_everything(world):
    other = climb(world)
    person = world.somebody()

    steps.follow_the_mail(world, person)
    steps.choose_an_account(world, other, person)
    steps.read_the_overview(world, person)
    steps.change_the_card(person, steps.GOOD_CARD)
    steps.see_everything_paid(world, person)
    steps.see_that_all_is_well(world, person)
    steps.see_the_receipts(world)
    steps.read_the_timeline(world, person)

    assert {service.state for service in other.subscriptions.all()} == {"suspended"}


def test_what_the_mails_announce_is_what_happens_on_that_day(world):
    climb(world)

    letters = world.letters_about(world.account)
    [stopped_on] = world.days_of("service.suspended")
    announced = {letter.steps()["stop"].date() for letter in letters if "stop" in letter.steps()}
    assert announced == {stopped_on}
    warned = world.letter("warned")
    assert f"Hosting and Mail stop on {stopped_on.day} {stopped_on:%B %Y} at 10:00" in warned.text
    assert [warned.day] == world.days_of("service.warned")
    assert stopped_on - warned.day >= dt.timedelta(days=7)
    assert [world.letter("suspended").day] == [stopped_on]
    assert [letter.day for letter in letters if letter.kind == "reminded"] == world.days_of("dunning.reminded")
    for letter in letters:
        assert_charge_is_tried_when_announced(world, letter)


def assert_charge_is_tried_when_announced(world: World, letter: Letter) -> None:
    announced = letter.steps().get("charge")
    if announced is None:
        return
    tried = {world.account.today(payment.created_at) for payment in world.account.payments.all()}
    left_out = {world.day(day) for day in A_WEEK_LEFT_OUT}
    assert announced.date() in tried | left_out, letter.subject


def test_no_notice_comes_twice_and_none_announces_a_date_that_has_passed(world):
    other = climb(world)

    for account in (world.account, other):
        letters = world.letters_about(account)
        kinds = [letter.kind for letter in letters if letter.kind != "reminded"]
        assert kinds == ["refused", "warned", "suspended"]
        assert len({letter.day for letter in letters}) == len(letters)
        assert len({(letter.subject, letter.body) for letter in letters}) == len(letters)
        for letter in letters:
            assert min(letter.announced()) >= letter.day, letter.subject


def test_the_first_mail_tells_what_happened_why_and_what_happens_when(refused):
    letter = refused.letter("refused")

    assert letter.to == refused.administrator.email
    assert letter.day == refused.first
    assert letter.text.startswith(
        "We have been unable to charge your credit card for your subscription."
        " To prevent any service interruptions, please update your payment information."
    )
    assert TOTAL in letter.subject
    for invoice in refused.account.invoices.all():
        assert f"Invoice {invoice.number}, due {letter.day.day} {letter.day:%B %Y}" in letter.text
    assert "€121.00" in letter.text
    assert "€95.59" in letter.text
    assert "Visa •••• 9995" in letter.text
    assert "There was not enough money on the card." in letter.text
    assert "Put money on the card and try again, or use another card." in letter.text
    assert list(letter.steps()) == ["charge", "stop"]
    assert letter.links[0] in letter.html
    assert letter.links[0] == refused.page("cards/change/")


def test_the_mail_comes_in_the_administrators_own_language(begin):
    world = begin(1)
    world.administrator.language = "nl"
    world.administrator.save()

    world.run_on(world.first)

    [letter] = world.letters
    assert letter.text.startswith(
        "Het is niet gelukt om uw creditcard te belasten voor uw abonnement."
        " Werk uw betalingsgegevens bij om onderbreking van uw diensten te voorkomen."
    )
    assert "€ 216,59" in letter.text
    assert len(letter.announced()) >= 2


def test_the_day_after_the_refusal_the_overview_has_one_alert_with_amount_date_and_action(refused):
    person = refused.somebody()
    person.open(refused.page(""))
    sign_in(person, refused.administrator)

    [alert] = person.regions("Important")
    stop = refused.letter("refused").steps()["stop"]
    assert alert.startswith("We could not charge your card.")
    assert "on Visa •••• 9995" in alert or "to Visa •••• 9995" in alert
    assert f"{stop.day} {stop:%B %Y at %H:%M}" in alert
    assert alert.endswith(f"Pay {TOTAL}")
    [following] = person.regions("What happens next")
    assert f"We try your card for {TOTAL}" in following
    assert "Hosting stops if it is not paid" in following
    assert "Mail stops if it is not paid" in following
    assert person.regions("Services")[0].count("Past due") == 2


def test_nobody_else_is_charged_or_written_to_about_it(world):
    climb(world)

    strangers = [letter for letter in world.letters if "Fabrikam" in letter.body]
    assert [letter.kind for letter in strangers] == ["receipt"]
    assert gateway.charged(world.engine) == [("Example Cloud B.V.", 36_30, "EUR")]
    assert charged_to_the_account(world) == []
    assert not Payment.objects.filter(account=world.account, state=PaymentState.SUCCEEDED).exists()
