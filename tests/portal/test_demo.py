"""The demo is seeded whole or not at all."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from django.core.mail import EmailMessage
from django.core.mail.backends.filebased import EmailBackend
from django.core.management import CommandError, call_command
from django.test import Client

from portal import demo, urls
from tests.factories import AccountFactory, UserFactory

pytestmark = pytest.mark.django_db

urlpatterns = [*urls.urlpatterns, *urls.demo_pages]


def seed() -> str:
    out = StringIO()
    call_command("seed_demo", stdout=out)
    return out.getvalue()


@pytest.fixture(autouse=True)
def a_demo(settings) -> None:
    settings.DEMO = True


def test_a_seed_that_was_interrupted_is_refused(monkeypatch: pytest.MonkeyPatch):
    def interrupt(**_: object) -> None:
        AccountFactory()
        raise KeyboardInterrupt

    monkeypatch.setattr(demo, "seed", interrupt)
    with pytest.raises(KeyboardInterrupt):
        seed()

    with pytest.raises(CommandError, match="make clean"):
        seed()


def test_a_finished_seed_is_only_introduced(monkeypatch: pytest.MonkeyPatch):
    AccountFactory()
    UserFactory(email=demo.STAFF.email, is_staff=True)
    monkeypatch.delattr(demo, "seed")

    assert demo.PASSWORD in seed()


@pytest.fixture
def letter_box(tmp_path: Path, settings) -> None:
    """Mails to two people, as the file backend writes them."""
    settings.ROOT_URLCONF = __name__
    settings.EMAIL_FILE_PATH = str(tmp_path)
    connection = EmailBackend(file_path=str(tmp_path))
    for name in ("emma", "bram"):
        EmailMessage(f"Receipt for {name}", "Thank you", to=[f"{name}@example.com"], connection=connection).send()


def listed(to: str) -> str:
    return Client().get("/demo/mail/", {"to": to} if to else {}).content.decode()


@pytest.mark.usefixtures("letter_box")
def test_the_sent_mails_are_listed_for_everyone_or_for_one_person():
    everyone, emma, nobody = (listed(to) for to in ("", "emma@example.com", "<b>"))

    assert "Receipt for emma" in everyone
    assert "Receipt for bram" in everyone
    assert "Receipt for emma" in emma
    assert "Receipt for bram" not in emma
    assert "<option selected>emma@example.com</option>" in emma
    assert "Show all e-mails" in nobody
    assert "<b>" not in nobody
