"""
What card networks allow, and when people have money: facts of others, dated, with their source.

A rule holds from its date until a later one of the same network; a change of theirs is a
new line here, never an edit.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta


@dataclass(frozen=True, slots=True)
class Cap:
    """At most so many declines of one card within so many days, all kinds of tries counted."""

    most: int
    days: int


@dataclass(frozen=True, slots=True)
class NetworkRule:
    """What one network allows from a date on; codes are ISO 8583 responses and our words for them."""

    network: str
    since: date
    source: str
    caps: tuple[Cap, ...]
    never_again: frozenset[str] = frozenset()


# The gateway speaks in words; the networks' codes stand beside those that say the same.
ISSUER_NEVER_APPROVES = frozenset(
    {
        *("04", "07", "12", "14", "15", "41", "43", "46", "57", "R0", "R1", "R3"),
        *("pickup_card", "invalid_transaction", "invalid_number", "no_such_issuer", "lost_card", "stolen_card"),
        *("closed_account", "transaction_not_allowed", "stop_payment_order"),
        *("revocation_of_authorization", "revocation_of_all_authorizations"),
    }
)
EVERY_NETWORK = ""
RULES = (
    NetworkRule(
        EVERY_NETWORK,
        date(2020, 1, 1),
        "Paidup's own: 15 tries in 30 days, the strictest of the networks",
        (Cap(15, 30),),
        ISSUER_NEVER_APPROVES,
    ),
    NetworkRule(
        "visa",
        date(2021, 4, 17),
        "Visa Core Rules, decline response codes: category 1 is never tried again, others 15 times in 30 days",
        (Cap(15, 30),),
        ISSUER_NEVER_APPROVES,
    ),
    NetworkRule(
        "mastercard",
        date(2023, 1, 1),
        "Mastercard Transaction Processing Excellence: 10 declines a day, 35 in 30 days of the same amount",
        (Cap(10, 1), Cap(35, 30)),
        ISSUER_NEVER_APPROVES,
    ),
)

# Days of the month on which people are paid, by ISO 3166-1 country; elsewhere as under "".
PAYDAYS: dict[str, tuple[int, ...]] = {"": (25, 1), "DE": (15, 1), "ES": (28, 1), "FR": (28, 1), "IT": (27, 10)}
MOST_DAYS_TO_PAYDAY = 5


def in_force(network: str, *, on: date) -> NetworkRule:
    """Return what the network allows on a date; one without a line of its own gets everyone's."""
    known = [rule for rule in RULES if rule.since <= on and rule.network in (network, EVERY_NETWORK)]
    return max(known, key=lambda rule: (rule.network == network, rule.since))


def forbids_another_try(code: str, *, network: str, on: date) -> bool:
    """Say whether the issuer will never approve, so that the card is never tried automatically again."""
    return code in in_force(network, on=on).never_again


def is_exhausted(declines: Iterable[datetime], *, network: str, on: date, at: datetime) -> bool:
    """Say whether a card has been declined as often as the network allows."""
    moments = list(declines)
    return any(
        sum(moment > at - timedelta(days=cap.days) for moment in moments) >= cap.most
        for cap in in_force(network, on=on).caps
    )


def moved_to_payday(day: date, *, country: str, before: date) -> date:
    """Return the payday at most five days after ``day`` and before a date; without one, ``day``."""
    paydays = PAYDAYS.get(country, PAYDAYS[""])
    following = (day + timedelta(days=n) for n in range(MOST_DAYS_TO_PAYDAY + 1))
    return next((each for each in following if each.day in paydays and each < before), day)
