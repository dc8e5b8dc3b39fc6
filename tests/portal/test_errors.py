"""What is said when it went wrong with us."""

from __future__ import annotations

import pytest
from django.db import OperationalError
from django.test import Client
from django.urls import reverse

from billing.models import Account

WORDS = "do not pay again yet"


@pytest.mark.parametrize(("error", "status"), [(OperationalError(), 503), (ValueError(), 500)])
def test_what_went_wrong_is_told_without_asking_the_database(
    administrator: Client, account: Account, monkeypatch, django_assert_num_queries, error: Exception, status: int
):
    def fail(*_args: object, **_kwargs: object) -> None:
        raise error

    monkeypatch.setattr("django.contrib.sessions.backends.db.SessionStore.load", fail)
    administrator.raise_request_exception = False

    with django_assert_num_queries(0):
        answer = administrator.get(reverse("overview", args=[account.reference]))

    assert answer.status_code == status
    assert WORDS in answer.content.decode()
    assert answer.headers.get("Retry-After") == ("60" if status == 503 else None)
