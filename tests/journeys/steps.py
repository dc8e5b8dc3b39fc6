"""
The steps in which a person puts a declined card right: the same over HTTP and in a real browser.

Each step asserts what the person must see there.
"""

from __future__ import annotations

from billing.models import Account, Subscription

from . import gateway
from .surfer import Person, sign_in
from .world import BOTH, TOTAL, World

GOOD_CARD = "Pays Visa ending in 4242"


def follow_the_mail(world: World, person: Person) -> None:
    """The link is followed signed out and leads, through sign-in, to the card page of the right account."""
    link = world.letter("refused").links[0]

    person.open(link)
    assert person.url != link
    sign_in(person, world.administrator)

    assert person.url == link
    assert "Change card" in person.read()
    assert "Visa •••• 9995" in person.read()


def choose_an_account(world: World, other: Account, person: Person) -> None:
    """The chooser shows what each account of this person owes, and nobody else's."""
    person.open(f"{world.address}/accounts/")

    page = person.read()
    assert page.index("Contoso B.V.") < page.index(TOTAL)
    assert page.index(other.legal_name) < page.index("€60.50 and ") < page.index("$48.40")
    assert "Fabrikam" not in page
    person.follow("Contoso B.V.")
    assert person.url == world.page("")


def read_the_overview(world: World, person: Person) -> None:
    """One alert with amount, date and one action; then what is owed, the card, what is next, and the services."""
    [alert] = person.regions("Important")
    stopped = world.letter("suspended")
    cancel_at = stopped.steps()["cancel"]
    moment = f"{cancel_at.day} {cancel_at:%B %Y at %H:%M}"

    assert alert.startswith("Your services have stopped.")
    assert moment in alert
    assert alert.endswith(f"Pay {TOTAL}")
    assert [link for link in person.links() if link.startswith("Pay ")] == [f"Pay {TOTAL}"]
    assert TOTAL in person.regions("To pay")[0]
    assert "Visa •••• 9995" in person.regions("Payment method")[0]
    assert "There was not enough money on the card." in person.regions("Payment method")[0]
    assert f"{moment} Hosting is canceled if it is not paid" in person.regions("What happens next")[0]
    assert person.regions("Services")[0].count("Stopped") == 2


def change_the_card(person: Person, card: str) -> None:
    """Consent to the exact total and enter a card on the gateway's own page."""
    person.follow("Change card")
    page = person.read()
    assert "Example Cloud B.V. €121.00, Example Post B.V. €95.59" in page
    assert f"You agree that we charge {TOTAL} to the new card as soon as it is saved." in page

    save_and_pay(person, card)


def save_and_pay(person: Person, card: str) -> None:
    person.press(f"Save and pay {TOTAL} now")
    person.choose(card)
    person.press("Save card")


def see_everything_paid(world: World, person: Person) -> None:
    """The result page tells per invoice what became of it; the gateway's own record has one charge per seller."""
    page = person.read()
    assert page.startswith(f"Payment received {TOTAL}")
    for invoice in world.account.invoices.all():
        amount = {"EUR": f"€{invoice.total / 100:.2f}"}[invoice.currency]
        assert f"{invoice.number} {invoice.seller.name} {amount} Paid" in page
    assert "All your services are on." in page
    assert charged_to_the_account(world) == BOTH


def charged_to_the_account(world: World) -> list[tuple[str, int, str]]:
    """Return what the gateway has charged to the cards of this account, by its own record."""
    keys = set(world.account.payments.values_list("idempotency_key", flat=True))
    charges = [each for each in gateway.succeeded(world.engine) if each.idempotency_key in keys]
    return sorted((each.description, each.amount, each.currency) for each in charges)


def see_that_all_is_well(world: World, person: Person) -> None:
    """Services run, the product is told so, no alert is left, the new card is on file, and the books agree."""
    assert world.states() == ["active", "active"]
    for service in Subscription.objects.for_account(world.account):
        answer = world.access(service)
        assert (answer["level"], answer["reasons"], answer["balance"]) == ("full", [], [])
    person.open(world.page(""))
    assert [alert for alert in person.regions("Important") if not alert.startswith("Payment received")] == []
    assert person.regions("Services")[0].count("Active") == 2
    person.open(world.page("cards/"))
    assert "Visa •••• 4242" in person.read()
    assert "Charged automatically for 2 services" in person.read()
    world.reconcile()
    world.check_books()


def see_the_receipts(world: World) -> None:
    """A receipt arrives for each charge and says that the service is on again."""
    world.send_mail()
    receipts = [letter for letter in world.letters_about(world.account) if letter.kind == "receipt"]
    assert sorted(letter.subject for letter in receipts) == [
        "Receipt for Contoso B.V.: €121.00",
        "Receipt for Contoso B.V.: €95.59",
    ]
    assert {letter.to for letter in receipts} == {world.administrator.email}
    assert all("on again" in letter.text and "Visa •••• 4242" in letter.text for letter in receipts)


STORY = (
    "of €121.00 was issued.",
    "€121.00 could not be charged to Visa •••• 9995. There was not enough money on the card.",
    "Payment for Hosting is overdue.",
    "We sent a reminder about invoice",
    "We announced that Hosting will stop.",
    "Hosting stopped.",
    "Agreed to pay €216.59.",
    "Visa •••• 4242 was added.",
    "€121.00 was received from Visa •••• 4242.",
    "Hosting is on again.",
)


def read_the_timeline(world: World, person: Person) -> None:
    """The timeline tells the whole story, newest first, with the page's older part behind a link."""
    person.open(world.page("activity/"))
    pages = [person.read()]
    while "Older" in person.links():
        person.follow("Older")
        pages.append(person.read())
    timeline = " ".join(pages)
    places = [timeline.rindex(sentence) for sentence in STORY]
    assert places == sorted(places, reverse=True)
