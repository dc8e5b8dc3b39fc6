"""A fact is written with its key once for ever, and only if its kind is known."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from billing.events import RELATIONS, TYPES, UnknownEventType, record
from billing.models import Event
from tests.billing.acting import together
from tests.factories import MONDAY, AccountFactory, InvoiceFactory

pytestmark = pytest.mark.django_db


def test_relations_are_kept_apart_from_codes():
    account = AccountFactory()
    at = account.moment(MONDAY, 12)

    event = record("dunning.reminded", at=at, account=account, day=3)

    assert (event.account, event.at, event.codes) == (account, at, {"day": 3})
    assert set(RELATIONS) <= {field.name for field in Event._meta.get_fields()}


def test_a_key_is_written_once():
    at = AccountFactory().moment(MONDAY, 12)

    first = record("dunning.reminded", at=at, key="case:1:3")
    second = record("dunning.reminded", at=at, key="case:1:3")

    assert (bool(first), second) == (True, None)
    assert Event.objects.count() == 1


def test_a_key_that_is_taken_does_not_spoil_the_transaction_around():
    account = AccountFactory()
    at = account.moment(MONDAY, 12)
    record("dunning.reminded", at=at, key="case:1:3")

    with transaction.atomic():
        record("dunning.reminded", at=at, key="case:1:3")
        InvoiceFactory(account=account)

    assert Event.objects.filter(type="invoice.finalized").count() == 1


@pytest.mark.django_db(transaction=True)
def test_eight_at_once_write_a_key_once():
    at = AccountFactory().moment(MONDAY, 12)

    results = together(*[lambda: record("dunning.reminded", at=at, key="case:1:3")] * 8)

    assert results.count(None) == 7
    assert Event.objects.count() == 1


def test_without_a_key_it_is_written_each_time():
    at = AccountFactory().moment(MONDAY, 12)

    for _ in range(2):
        record("payment.failed", at=at)

    assert Event.objects.count() == 2


def test_an_unknown_kind_is_refused():
    at = AccountFactory().moment(MONDAY, 12)

    with pytest.raises(UnknownEventType, match=r"moon\.full"):
        record("moon.full", at=at)


def test_another_constraint_is_not_taken_for_a_key():
    with pytest.raises(IntegrityError), transaction.atomic():
        record("dunning.reminded", at=None, key="case:1:3")

    assert not Event.objects.exists()


@pytest.mark.parametrize("event_type", sorted(TYPES))
def test_every_kind_is_a_noun_and_a_past_verb(event_type: str):
    noun, verb = event_type.split(".")

    assert noun
    assert verb
    assert TYPES[event_type].endswith(".")
