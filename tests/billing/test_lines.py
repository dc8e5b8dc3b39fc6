"""Names and addresses are one line that can be seen, whichever way they come in."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from billing.models.lines import one_line
from tests.factories import AccountFactory, UserFactory


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("Café de Zon & zonen B.V.", "Café de Zon & zonen B.V."),
        ("  Contoso\r\nB.V.\t", "Contoso B.V."),
        ("Con\u200btoso\x00\x1b", "Contoso"),
        ("\u202eContoso", "Contoso"),
        ("株式会社\u3000山田", "株式会社 山田"),
        ("\u200b\u2060", ""),
        ("\u3164\u2800", ""),
        ("\ufe0f", ""),
        ("\ud800", ""),
        ("", ""),
    ],
)
def test_what_is_seen_is_kept(typed: str, kept: str):
    assert one_line(typed) == kept


@given(st.text())
def test_what_was_cleaned_stays(text: str):
    assert one_line(one_line(text)) == one_line(text)
    assert len(one_line(text).splitlines()) <= 1


def test_a_company_has_a_name_that_can_be_seen():
    with pytest.raises(ValidationError) as refused:
        AccountFactory.build(legal_name="\u200b").clean_fields()

    assert set(refused.value.message_dict) == {"legal_name"}


@pytest.mark.django_db
def test_a_row_is_written_clean():
    account, user = AccountFactory(legal_name="Contoso\nB.V."), UserFactory(name="Em\u200bma")

    account.refresh_from_db()
    user.refresh_from_db()

    assert (account.legal_name, user.name) == ("Contoso B.V.", "Emma")
