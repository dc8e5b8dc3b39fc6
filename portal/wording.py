"""How amounts, dates and cards read, in the reader's language."""

from __future__ import annotations

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

from babel.core import Locale
from babel.dates import format_date
from django.utils import timezone
from django.utils.translation import gettext as _

from billing import written
from billing.models import PaymentMethod
from billing.written import amount as money
from billing.written import amounts, listing, locale, percent
from billing.written import day as long_date

__all__ = ["amounts", "card", "countries", "hour", "listing", "long_date", "moment", "money", "month", "percent"]


def month(year: int, number: int) -> str:
    return format_date(dt.date(year, number, 1), "MMMM y", locale=locale())


def moment(at: dt.datetime, zone: str | None = None) -> str:
    """Write ``24 November 2026 at 10:00`` in ``zone``, else in the zone of the page."""
    local = timezone.localtime(at, ZoneInfo(zone) if zone else None)
    return _("%(date)s at %(time)s") % {"date": long_date(local), "time": hour(at, zone)}


def hour(at: dt.datetime, zone: str | None = None) -> str:
    local = timezone.localtime(at, ZoneInfo(zone) if zone else None)
    return written.hour(local)


def card(method: PaymentMethod) -> str:
    """Write ``Visa •••• 4242``, kept on one line."""
    return str(method)


def countries() -> list[tuple[str, str]]:
    """Return ISO codes with their names in the reader's language, by name."""
    names: dict[str, Any] = dict(Locale.parse(locale()).territories)
    codes = [code for code in names if len(code) == 2 and code.isalpha() and code not in NOT_COUNTRIES]
    return sorted(((code, names[code]) for code in codes), key=lambda pair: pair[1])


# Codes that CLDR names but ISO 3166-1 does not: groupings, reserved and private codes.
NOT_COUNTRIES = {"AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "XK", "ZZ"}
