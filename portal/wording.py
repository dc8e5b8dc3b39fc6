"""How amounts, dates and cards read, in the reader's language."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from babel.core import Locale
from babel.dates import format_date, format_time
from babel.lists import format_list
from babel.numbers import format_percent
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from billing.models import PaymentMethod
from billing.money import PARTS_PER_MILLION, Money, display, locale_of

BRANDS = {"visa": "Visa", "mastercard": "Mastercard", "amex": "American Express", "maestro": "Maestro"}


def locale() -> str:
    return locale_of(translation.get_language())


def money(amount: Money) -> str:
    return display(amount, locale())


def amounts(each: Iterable[Money]) -> str:
    """Write one amount per currency: ``€238.00 and $50.00``."""
    return listing([money(amount) for amount in each])


def listing(words: list[str]) -> str:
    return format_list(words, locale=locale())


def long_date(day: dt.date) -> str:
    """Write ``24 November 2026``: dates that cost money have their month in full."""
    return format_date(day, "d MMMM y", locale=locale())


def month(year: int, number: int) -> str:
    return format_date(dt.date(year, number, 1), "MMMM y", locale=locale())


def moment(at: dt.datetime, zone: str | None = None) -> str:
    """Write ``24 November 2026 at 10:00`` in ``zone``, else in the zone of the page."""
    local = timezone.localtime(at, ZoneInfo(zone) if zone else None)
    return _("%(date)s at %(time)s") % {"date": long_date(local), "time": hour(at, zone)}


def hour(at: dt.datetime, zone: str | None = None) -> str:
    local = timezone.localtime(at, ZoneInfo(zone) if zone else None)
    return format_time(local, "HH:mm", locale=locale())


def card(method: PaymentMethod) -> str:
    """Write ``Visa •••• 4242``, kept on one line."""
    return f"{BRANDS.get(method.brand, method.brand.title())} •••• {method.last4}"


def percent(rate: int) -> str:
    """Write parts per million as a percentage: 210000 is ``21%``, 55000 is ``5.5%``."""
    return format_percent(Decimal(rate) / PARTS_PER_MILLION, "#,##0.##%", locale=locale())


def countries() -> list[tuple[str, str]]:
    """Return ISO codes with their names in the reader's language, by name."""
    names: dict[str, Any] = dict(Locale.parse(locale()).territories)
    codes = [code for code in names if len(code) == 2 and code.isalpha() and code not in NOT_COUNTRIES]
    return sorted(((code, names[code]) for code in codes), key=lambda pair: pair[1])


# Codes that CLDR names but ISO 3166-1 does not: groupings, reserved and private codes.
NOT_COUNTRIES = {"AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "XK", "ZZ"}
