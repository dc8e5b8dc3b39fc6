"""
Why a bank refused, in plain words with the next best step.

Codes are the gateway's; people read sentences. What the bank suspects of the card's
holder (lost, stolen, fraud) is never repeated: everyone reads the neutral words.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True, slots=True)
class Advice:
    """A reason and what to do; after a hard decline the same card is never charged automatically again."""

    reason: str | Promise
    advice: str | Promise
    is_hard: bool


ANOTHER_CARD = _("Use another card, or call your bank.")

NEUTRAL = Advice(_("Your bank declined the card."), ANOTHER_CARD, is_hard=False)

ADVICE = {
    "insufficient_funds": Advice(
        _("There was not enough money on the card."),
        _("Put money on the card and try again, or use another card."),
        is_hard=False,
    ),
    "expired_card": Advice(_("The card has expired."), _("Use another card."), is_hard=True),
    "stolen_card": Advice(_("Your bank declined the card."), ANOTHER_CARD, is_hard=True),
    "lost_card": Advice(_("Your bank declined the card."), ANOTHER_CARD, is_hard=True),
    "pickup_card": Advice(_("Your bank declined the card."), ANOTHER_CARD, is_hard=True),
    "disputed": Advice(_("A payment with this card was disputed."), _("Use another card."), is_hard=True),
    "returned": Advice(_("Your bank took a payment back."), _("Pay in another way."), is_hard=True),
    "do_not_honour": Advice(
        _("Your bank declined the card without saying why."),
        _("Call your bank and ask it to allow this payment, or use another card."),
        is_hard=False,
    ),
    "processing_error": Advice(
        _("Something went wrong at the bank while it handled the payment."),
        _("Try again in a few minutes."),
        is_hard=False,
    ),
    "gateway_away": Advice(
        _("The payment service could not be reached, so nothing was charged."),
        _("Try again in a few minutes."),
        is_hard=False,
    ),
    "authentication_required": Advice(
        _("Your bank asks you to approve the payment yourself."), _("Approve the payment."), is_hard=False
    ),
    "authentication_failed": Advice(
        _("The payment was not approved with your bank."), _("Try again, or use another card."), is_hard=False
    ),
    "approval_expired": Advice(
        _("The payment was not approved in time."), _("Try again, or use another card."), is_hard=False
    ),
}


def advice(code: str) -> Advice:
    """Return the words for a decline code; an unknown one reads as a plain refusal."""
    return ADVICE.get(code, NEUTRAL)
