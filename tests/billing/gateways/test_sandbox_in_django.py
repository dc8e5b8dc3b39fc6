"""Which gateway the settings give."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.test import Client
from django.urls import include, path

from billing.gateways import get_gateway, registry, sandbox_engine
from billing.gateways.base import ChargeRequest, GatewayUnavailable, SessionStatus, Status

urlpatterns = [path("sandbox/", include("billing.gateways.sandbox.urls"))]


@pytest.fixture(autouse=True)
def sandbox(settings, tmp_path):
    settings.GATEWAY = "sandbox"
    settings.SANDBOX_URL = ""
    settings.SANDBOX_FILE = str(tmp_path / "sandbox.sqlite3")
    settings.SANDBOX_SECRET = "sandbox-secret"
    settings.BASE_URL = "http://localhost:8000"


def charge(card: str) -> Status:
    token = sandbox_engine().store_card("acme", card).token
    request = ChargeRequest("acme", f"key-{card}", 100, "EUR", "Invoice", "http://localhost/back", token)
    return get_gateway().charge(request).status


def test_gateway_in_process_shares_its_engine():
    assert charge("good") is Status.SUCCEEDED

    assert len(sandbox_engine().charges()) == 1
    assert get_gateway() is get_gateway("sandbox")


def test_changed_setting_takes_effect_at_once(settings, tmp_path):
    charge("good")

    settings.SANDBOX_FILE = str(tmp_path / "other.sqlite3")

    assert sandbox_engine().charges() == []
    assert charge("good") is Status.SUCCEEDED


@pytest.mark.parametrize("name", ["notes.txt", "notes.txt/sandbox.sqlite3"])
def test_file_that_is_no_database_is_a_gateway_that_gives_no_answer(settings, tmp_path, name):
    token = sandbox_engine().store_card("acme", "good").token
    (tmp_path / "notes.txt").write_text("Not a database, but long enough to be looked at as if it were one.\n" * 20)
    settings.SANDBOX_FILE = str(tmp_path / name)

    outcome = get_gateway().charge(ChargeRequest("acme", "key", 100, "EUR", "Invoice", "http://localhost/back", token))

    assert outcome.status is Status.UNKNOWN
    with pytest.raises(GatewayUnavailable):
        list(get_gateway().list_charges(gateway_account="acme", since=datetime(2026, 3, 2, tzinfo=UTC)))


def test_gateway_in_another_process_has_its_pages_there(settings):
    settings.SANDBOX_URL = "http://127.0.0.1:9000"

    assert get_gateway().origin == "http://127.0.0.1:9000"


def test_another_gateway_can_be_registered(monkeypatch, settings):
    other = get_gateway()
    monkeypatch.setitem(registry, "other", lambda: other)
    settings.GATEWAY = "other"

    assert get_gateway() is other


def test_unknown_gateway_is_an_error():
    with pytest.raises(KeyError):
        get_gateway("none")


@pytest.fixture
def client(settings):
    settings.ROOT_URLCONF = __name__
    settings.MIDDLEWARE = [
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.auth.middleware.LoginRequiredMiddleware",
    ]
    return Client(enforce_csrf_checks=True)


def test_hosted_page_needs_no_sign_in_and_no_token(client):
    gateway = get_gateway()
    visit = gateway.start_card_setup(gateway_account="acme", idempotency_key="s", return_url="http://localhost/back")
    path = visit.url.removeprefix("http://localhost:8000")

    page = client.get(path)
    submitted = client.post(path, {"action": "submit", "card": "good"})

    assert page.status_code == 200
    assert page["Content-Security-Policy"].startswith("default-src 'none'")
    assert (submitted.status_code, submitted["Location"]) == (303, "http://localhost/back")
    visit = gateway.fetch_session(gateway_account="acme", session_id=visit.id)
    assert visit.status is SessionStatus.COMPLETE


def test_api_is_not_served_inside_django(client):
    response = client.get("/sandbox/v1/test/charges", headers={"Authorization": "Bearer sandbox-secret"})

    assert response.status_code == 404
