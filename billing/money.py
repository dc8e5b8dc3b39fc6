"""
Money is an ``int`` in minor units with its ISO 4217 currency beside it.

No floats and no decimals: on SQLite a decimal sum is a float sum. Exponents come
from ISO 4217; only the display is left to Babel, in the reader's locale.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from babel.core import Locale
from babel.numbers import NumberFormatError, parse_decimal, parse_pattern
from iso4217 import Currency

PARTS_PER_MILLION = 1_000_000
# In minor units: what is added up from such amounts stays far within the integers of a database.
LARGEST_AMOUNT = 10**12
PLAIN_AMOUNT = re.compile(r"\d+(?:[.,]\d{1,2})?")
LETTER_BESIDE_DIGIT = re.compile(r"(?<=[^\W\d_])(?=\d)")


class CurrencyMismatch(ValueError):
    """Amounts of two currencies cannot be added or compared."""


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in minor units of one currency: ``Money(12_00, "EUR")`` is twelve euro."""

    amount: int
    currency: str

    def __add__(self, other: Money) -> Money:
        return Money(self.amount + self._same(other), self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.amount - self._same(other), self.currency)

    def __neg__(self) -> Money:
        return Money(-self.amount, self.currency)

    def __lt__(self, other: Money) -> bool:
        return self.amount < self._same(other)

    def __bool__(self) -> bool:
        return self.amount != 0

    def __str__(self) -> str:
        return display(self, "en")

    def split(self, parts: int) -> list[Money]:
        """Split into equal parts without losing a cent; the last part takes the remainder."""
        if parts < 1:
            raise ValueError("money is split into at least one part")
        share = self.amount // parts
        shares = [share] * (parts - 1) + [self.amount - share * (parts - 1)]
        return [Money(amount, self.currency) for amount in shares]

    def _same(self, other: Money) -> int:
        if other.currency != self.currency:
            raise CurrencyMismatch(f"{self.currency} and {other.currency} cannot be mixed")
        return other.amount


def total(amounts: Iterable[Money], currency: str) -> Money:
    """Add amounts of one currency; an empty sum is zero of ``currency``."""
    return sum(amounts, start=Money(0, currency))


def exponent(currency: str) -> int:
    """Return the number of decimals of a currency (ISO 4217); raises ``ValueError`` for an unknown one."""
    return int(Currency(currency).exponent or 0)


def decimal(money: Money) -> Decimal:
    """Return the amount in major units, exact, for display and exchange formats."""
    return Decimal(money.amount).scaleb(-exponent(money.currency))


def rate_of(amount: int, rate: int) -> int:
    """Return ``rate`` (parts per million) of an amount, half a minor unit rounded away from zero."""
    return _times(amount, rate, PARTS_PER_MILLION)


def without_tax(gross: int, rate: int) -> int:
    """Return an amount without the tax of ``rate`` that is in it, half a minor unit rounded away from zero."""
    return _times(gross, PARTS_PER_MILLION, PARTS_PER_MILLION + rate)


def exchanged(money: Money, currency: str, *, numerator: int, denominator: int) -> Money:
    """
    Return money in another currency, of which one major unit is worth ``numerator / denominator``.

    Half a minor unit is rounded away from zero; currencies may have different decimals.
    """
    decimals = exponent(currency) - exponent(money.currency)
    numerator, denominator = numerator * 10 ** max(decimals, 0), denominator * 10 ** max(-decimals, 0)
    return Money(_times(money.amount, numerator, denominator), currency)


def _times(amount: int, numerator: int, denominator: int) -> int:
    rounded = (2 * abs(amount) * numerator + denominator) // (2 * denominator)
    return rounded if amount >= 0 else -rounded


# English here is European: day before month, and dollars that say whose they are.
LOCALES = {"en": "en_GB"}


def locale_of(language: str | None) -> str:
    """Return the locale (CLDR) in which amounts and dates are written for a reader of a language."""
    code = (language or "en").partition("-")[0]
    return LOCALES.get(code, code)


def display(money: Money, locale: str) -> str:
    """
    Write money as a reader of ``locale`` expects it: ``€ 1.234,50`` or ``€1,234.50``.

    Babel knows other decimals than ISO 4217 for some currencies, so the digits are given,
    and sets a currency of letters against its digits, so the space between them is given too.
    """
    digits = exponent(money.currency)
    pattern = parse_pattern(Locale.parse(locale).currency_formats["standard"].pattern)
    pattern.frac_prec = (digits, digits)
    text = pattern.apply(decimal(money), Locale.parse(locale), currency=money.currency, currency_digits=False)
    return LETTER_BESIDE_DIGIT.sub("\u00a0", text)


def parse(text: str, currency: str, locale: str) -> Money:
    """
    Read an amount as a person types it: ``1.234,50`` or ``1,234.50`` by locale, a plain ``50.00`` or ``50,00`` in any.

    Raises ``ValueError`` for what is no amount, or has more decimals than the currency.
    """
    typed = "".join(character for character in text if character in "0123456789.,-")
    if not typed or any(character.isalpha() for character in text.replace(currency, "")):
        raise ValueError(f"{text!r} is no amount")
    try:
        number = (
            Decimal(typed.replace(",", "."))
            if PLAIN_AMOUNT.fullmatch(typed)
            else parse_decimal(typed, locale=locale, strict=True)
        )
    except NumberFormatError as error:
        raise ValueError(f"{text!r} is no amount") from error
    minor = number.scaleb(exponent(currency))
    if minor != int(minor):
        raise ValueError(f"{text!r} has more decimals than {currency}")
    return Money(int(minor), currency)
