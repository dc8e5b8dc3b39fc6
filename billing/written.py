"""How amounts, dates and lists are written in the language that is active: on pages, in mail and for staff."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal

from babel.dates import format_date, format_time
from babel.lists import format_list
from babel.numbers import format_decimal, format_percent
from django.utils import translation

from .money import Money, display, locale_of


def locale() -> str:
    return locale_of(translation.get_language())


def amount(money: Money) -> str:
    """Write ``€238.00``."""
    return display(money, locale())


def amounts(each: Iterable[Money]) -> str:
    """Write amounts of different currencies, never added up: ``€238.00 and $50.00``."""
    return listing(amount(money) for money in each)


def listing(words: Iterable[str]) -> str:
    """Write a list as a sentence does: ``A, B and C``."""
    return format_list(list(words), locale=locale())


def percent(rate: int) -> str:
    """Write parts per million as a percentage, exactly: 210000 is ``21%``, 55000 is ``5.5%``."""
    return format_percent(Decimal(rate).scaleb(-6), locale=locale(), decimal_quantization=False)


def rate(parts: int) -> str:
    """Write parts per million as a number, exactly: 1087600 is ``1.0876``."""
    return format_decimal(Decimal(parts).scaleb(-6), locale=locale(), decimal_quantization=False)


def day(when: dt.date) -> str:
    """Write ``24 November 2026``: dates that cost money have their month in full."""
    return format_date(when, "d MMMM y", locale=locale())


def hour(when: dt.datetime) -> str:
    """Write ``10:00``, as the clock of the moment's own zone shows it."""
    return format_time(when, "HH:mm", locale=locale())
