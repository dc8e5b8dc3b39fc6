"""Public references: unguessable, easy to read aloud, and free of keys and numbers."""

from __future__ import annotations

import secrets

# Crockford's base 32: no I, L, O or U, so that nothing is misread or reads as a word.
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def make(prefix: str, length: int = 16) -> str:
    """Return ``PREFIX-XXXXXXXXXXXXXXXX`` with five random bits a character."""
    return f"{prefix}-" + "".join(secrets.choice(ALPHABET) for _ in range(length))


def account() -> str:
    return make("A")


def subscription() -> str:
    return make("S")


def invoice() -> str:
    return make("I")


def payment() -> str:
    return make("PAY")


def settlement() -> str:
    return make("Q")


def card_visit() -> str:
    return make("V")


def payment_method() -> str:
    return make("M")


def credit_note() -> str:
    return make("C")


def refund() -> str:
    return make("R")


def hold() -> str:
    return make("H")


def erasure_demand() -> str:
    return make("E")
