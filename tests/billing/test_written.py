"""Amounts and dates read the same on a page, in a mail and in the admin."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from django.template import Context, Template
from django.utils import translation

from billing import written
from billing.money import Money

ROOT = Path(__file__).resolve().parents[2]
WRITERS = {"billing/written.py", "billing/money.py", "portal/wording.py"}


def rendered(library: str, expression: str, **context: object) -> str:
    return Template(f"{{% load {library} %}}{{{{ {expression} }}}}").render(Context(context))


@pytest.mark.parametrize(("language", "amount"), [("en", "€1,234.50"), ("nl", "€\u00a01.234,50")])
def test_an_amount_reads_the_same_everywhere(language: str, amount: str):
    with translation.override(language):
        seen = {rendered(library, "sum|money", sum=Money(1_234_50, "EUR")) for library in ("portal", "mail", "staff")}

    assert seen == {amount}


@pytest.mark.parametrize(("language", "day"), [("en", "3 November 2026"), ("nl", "3 november 2026")])
def test_a_date_has_its_month_in_full_everywhere(language: str, day: str):
    when = dt.date(2026, 11, 3)

    with translation.override(language):
        seen = {rendered("portal", "when|long_date", when=when), rendered("mail", "when|day", when=when)}

    assert seen == {day}


@pytest.mark.parametrize(("rate", "text"), [(210_000, "21%"), (55_000, "5.5%"), (83_750, "8.375%"), (0, "0%")])
def test_a_rate_is_written_exactly(rate: int, text: str):
    with translation.override("en"):
        assert written.percent(rate) == text


def test_nothing_else_writes_amounts_dates_or_lists_on_its_own():
    sources = [path for app in ("billing", "portal", "notifications") for path in (ROOT / app).rglob("*.py")]
    found = {str(path.relative_to(ROOT)) for path in sources if "from babel" in path.read_text()}

    # A form asks Babel which countries there are.
    assert found - {"billing/admin/forms.py"} <= WRITERS
