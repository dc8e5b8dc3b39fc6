"""A Dutch reader gets Dutch: no page, however an account stands, has an English sentence in it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.http import HttpResponse
from django.test import Client
from django.urls import include, path, reverse

from billing import cards, clock, quotes, settling
from billing.charging import ask as ask_gateway
from billing.charging import begin, settle
from billing.gateways.sandbox import Engine
from billing.models import Account, Membership, Payment, Role, Seller, Settlement, SettlementPurpose, Subscription
from portal import urls
from tests.billing.acting import answer, asked_when_begun, live_through
from tests.english import english_in, sentences
from tests.factories import InvoiceFactory, MembershipFactory, PaymentMethodFactory, SubscriptionFactory, UserFactory

from .conftest import browser, owe

pytestmark = pytest.mark.django_db

# Pages of an account that are of nothing else; the others are opened by name below.
ACCOUNT_PAGES = [page.name for page in urls.account_pages if not page.pattern.converters]
OPENED_BY_NAME = {
    "settlement",
    "settlement_result",
    "payment_return",
    "card_return",
    "card_default",
    "card_remove",
    "invoice",
    "credit_note",
    "service_cancel",
    "service_reactivate",
    "service_stay",
    "service_why",
    "service_erase",
    "service_erase_confirm",
    "service_erase_stop",
}
PUBLIC_PAGES = ("account_login", "account_request_login_code", "account_reset_password", "help_public")
SIGNED_IN_PAGES = (
    "account_email",
    "account_change_password",
    "account_logout",
    "account_reauthenticate",
    "mfa_index",
    "mfa_activate_totp",
)
# How an account comes to stand: its card, and for how many days it has owed; none is owing nothing.
STATES = {
    "active": ("good", None),
    "no card": ("", 0),
    "past due": ("insufficient_funds", 5),
    "warned": ("insufficient_funds", 16),
    "suspended": ("insufficient_funds", 25),
    "canceled": ("insufficient_funds", 135),
    "blocked card": ("stolen", 2),
    "expired card": ("expired", 2),
    "checking": ("lost_answer", 0),
    "approval": ("three_d_secure", 0),
}
SERVICE_STATE = {
    "past due": "past_due",
    "warned": "warned",
    "suspended": "suspended",
    "canceled": "canceled",
    "blocked card": "past_due",
    "expired card": "past_due",
}


def broken(request: object) -> HttpResponse:
    raise RuntimeError("on purpose")


# This module is a URL configuration of its own: the portal's, and a page that breaks.
urlpatterns = [path("broken/", broken), path("", include(urls))]


def english_of(page: HttpResponse) -> list[str]:
    return english_in(page.content.decode())


@pytest.fixture
def membership(db: None) -> Membership:
    return MembershipFactory(user=UserFactory(language="nl"))


@pytest.fixture
def refused(membership: Membership) -> Account:
    """An account whose card was refused for one invoice, with another due."""
    account = membership.account
    owe(account, card="insufficient_funds", services=2)
    now = clock.now()
    for invoice in account.invoices.all():
        invoice.next_charge_at = now
        invoice.save()
    for payment in begin(account.pk, at=now):
        settle(payment, ask_gateway(payment), at=now)
    return account


def test_the_search_knows_english_when_it_sees_it():
    assert len(sentences()) > 200
    assert english_in("<p>What happens next</p>") == ["What happens next"]


def test_every_page_of_an_account_is_opened_here():
    assert {page.name for page in urls.account_pages} == {*ACCOUNT_PAGES, *OPENED_BY_NAME}


@pytest.fixture
def lived(account: Account) -> Callable[[str], Subscription]:
    """Let an account come to stand in a way; returns its service."""

    def live(state: str) -> Subscription:
        card, days = STATES[state]
        service = SubscriptionFactory(account=account, next_invoice_at=None)
        if card:
            PaymentMethodFactory(account=account, card=card)
        if days is not None:
            first = account.today(clock.now()) - timedelta(days=days)
            InvoiceFactory(subscription=service, issued=first)
            account.invoices.update(next_charge_at=account.moment(first, 0))
            live_through(account, first, days)
            asked_when_begun()
            for payment in begin(account.pk, at=clock.now()):
                settle(payment, ask_gateway(payment), at=clock.now())
        service.refresh_from_db()
        return service

    return live


@pytest.mark.parametrize("state", STATES)
def test_no_page_of_an_account_has_english(state: str, lived, account: Account, administrator: Client):
    service = lived(state)
    viewer = browser(MembershipFactory(account=account, user=UserFactory(language="nl"), role=Role.VIEWER).user)

    opened = {name: administrator.get(reverse(name, args=[account.reference]), follow=True) for name in ACCOUNT_PAGES}
    seen = {name: viewer.get(reverse(name, args=[account.reference]), follow=True) for name in ACCOUNT_PAGES}

    assert service.state == SERVICE_STATE.get(state, "active")
    assert {page.status_code for page in opened.values()} == {200}
    assert {name: english_of(page) for name, page in opened.items()} == {name: [] for name in opened}
    assert {name: english_of(page) for name, page in seen.items()} == {name: [] for name in seen}


@pytest.mark.parametrize("action", ["default", "remove"])
def test_no_page_about_a_card_has_english(action: str, refused: Account, administrator: Client):
    other = PaymentMethodFactory(account=refused, is_default=False)
    address = reverse(f"card_{action}", args=[refused.reference, other.reference])

    asked, done = administrator.get(address), administrator.post(address, {"pay": ""}, follow=True)

    assert [english_of(asked), english_of(done)] == [[], []]


def test_waiting_for_the_card_page_has_no_english(account: Account, membership: Membership, administrator: Client):
    SubscriptionFactory(account=account)
    visit = cards.start(account, settlement=None, by=membership.user, at=clock.now())

    page = administrator.get(reverse("card_return", args=[account.reference, visit.reference]))

    assert "portal/card_waiting.html" in [template.name for template in page.templates]
    assert english_of(page) == []


def consented(account: Account, membership: Membership) -> Settlement:
    now = clock.now()
    digest = quotes.quote(account, at=now).digest
    return settling.consent(account, purpose=SettlementPurpose.PAY, digest=digest, by=membership.user, at=now)


@pytest.mark.parametrize(
    ("card", "status"),
    [
        ("good", "paid"),
        ("insufficient_funds", "failed"),
        ("stolen", "failed"),
        ("lost_answer", "checking"),
        ("three_d_secure", "action"),
    ],
)
def test_no_result_has_english(
    card: str, status: str, account: Account, administrator: Client, membership: Membership, as_role
):
    owe(account, card=card)
    settlement = consented(account, membership)
    address = reverse("settlement", args=[account.reference, settlement.reference])
    unused = administrator.get(reverse("settlement_result", args=[account.reference, settlement.reference]))
    check = administrator.get(address)

    result = administrator.post(address, follow=True)

    assert result.context["result"].status == status
    assert [english_of(page) for page in (unused, check, result)] == [[], [], []]


def test_no_result_in_two_parts_has_english(account: Account, administrator: Client, membership: Membership):
    _, elsewhere = owe(account, services=2)
    settlement = consented(account, membership)
    Seller.objects.filter(pk=elsewhere.seller_id).update(gateway_account="post")
    address = reverse("settlement", args=[account.reference, settlement.reference])

    result = administrator.post(address, follow=True)

    assert result.context["result"].status == "partly"
    assert english_of(result) == []


@pytest.mark.parametrize("action", ["approve", "refuse"])
def test_coming_back_from_the_bank_has_no_english(
    action: str, account: Account, administrator: Client, membership: Membership, sandbox: Engine
):
    owe(account, card="three_d_secure")
    settlement = consented(account, membership)
    administrator.post(reverse("settlement", args=[account.reference, settlement.reference]))
    payment = Payment.objects.get()
    answer(sandbox, payment, action)

    result = administrator.get(reverse("payment_return", args=[account.reference, payment.reference]), follow=True)

    assert result.context["result"].status == ("paid" if action == "approve" else "failed")
    assert english_of(result) == []


@pytest.mark.parametrize("name", PUBLIC_PAGES)
def test_no_page_before_sign_in_has_english(name: str, client: Client):
    page = client.get(reverse(name), headers={"accept-language": "nl"})

    assert page.status_code == 200
    assert english_in(page.content.decode()) == []


def test_an_invoice_has_no_english(refused: Account, administrator: Client):
    invoice = refused.invoices.first()
    assert invoice is not None

    page = administrator.get(reverse("invoice", args=[refused.reference, invoice.reference]))

    assert english_in(page.content.decode()) == []


@pytest.mark.parametrize("name", SIGNED_IN_PAGES)
def test_no_page_of_signing_in_has_english_for_who_is_in(name: str, administrator: Client):
    page = administrator.get(reverse(name), follow=True)

    assert page.status_code == 200
    assert english_of(page) == []


def test_two_step_pages_have_no_english_once_it_is_on(administrator: Client, membership: Membership):
    TOTP.activate(membership.user, generate_totp_secret())

    pages = [administrator.get(reverse(name), follow=True) for name in ("mfa_index", "mfa_deactivate_totp")]

    assert [english_of(page) for page in pages] == [[], []]


def test_what_is_not_allowed_or_not_there_has_no_english(account: Account):
    membership = MembershipFactory(account=account, user=UserFactory(language="nl"), role=Role.VIEWER)
    client = browser(membership.user)
    owe(account)

    refused = client.get(reverse("settle", args=[account.reference]))
    unknown = client.get(reverse("overview", args=["A-NOBODY"]))

    assert (refused.status_code, unknown.status_code) == (403, 404)
    assert [english_of(page) for page in (refused, unknown)] == [[], []]


def test_what_goes_wrong_has_no_english(membership: Membership, settings):
    settings.ROOT_URLCONF = __name__
    client = Client(raise_request_exception=False, headers={"accept-language": "nl"})
    client.force_login(membership.user)
    forged = Client(enforce_csrf_checks=True, headers={"accept-language": "nl"})

    pages = [
        client.get("/broken/"),
        client.get("/", headers={"host": "evil.example"}),
        forged.post(reverse("account_login"), {"login": "a@example.com", "password": "x"}),
    ]

    assert [page.status_code for page in pages] == [500, 400, 403]
    assert [english_of(page) for page in pages] == [[], [], []]


def test_the_accounts_page_has_no_english(refused: Account, membership: Membership):
    MembershipFactory(user=membership.user)

    page = browser(membership.user).get(reverse("accounts"))

    assert english_in(page.content.decode()) == []


@pytest.mark.parametrize("state", ["active", "suspended", "canceled"])
@pytest.mark.parametrize("name", ["service_cancel", "service_reactivate", "service_why", "service_erase"])
def test_no_page_of_a_service_has_english(administrator: Client, account: Account, lived, state: str, name: str):
    service = lived(state)

    page = administrator.get(reverse(name, args=[account.reference, service.reference]), follow=True)

    assert page.status_code == 200
    assert english_in(page.content.decode()) == []
