"""Who sees what: an account for its members alone, paying for payers, the endpoint for the product."""

from __future__ import annotations

import re

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from billing.models import Account, CardVisit, Membership, Role, Settlement, User
from tests.factories import (
    PASSWORD,
    AccountFactory,
    InvoiceFactory,
    MembershipFactory,
    PaymentFactory,
    PaymentMethodFactory,
    SubscriptionFactory,
    UserFactory,
)

from .conftest import browser, owe

TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="\w+"')
PAGES = ["overview", "settle", "cards", "card_change", "invoices", "services", "profile", "help", "activity"]


def said(answer: HttpResponse) -> str:
    """What a page says, without the token that is another every time."""
    return TOKEN.sub("", answer.content.decode())


@pytest.mark.parametrize("page", PAGES)
def test_another_accounts_page_reads_like_one_that_does_not_exist(administrator: Client, page: str):
    other = AccountFactory()

    theirs = administrator.get(reverse(page, args=[other.reference]))
    nobodys = administrator.get(reverse(page, args=["A-NONE"]))

    assert theirs.status_code == nobodys.status_code == 404
    assert said(theirs).replace(other.reference, "A-NONE") == said(nobodys)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_signed_out_leads_through_sign_in_back_to_itself(account: Account, membership: Membership, page: str):
    client = Client()
    address = reverse(page, args=[account.reference])

    sign_in = client.get(address, follow=True)
    sent = {"login": membership.user.email, "password": PASSWORD, "next": sign_in.context["request"].GET["next"]}
    there = client.post(reverse("account_login"), sent)

    assert there.headers["Location"] == address


def test_things_of_another_account_are_not_found_through_ones_own(administrator: Client, account: Account):
    other = AccountFactory()
    payment = PaymentFactory(account=other)
    visit = CardVisit.objects.create(
        account=other, gateway="sandbox", gateway_account="main", started_at=payment.created_at
    )
    settlement = Settlement.objects.create(
        account=other, purpose="pay", consent_version="1", created_at=payment.created_at
    )
    things = {
        "invoice": InvoiceFactory(account=other),
        "payment_return": payment,
        "card_return": visit,
        "settlement": settlement,
        "settlement_result": settlement,
        "card_default": PaymentMethodFactory(account=other),
        "card_remove": PaymentMethodFactory(account=other, is_default=False),
    }

    found = {
        name: administrator.get(reverse(name, args=[account.reference, thing.reference])).status_code
        for name, thing in things.items()
    }

    assert set(found.values()) == {404}


def test_a_viewer_sees_the_overview_but_no_button_to_pay(account: Account, as_role):
    owe(account)

    page = as_role(Role.VIEWER).get(reverse("overview", args=[account.reference]))

    assert page.status_code == 200
    assert reverse("settle", args=[account.reference]) not in page.content.decode()


@pytest.mark.parametrize("page", ["settle", "card_change"])
def test_a_viewer_who_pays_is_told_who_can(account: Account, membership: Membership, as_role, page: str):
    owe(account)

    answer = as_role(Role.VIEWER).post(reverse(page, args=[account.reference]), {"digest": "0", "action": "save_only"})

    assert answer.status_code == 403
    assert membership.user.email in answer.content.decode()
    assert not Settlement.objects.exists()


def test_a_payer_pays_but_does_not_edit_the_account(account: Account, as_role):
    owe(account)
    payer = as_role(Role.PAYER)

    assert payer.get(reverse("settle", args=[account.reference])).status_code == 200
    edited = payer.post(reverse("profile", args=[account.reference]), {"form": "account", "legal_name": "Mine"})

    assert edited.status_code == 403
    account.refresh_from_db()
    assert account.legal_name != "Mine"


def test_whoever_has_one_account_goes_straight_to_it(administrator: Client, account: Account):
    answer = administrator.get(reverse("accounts"))

    assert answer.headers["Location"] == reverse("overview", args=[account.reference])


def test_the_chooser_says_what_each_account_owes_and_its_most_urgent_word(
    administrator: Client, membership: Membership
):
    owe(membership.account)
    MembershipFactory(user=membership.user)

    page = administrator.get(reverse("accounts")).content.decode()

    assert "€121.00" in page
    assert "Due soon" in page
    assert "All is well" in page


class TestAccessEndpoint:
    @pytest.fixture
    def address(self, db: None) -> str:
        return reverse("access_api", args=[SubscriptionFactory().reference])

    @pytest.mark.parametrize("header", [None, "Bearer wrong", "Basic product-token-for-tests", "Bearer", "Bearer é"])
    def test_without_the_token_it_answers_401(self, address: str, header: str | None):
        headers = {"Authorization": header} if header else {}

        answer = Client().get(address, headers=headers)

        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert answer.headers["Cache-Control"] == "no-store"

    def test_without_a_token_set_nobody_is_let_in(self, address: str, settings):
        settings.PRODUCT_API_TOKEN = ""

        assert Client().get(address, headers={"Authorization": "Bearer "}).status_code == 401

    def test_with_the_token_it_says_what_the_service_may(self, address: str):
        answer = Client().get(address, headers={"Authorization": "Bearer product-token-for-tests"})

        assert answer.status_code == 200
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.json()["level"] == "full"
        assert answer.json()["balance"] == []

    def test_an_unknown_reference_is_404(self, db: None):
        address = reverse("access_api", args=["S-NONE"])

        assert Client().get(address, headers={"Authorization": "Bearer product-token-for-tests"}).status_code == 404


ODD = ["A-%00", "A-0123456789ABCDE%00", "%00", "A-%0A", "A-%C3%A9", "A-%F0%9F%92%A9", "A-" + "0" * 400, "a-0", "'"]


@pytest.mark.parametrize("odd", ODD)
def test_what_cannot_be_a_reference_is_not_found_anywhere(administrator: Client, account: Account, odd: str):
    ours = f"/accounts/{account.reference}"
    addresses = [
        f"/accounts/{odd}/",
        f"{ours}/settlements/{odd}/",
        f"{ours}/settlements/{odd}/result/",
        f"{ours}/payments/{odd}/return/",
        f"{ours}/cards/return/{odd}/",
        f"{ours}/cards/{odd}/default/",
        f"{ours}/cards/{odd}/remove/",
        f"{ours}/invoices/{odd}/",
    ]
    product = {"Authorization": "Bearer product-token-for-tests"}

    answers = [administrator.get(address).status_code for address in addresses]
    asked = Client().get(f"/api/v1/access/{odd}", headers=product).status_code
    told = Client().post(f"/webhooks/{odd}/", b"{}", content_type="application/json").status_code

    assert {*answers, asked, told} == {404}


def test_an_unknown_gateway_is_404_and_a_bad_signature_400(db: None):
    client = Client(enforce_csrf_checks=True)

    assert client.post("/webhooks/nobody/", b"{}", content_type="application/json").status_code == 404
    assert client.post("/webhooks/sandbox/", b"{}", content_type="application/json").status_code == 400


def test_health_help_and_sign_in_need_no_sign_in(db: None):
    client = Client()

    for name in ("healthz", "help_public", "account_login", "account_request_login_code", "account_reset_password"):
        assert client.get(reverse(name)).status_code == 200


def test_nobody_signs_up(db: None):
    sent = {"email": "new@example.com", "password1": PASSWORD, "password2": PASSWORD}

    Client().post(reverse("account_signup"), sent)

    assert not User.objects.filter(email="new@example.com").exists()


def test_the_language_switch_is_a_cookie_for_visitors_and_lasts_for_people(db: None):
    user = UserFactory(language="en")
    visitor, person = Client(), browser(user)

    for client in (visitor, person):
        client.post(reverse("set_language"), {"language": "nl", "next": "/help/"})

    user.refresh_from_db()
    assert user.language == "nl"
    assert '<html lang="nl">' in visitor.get("/help/").content.decode()
