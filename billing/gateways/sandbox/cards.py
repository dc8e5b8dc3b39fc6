"""
The test cards, by name.

There are no card numbers: a card is chosen from a list, and its name decides
what happens when it is charged. Every card can be put on file.
"""

from __future__ import annotations

import hashlib
import secrets
import sqlite3
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ..base import Card
from .messages import Refused
from .store import Transaction

YEARS_LEFT = 4


class Behaviour(StrEnum):
    """What a card does when it is charged."""

    SUCCEEDS = "succeeds"
    DECLINES = "declines"
    ASKS_APPROVAL = "asks_approval"
    FAILS_LATE = "fails_late"
    TIMES_OUT = "times_out"
    LOSES_ANSWER = "loses_answer"


@dataclass(frozen=True, slots=True)
class NamedCard:
    """A named card; ``years_left`` counts from the year in which it is put on file."""

    name: str
    label: str
    brand: str
    last4: str
    behaviour: Behaviour = Behaviour.SUCCEEDS
    decline_code: str = ""
    years_left: int = YEARS_LEFT


def _declines(name: str, label: str, brand: str, last4: str, decline_code: str) -> NamedCard:
    return NamedCard(name, label, brand, last4, Behaviour.DECLINES, decline_code)


NAMED_CARDS = {
    card.name: card
    for card in (
        NamedCard("good", "Pays", "visa", "4242"),
        NamedCard("good_mastercard", "Pays", "mastercard", "4444"),
        _declines("insufficient_funds", "Declined: not enough money", "visa", "9995", "insufficient_funds"),
        NamedCard("expired", "Declined: expired", "visa", "0069", years_left=-1),
        _declines("stolen", "Declined: reported stolen", "visa", "9979", "stolen_card"),
        _declines("do_not_honour", "Declined: the bank gives no reason", "mastercard", "0002", "do_not_honour"),
        _declines("processing_error", "Declined: error at the bank", "visa", "0119", "processing_error"),
        _declines("setup_only", "Can be stored, every charge is declined", "visa", "0341", "card_declined"),
        NamedCard("three_d_secure", "Pays after approval (3-D Secure)", "visa", "3220", Behaviour.ASKS_APPROVAL),
        NamedCard("late_failure", "Pending at first, fails later", "mastercard", "1117", Behaviour.FAILS_LATE),
        NamedCard("times_out", "Not charged, no answer comes", "visa", "7740", Behaviour.TIMES_OUT),
        NamedCard("lost_answer", "Charged, but the answer is lost", "visa", "7757", Behaviour.LOSES_ANSWER),
    )
}


@dataclass(frozen=True, slots=True)
class StoredCard:
    """A card on file with the gateway."""

    token: str
    gateway_account: str
    kind: NamedCard
    exp_month: int
    exp_year: int

    @classmethod
    def from_row(cls, row: sqlite3.Row) -> StoredCard:
        kind = NAMED_CARDS[row["name"]]
        return cls(row["token"], row["gateway_account"], kind, row["exp_month"], row["exp_year"])

    def is_expired(self, *, at: datetime) -> bool:
        return (self.exp_year, self.exp_month) < (at.year, at.month)

    def public(self) -> Card:
        """Return what a merchant may know of the card."""
        owner = f"{self.gateway_account}/{self.kind.name}"
        fingerprint = hashlib.sha256(owner.encode()).hexdigest()[:16]
        return Card(self.token, fingerprint, self.kind.brand, self.kind.last4, self.exp_month, self.exp_year)


def store(tx: Transaction, gateway_account: str, name: str) -> StoredCard:
    """Put a named card on file and give it a token of its own."""
    if name not in NAMED_CARDS:
        raise Refused("no_such_named_card")
    exp_year = tx.now.year + NAMED_CARDS[name].years_left
    card = StoredCard(f"card_{secrets.token_hex(12)}", gateway_account, NAMED_CARDS[name], 12, exp_year)
    tx.run(
        "INSERT INTO cards (token, gateway_account, name, exp_month, exp_year)"
        " VALUES (:token, :gateway_account, :name, :exp_month, :exp_year)",
        token=card.token,
        gateway_account=gateway_account,
        name=name,
        exp_month=card.exp_month,
        exp_year=exp_year,
    )
    return card


def find_attached(tx: Transaction, gateway_account: str, token: str) -> StoredCard | None:
    """Find a card of an account that may still be charged; another account's token finds nothing."""
    row = tx.row(
        "SELECT * FROM cards WHERE token = :token AND gateway_account = :gateway_account AND NOT detached",
        token=token,
        gateway_account=gateway_account,
    )
    return StoredCard.from_row(row) if row else None


def detach(tx: Transaction, gateway_account: str, token: str) -> None:
    """Make a token useless; a token that is not there is left alone."""
    tx.run(
        "UPDATE cards SET detached = 1 WHERE token = :token AND gateway_account = :gateway_account",
        token=token,
        gateway_account=gateway_account,
    )
