"""Signing in, by password, by mailed code and with a second step; and its mails in plain words."""

from __future__ import annotations

import re
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.totp.internal.auth import (
    TOTP,
    format_hotp_value,
    generate_totp_secret,
    hotp_value,
    yield_hotp_counters_from_time,
)
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from billing.models import User
from tests.factories import PASSWORD, MembershipFactory, UserFactory

from .conftest import browser


@pytest.fixture
def user(db: None) -> User:
    return MembershipFactory().user


def code_of(secret: str) -> str:
    return format_hotp_value(hotp_value(secret, next(iter(yield_hotp_counters_from_time()))))


def test_a_wrong_password_is_said_on_top_and_the_address_is_kept(user: User):
    page = Client().post(reverse("account_login"), {"login": user.email, "password": "wrong"}).content.decode()

    assert "There is a problem" in page
    assert f'value="{user.email}"' in page
    assert "<title>Error: Sign in" in page


def test_a_mailed_code_leads_to_where_the_link_pointed(user: User, mailoutbox: list[Any]):
    client = Client()
    there = reverse("cards", args=[user.memberships.get().account.reference])

    sign_in = client.get(there, follow=True).content.decode()
    link = re.search(r'href="(/auth/login/code/[^"]*)"', sign_in)
    assert link is not None
    client.post(link.group(1), {"email": user.email, "next": there}, follow=True)
    (mail,) = mailoutbox
    code = re.search(r"^\s*([A-Z0-9]{3,}-?[A-Z0-9]{3,})\s*$", mail.body, re.M)
    assert code is not None
    done = client.post(reverse("account_confirm_login_code"), {"code": code.group(1), "next": there})

    assert mail.subject == "Your code to sign in"
    assert done.headers["Location"] == there


def test_a_forgotten_password_is_set_by_a_mailed_link(user: User, mailoutbox: list[Any]):
    client = Client()

    client.post(reverse("account_reset_password"), {"email": user.email})
    link = re.search(r"http://localhost:8000(\S+)", mailoutbox[0].body)
    assert link is not None
    page = client.get(link.group(1), follow=True)
    done = client.post(
        page.request["PATH_INFO"],
        {"password1": "another long password", "password2": "another long password"},
        follow=True,
    )

    assert mailoutbox[0].subject == "Set a new password"
    assert done.status_code == 200
    user.refresh_from_db()
    assert user.check_password("another long password")


def test_an_unknown_address_is_told_so_by_mail_alone(db: None, mailoutbox: list[Any]):
    known, unknown = Client(), Client()
    user = UserFactory()

    pages = [
        client.post(reverse("account_reset_password"), {"email": email}, follow=True)
        for client, email in ((known, user.email), (unknown, "nobody@example.com"))
    ]

    assert pages[0].redirect_chain == pages[1].redirect_chain
    assert "we know no one with that address" in mailoutbox[1].body


def test_a_person_without_a_confirmed_address_does_not_get_in(db: None, mailoutbox: list[Any]):
    user = MembershipFactory(user=UserFactory(address__verified=False)).user
    client = Client()

    page = client.post(reverse("account_login"), {"login": user.email, "password": PASSWORD}, follow=True)
    link = re.search(r"http://localhost:8000(\S+)", mailoutbox[0].body)
    assert link is not None
    asked = client.get(link.group(1)).content.decode()
    client.post(link.group(1))

    assert "Confirm your e-mail address" in page.content.decode()
    assert "Yes, confirm it" in asked
    assert EmailAddress.objects.get(user=user).verified


@pytest.mark.parametrize("confirmed", ["yes", ""])
def test_no_mail_of_signing_in_links_to_where_a_request_says(db: None, settings, mailoutbox: list[Any], confirmed: str):
    settings.BASE_URL, settings.ALLOWED_HOSTS = "https://pay.example.com", ["*"]
    user = MembershipFactory(user=UserFactory(address__verified=bool(confirmed))).user
    forged = {"Host": "evil.example:8666", "X-Forwarded-Host": "evil.example"}
    client = Client(headers=forged)

    client.post(reverse("account_reset_password"), {"email": user.email})
    client.post(reverse("account_reset_password"), {"email": "nobody@example.com"})
    client.post(reverse("account_request_login_code"), {"email": user.email})
    client.post(reverse("account_login"), {"login": user.email, "password": PASSWORD})

    assert len(mailoutbox) >= 3
    assert not any("evil" in str(mail.message()) for mail in mailoutbox)
    linked = {link for mail in mailoutbox for link in re.findall(r"https?://[^/\s]+", mail.body)}
    assert linked == {"https://pay.example.com"}


def test_two_step_sign_in_is_turned_on_and_asked_for(user: User):
    person = Client()
    person.post(reverse("account_login"), {"login": user.email, "password": PASSWORD})
    asked_again = person.get(reverse("mfa_activate_totp"), follow=True)
    assert "Is it still you?" in asked_again.content.decode()
    again = {"password": PASSWORD, "next": reverse("mfa_activate_totp")}
    page = person.post(reverse("account_reauthenticate"), again, follow=True)
    secret = page.context["form"].secret
    on = person.post(reverse("mfa_activate_totp"), {"code": code_of(secret)}, follow=True)
    assert "Recovery codes" in on.content.decode()

    later = Client()
    asked = later.post(reverse("account_login"), {"login": user.email, "password": PASSWORD}, follow=True)

    assert "Enter your code" in asked.content.decode()


@pytest.mark.parametrize(
    "page", ["account_email", "account_change_password", "mfa_index", "account_logout", "account_reauthenticate"]
)
def test_the_pages_of_sign_in_look_like_ours(user: User, page: str):
    html = browser(user).get(reverse(page), follow=True).content.decode()

    assert '<html lang="en">' in html
    assert html.count("<h1") == 1
    assert not re.search(r"\sstyle=|<style|<script(?![^>]*\ssrc=)", html)


def test_totp_secrets_are_ours_to_check(user: User):
    TOTP.activate(user, generate_totp_secret())

    assert "On" in browser(user).get(reverse("mfa_index")).content.decode()


class TestBehindAProxy:
    """Limits count who is behind the proxy, as the proxy saw them."""

    @pytest.fixture(autouse=True)
    def one_proxy(self, db: None, settings: Any) -> None:
        settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
        settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "proxy"}}
        cache.clear()

    def sign_in(self, forwarded_for: str) -> int:
        address = reverse("account_login")
        data = {"login": "nobody@example.com", "password": "wrong"}
        return Client().post(address, data, headers={"x-forwarded-for": forwarded_for}).status_code

    def test_one_attacker_locks_out_nobody_else(self):
        refused = [self.sign_in(f"198.51.100.{number}, 203.0.113.7") for number in range(40)]

        assert refused[-1] == 429
        assert self.sign_in("203.0.113.8") == 200

    def test_a_request_that_did_not_pass_all_proxies_is_answered(self, settings: Any):
        settings.ALLAUTH_TRUSTED_PROXY_COUNT = 2

        assert self.sign_in("203.0.113.7") == 200
