"""
Tax in the seller's own currency: the published rate of the day, or of the last day before it that had one.

A rate may be a week old, for weekends and holidays, and no older. The arithmetic is in
integers, half a minor unit rounded away from zero.
"""

from __future__ import annotations

from datetime import date, timedelta

from django.db.models import Q

from .models import ExchangeRate
from .money import PARTS_PER_MILLION, Money, exchanged

OLDEST = timedelta(days=7)


class RateMissing(Exception):
    """No rate of the two currencies is known for the day or the week before it."""


def rate(base: str, quoted: str, *, on: date) -> ExchangeRate:
    """Return the newest rate between two currencies, published either way. Raises ``RateMissing``."""
    either_way = Q(base=base, quoted=quoted) | Q(base=quoted, quoted=base)
    recent = ExchangeRate.objects.filter(either_way, on__lte=on, on__gte=on - OLDEST)
    newest = recent.order_by("-on", "-pk").first()
    if newest is None:
        raise RateMissing(f"no rate of {base} and {quoted} for {on}")
    return newest


def convert(money: Money, rate: ExchangeRate) -> Money:
    """Return the amount in the rate's other currency."""
    if money.currency == rate.base:
        return exchanged(money, rate.quoted, numerator=rate.parts_per_million, denominator=PARTS_PER_MILLION)
    return exchanged(money, rate.base, numerator=PARTS_PER_MILLION, denominator=rate.parts_per_million)


def tax_in(currency: str, tax: Money, *, on: date) -> tuple[int, ExchangeRate | None]:
    """Return a tax in the seller's ``currency`` and the rate that was used; no tax needs no rate."""
    if tax.currency == currency or not tax:
        return tax.amount, None
    found = rate(tax.currency, currency, on=on)
    return convert(tax, found).amount, found
