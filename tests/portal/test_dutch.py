"""A Dutch reader gets Dutch: no page of an account has an English sentence in it."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from billing import clock, quotes, settling
from billing.charging import ask as ask_gateway
from billing.charging import begin, settle
from billing.models import Account, Membership, SettlementPurpose
from tests.english import english_in, sentences
from tests.factories import MembershipFactory, UserFactory

from .conftest import browser, owe

pytestmark = pytest.mark.django_db

ACCOUNT_PAGES = (
    "overview",
    "settle",
    "cards",
    "card_change",
    "invoices",
    "services",
    "profile",
    "help",
    "activity",
)
PUBLIC_PAGES = ("account_login", "account_request_login_code", "account_reset_password", "help_public")


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


@pytest.mark.parametrize("name", ACCOUNT_PAGES)
def test_no_page_of_an_account_has_english(name: str, refused: Account, administrator: Client):
    page = administrator.get(reverse(name, args=[refused.reference]))

    assert page.status_code == 200
    assert english_in(page.content.decode()) == []


def test_no_page_of_an_account_in_order_has_english(account: Account, administrator: Client):
    pages = [administrator.get(reverse(name, args=[account.reference]), follow=True) for name in ACCOUNT_PAGES]

    assert [english_in(page.content.decode()) for page in pages] == [[] for _ in pages]


def test_paying_has_no_english(refused: Account, administrator: Client, membership: Membership):
    now = clock.now()
    settlement = settling.consent(
        refused,
        purpose=SettlementPurpose.PAY,
        digest=quotes.quote(refused, at=now).digest,
        by=membership.user,
        at=now,
    )
    address = reverse("settlement", args=[refused.reference, settlement.reference])
    check = administrator.get(address)

    result = administrator.post(address, follow=True)

    assert english_in(check.content.decode()) == []
    assert english_in(result.content.decode()) == []
    assert result.redirect_chain


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


def test_the_accounts_page_has_no_english(refused: Account, membership: Membership):
    MembershipFactory(user=membership.user)

    page = browser(membership.user).get(reverse("accounts"))

    assert english_in(page.content.decode()) == []
