"""Money adds, splits, rounds and reads right, to the last cent."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.money import CurrencyMismatch, Money, decimal, display, exponent, parse, rate_of, total

amounts = st.integers(min_value=-(10**15), max_value=10**15)


@given(amounts, st.integers(min_value=1, max_value=400))
def test_splitting_loses_nothing(amount: int, parts: int):
    shares = Money(amount, "EUR").split(parts)

    assert len(shares) == parts
    assert total(shares, "EUR") == Money(amount, "EUR")


@given(amounts, st.integers(min_value=1, max_value=400))
def test_all_parts_but_the_last_are_equal(amount: int, parts: int):
    shares = Money(amount, "EUR").split(parts)

    assert len(set(shares[:-1])) <= 1
    assert 0 <= shares[-1].amount - shares[0].amount < parts


def test_nothing_splits_into_no_parts():
    with pytest.raises(ValueError, match="at least one part"):
        Money(100, "EUR").split(0)


@pytest.mark.parametrize("mix", [Money.__add__, Money.__sub__, Money.__lt__])
def test_currencies_do_not_mix(mix):
    with pytest.raises(CurrencyMismatch, match="EUR and USD"):
        mix(Money(1, "EUR"), Money(1, "USD"))


def test_an_empty_sum_is_zero_of_its_currency():
    assert total([], "JPY") == Money(0, "JPY")


@given(st.integers(min_value=0, max_value=10**12), st.integers(min_value=0, max_value=1_000_000))
def test_a_rate_is_rounded_to_the_nearest_minor_unit(amount: int, rate: int):
    rounded = rate_of(amount, rate)

    assert abs(rounded * 1_000_000 - amount * rate) * 2 <= 1_000_000
    assert rate_of(-amount, rate) == -rounded


@pytest.mark.parametrize(
    ("amount", "rate", "tax"),
    [(50, 210_000, 11), (49, 210_000, 10), (2_50, 10_000, 3), (-2_50, 10_000, -3), (1, 500_000, 1), (0, 210_000, 0)],
)
def test_half_a_minor_unit_is_rounded_away_from_zero(amount: int, rate: int, tax: int):
    assert rate_of(amount, rate) == tax


@pytest.mark.parametrize(("currency", "digits"), [("EUR", 2), ("JPY", 0), ("KWD", 3), ("RSD", 2)])
def test_decimals_are_those_of_the_iso_list(currency: str, digits: int):
    assert exponent(currency) == digits
    assert decimal(Money(1_234, currency)).as_tuple().exponent == -digits


def test_an_unknown_currency_has_no_decimals_to_guess():
    with pytest.raises(ValueError, match="XYZ"):
        exponent("XYZ")


@pytest.mark.parametrize(
    ("money", "english", "dutch"),
    [
        (Money(1_234_50, "EUR"), "€1,234.50", "€ 1.234,50"),
        (Money(-1_00, "EUR"), "-€1.00", "€ -1,00"),
        (Money(5, "EUR"), "€0.05", "€ 0,05"),
        (Money(1_234, "JPY"), "¥1,234", "JP¥ 1.234"),
        (Money(1_234_567, "KWD"), "KWD 1,234.567", "KWD 1.234,567"),
        (Money(1_234_50, "RSD"), "RSD 1,234.50", "RSD 1.234,50"),
    ],
)
def test_money_reads_as_people_expect_it(money: Money, english: str, dutch: str):
    assert display(money, "en").replace("\u00a0", " ") == english
    assert display(money, "nl").replace("\u00a0", " ") == dutch


@given(st.integers(min_value=-(10**18), max_value=10**18))
def test_no_digit_is_lost_in_display(amount: int):
    shown = display(Money(amount, "EUR"), "en")

    digits = "".join(character for character in shown if character.isdigit())
    assert int(digits) == abs(amount)


@pytest.mark.parametrize(
    ("text", "locale", "amount"),
    [
        ("50", "en_GB", 50_00),
        ("50.00", "en_GB", 50_00),
        ("50,00", "en_GB", 50_00),
        ("50.00", "nl", 50_00),
        ("€ 1.234,50", "nl", 1234_50),
        ("£1,234.50", "en_GB", 1234_50),
        (" 0,05 ", "nl", 5),
        ("-5", "en_GB", -5_00),
    ],
)
def test_an_amount_is_read_as_people_type_it(text: str, locale: str, amount: int):
    assert parse(text, "EUR", locale) == Money(amount, "EUR")


@pytest.mark.parametrize("text", ["", "ten", "1.2.3", "10.005", "1e3", "--5", "5O", "€"])
def test_what_is_no_amount_is_refused(text: str):
    with pytest.raises(ValueError, match=r"amount|decimals"):
        parse(text, "EUR", "en_GB")


def test_decimals_follow_the_currency():
    assert parse("500", "JPY", "nl") == Money(500, "JPY")
    assert parse("1,25", "KWD", "nl") == Money(1250, "KWD")
    with pytest.raises(ValueError, match="decimals"):
        parse("500.5", "JPY", "en_GB")
