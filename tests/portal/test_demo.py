"""The demo is seeded whole or not at all."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from portal import demo
from tests.factories import AccountFactory, UserFactory

pytestmark = pytest.mark.django_db


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
