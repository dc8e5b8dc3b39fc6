"""Refunds, returns and disputes in plain words: what became of money that had paid an invoice."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.utils.translation import gettext as _

from billing.models import Dispute, Refund, RefundDestination, Return
from billing.states import DisputeState, RefundState

from .wording import card


@dataclass(frozen=True, slots=True)
class Words:
    """When it happened, and what."""

    at: dt.datetime
    text: str


def in_words(row: Refund | Return | Dispute) -> Words:
    if isinstance(row, Return):
        return Words(row.at, _("Taken back by the bank"))
    if isinstance(row, Dispute):
        return Words(row.closed_at or row.opened_at, _dispute(row))
    return Words(row.settled_at or row.requested_at, _refund(row))


def _dispute(row: Dispute) -> str:
    match DisputeState(row.state):
        case DisputeState.WON:
            return _("Disputed with the bank; it stays paid")
        case DisputeState.LOST:
            return _("Disputed with the bank, which gave it back")
    return _("Disputed with the bank; not decided yet")


def _refund(row: Refund) -> str:
    match RefundState(row.state):
        case RefundState.SUCCEEDED if row.destination == RefundDestination.BANK:
            return _("Paid back by bank transfer")
        case RefundState.SUCCEEDED if row.through and row.through.payment_method:
            return _("Paid back to %(card)s") % {"card": card(row.through.payment_method)}
        case RefundState.SUCCEEDED:
            return _("Paid back")
        case RefundState.FAILED:
            return _("Could not be paid back; it is credit now")
    return _("On its way back")
