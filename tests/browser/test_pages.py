"""Every page, in a real browser: axe finds nothing to mend, and nothing is wider than a small phone."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe

from billing import clock, quotes, settling
from billing.models import Account, Invoice, InvoiceLine, Seller, SettlementPurpose, Subscription, User
from tests.factories import ContactFactory, PaymentMethodFactory
from tests.journeys.steps import GOOD_CARD, save_and_pay
from tests.journeys.world import World

from .tab import Tab

SMALL, LARGE = {"width": 320, "height": 640}, {"width": 1280, "height": 900}
RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}}
SIGNED_OUT = ["/auth/login/", "/auth/login/code/", "/auth/password/reset/", "/help/"]
OF_PERSON = ["/accounts/", "/auth/email/", "/auth/password/change/", "/auth/2fa/", "/auth/logout/"]
OF_ACCOUNT = ["", "settle/", "cards/", "cards/change/", "invoices/", "services/", "profile/", "help/", "activity/"]


def look_at(tab: Tab, *addresses: str) -> None:
    """Look at pages in the light on a desk, and in the dark on a small phone."""
    found = []
    for address in addresses:
        for scheme, size in (("light", LARGE), ("dark", SMALL)):
            tab.page.set_viewport_size(size)
            tab.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            # Opened anew: colours that are still changing have no contrast to speak of.
            tab.open(address)
            assert tab.url == address
            found += problems(tab, scheme)
        width = tab.page.evaluate("document.documentElement.scrollWidth")
        if width > SMALL["width"]:
            found.append(f"{tab.url}: {width} px wide")
    assert found == []


def problems(tab: Tab, scheme: str) -> list[str]:
    violations = Axe().run(tab.page, options=RULES).response["violations"]
    return [f"{tab.url} ({scheme}): {rule['id']}: {rule['help']}: {rule['nodes'][0]['html']}" for rule in violations]


def sign_in(world: World, tab: Tab) -> None:
    """Bring the administrator's session along."""
    session = world.signed_in().client.cookies["session"]
    tab.page.context.add_cookies([{"name": "session", "value": session, "url": world.address}])


def test_pages_without_sign_in(refused, open_tab):
    look_at(open_tab(), *(f"{refused.address}{path}" for path in SIGNED_OUT))


def test_pages_of_an_account_with_stopped_services(world, open_tab):
    world.add_neighbours()
    world.pass_from(0)
    tab = open_tab()
    sign_in(world, tab)

    look_at(tab, *(f"{world.address}{path}" for path in OF_PERSON))
    look_at(tab, *(world.page(path) for path in OF_ACCOUNT))


def test_names_without_a_space_make_no_page_wider(refused, open_tab):
    endless = "Donaudampfschifffahrtsgesellschaft" * 5
    account = refused.account
    Account.objects.update(legal_name=endless, purchase_order_number=endless[:50], street=endless)
    Subscription.objects.update(name=endless[:100])
    Seller.objects.update(name=endless, account_holder=endless[:70])
    InvoiceLine.objects.update(description=endless)
    Invoice.objects.update(seller_details={"name": endless, "account_holder": endless, "address": [endless]})
    User.objects.update(name=endless[:100])
    ContactFactory(account=account, email=f"{endless[:60]}@example.com", name=endless[:100])
    invoice = account.invoices.first()
    tab = open_tab()
    sign_in(refused, tab)
    pages = [refused.page(path) for path in (*OF_ACCOUNT, f"invoices/{invoice.reference}/")]

    wide = []
    for size in (SMALL, LARGE):
        tab.page.set_viewport_size(size)
        for address in (*pages, f"{refused.address}/accounts/"):
            tab.open(address)
            width = tab.page.evaluate("document.documentElement.scrollWidth")
            if width > size["width"]:
                wide.append(f"{tab.url}: {width} of {size['width']} px")

    assert wide == []


def test_pages_of_one_invoice_one_card_and_one_payment(refused, open_tab):
    quote = quotes.quote(refused.account, at=clock.now())
    settlement = settling.consent(
        refused.account, purpose=SettlementPurpose.PAY, digest=quote.digest, by=refused.administrator, at=clock.now()
    )
    card = PaymentMethodFactory(account=refused.account, card="good", is_default=False)
    invoice = refused.account.invoices.first()
    tab = open_tab()
    sign_in(refused, tab)

    look_at(
        tab,
        refused.page(f"invoices/{invoice.reference}/"),
        refused.page(f"cards/{card.reference}/default/"),
        refused.page(f"cards/{card.reference}/remove/"),
        refused.page(f"settlements/{settlement.reference}/"),
        refused.page(f"settlements/{settlement.reference}/result/"),
    )


@pytest.mark.parametrize(
    "card",
    [GOOD_CARD, "Can be stored, every charge is declined", "Pays after approval (3-D Secure)"],
    ids=["paid", "declined", "to be approved"],
)
def test_result_of_a_payment(refused, open_tab, card):
    tab = open_tab()
    sign_in(refused, tab)
    tab.open(refused.page("cards/change/"))
    save_and_pay(tab, card)

    look_at(tab, tab.url, refused.page(""))


def test_a_form_with_mistakes(refused, open_tab):
    tab = open_tab()
    sign_in(refused, tab)
    tab.open(refused.page("profile/"))
    tab.fill("Legal name", "")
    tab.press("Save the account")

    assert "There is a problem" in tab.read()
    assert problems(tab, "light") == []


def test_a_page_that_is_not_there(refused, open_tab):
    tab = open_tab()
    sign_in(refused, tab)

    tab.open(f"{refused.address}/accounts/A-0000000000000000/")

    assert problems(tab, "light") == []
    assert tab.complaints.pop(0).startswith("404")
    tab.complaints.clear()
