"""
What every payment gateway must offer, in words of our own.

Gateways translate; they know nothing of models. Amounts are ``int`` minor units
with an ISO 4217 currency beside them. Tokens and references belong to one
``gateway_account`` and mean nothing in another.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class Status(StrEnum):
    """
    What the gateway says became of a charge.

    ``UNKNOWN`` is our word for no answer, ``NOT_SENT`` for a charge that provably never left.
    """

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    REQUIRES_ACTION = "requires_action"
    PENDING = "pending"
    CANCELED = "canceled"
    UNKNOWN = "unknown"
    NOT_SENT = "not_sent"


class Presence(StrEnum):
    """Whether the card holder is there to approve a charge (on-session) or not."""

    ON_SESSION = "on_session"
    OFF_SESSION = "off_session"


class SessionStatus(StrEnum):
    """Where a visit to a hosted page stands."""

    OPEN = "open"
    COMPLETE = "complete"
    CANCELED = "canceled"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Card:
    """A card as the gateway lets us know it: never its number."""

    token: str
    fingerprint: str
    brand: str
    last4: str
    exp_month: int
    exp_year: int


@dataclass(frozen=True, slots=True)
class ChargeRequest:
    """One charge to ask for; the key makes asking twice the same as asking once."""

    gateway_account: str
    idempotency_key: str
    amount: int
    currency: str
    description: str
    return_url: str
    token: str = ""
    presence: Presence = Presence.OFF_SESSION


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one charge; ``action_url`` is where the person approves it."""

    status: Status
    reference: str = ""
    amount: int = 0
    currency: str = ""
    decline_code: str = ""
    action_url: str = ""


NO_ANSWER = Outcome(Status.UNKNOWN)
NOT_SENT = Outcome(Status.NOT_SENT)


@dataclass(frozen=True, slots=True)
class HostedSession:
    """A visit to the gateway's own page; ``card`` and ``outcome`` are there once it is complete."""

    id: str
    url: str
    status: SessionStatus
    card: Card | None = None
    outcome: Outcome | None = None


@dataclass(frozen=True, slots=True)
class ChargeRecord:
    """A line of the gateway's own list of charges; ``created_at`` is the gateway's time."""

    reference: str
    idempotency_key: str
    status: Status
    amount: int
    currency: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Payout:
    """Money the gateway has sent to the seller's bank."""

    reference: str
    amount: int
    currency: str
    paid_at: datetime


@dataclass(frozen=True, slots=True)
class RefundRecord:
    """Money of one charge that the gateway has sent back, or could not; ``charge`` is the charge's reference."""

    reference: str
    idempotency_key: str
    charge: str
    status: Status
    amount: int
    currency: str


class DisputeStatus(StrEnum):
    """Where the argument about a charge stands between the gateway and the card holder's bank."""

    NEEDS_RESPONSE = "needs_response"
    UNDER_REVIEW = "under_review"
    WON = "won"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class DisputeRecord:
    """A charge that its card holder contests; ``charge_key`` is the idempotency key it was asked with."""

    reference: str
    charge: str
    charge_key: str
    status: DisputeStatus
    amount: int
    currency: str
    reason: str
    opened_at: datetime
    respond_by: datetime


@dataclass(frozen=True, slots=True)
class WebhookEvent:
    """
    A verified webhook: a hint to go and look, never a truth.

    ``session_id``, ``idempotency_key`` (of a charge, or of the charge a refund is of) or
    ``dispute`` say what to look at; all are empty for kinds that are stored and ignored.
    """

    id: str
    type: str
    gateway_account: str
    session_id: str = ""
    idempotency_key: str = ""
    dispute: str = ""


class GatewayUnavailable(Exception):
    """The gateway did not give a usable answer in time; nothing may be concluded from it."""


class GatewayUnreached(GatewayUnavailable):
    """No connection was made, so nothing was sent."""


class InvalidWebhook(Exception):
    """The webhook's signature, time or body is not the gateway's."""


class Gateway(Protocol):
    """
    A payment gateway.

    ``charge`` never raises for a lost or late answer: it returns ``NO_ANSWER``, or
    ``NOT_SENT`` when no connection was made.
    Every other call raises ``GatewayUnavailable``. Each call ends within
    ``DEADLINE_SECONDS``.
    """

    name: str
    origin: str
    """Scheme and host of the hosted pages, or ``""`` when they are our own."""

    def start_card_setup(
        self, *, gateway_account: str, idempotency_key: str, return_url: str, payment: ChargeRequest | None = None
    ) -> HostedSession:
        """Open a hosted page that stores a card and, when ``payment`` is given, charges it as well."""

    def start_payment(self, payment: ChargeRequest) -> HostedSession:
        """Open a hosted page on which one amount is paid by any method."""

    def fetch_session(self, *, gateway_account: str, session_id: str) -> HostedSession:
        """Say where a hosted visit stands now."""

    def charge(self, request: ChargeRequest) -> Outcome:
        """Charge a stored card; asking again with the same key never charges twice."""

    def look_up(self, *, gateway_account: str, idempotency_key: str) -> Outcome | None:
        """Find a charge by its key; ``None`` only says that it is not there yet."""

    def list_charges(self, *, gateway_account: str, since: datetime) -> Iterator[ChargeRecord]:
        """List the charges the gateway has made since a moment, oldest first."""

    def list_payouts(self, *, gateway_account: str, since: datetime) -> Iterator[Payout]:
        """List what the gateway has paid out since a moment, oldest first."""

    def refund(
        self, *, gateway_account: str, reference: str, idempotency_key: str, amount: int, currency: str
    ) -> RefundRecord:
        """Send money of one charge back to where it came from; asking again with the same key never pays twice."""

    def look_up_refund(self, *, gateway_account: str, idempotency_key: str) -> RefundRecord | None:
        """Find a refund by its key; ``None`` only says that it is not there yet."""

    def list_refunds(self, *, gateway_account: str, since: datetime) -> Iterator[RefundRecord]:
        """List the refunds the gateway has made since a moment, oldest first."""

    def fetch_dispute(self, *, gateway_account: str, reference: str) -> DisputeRecord:
        """Say where a dispute stands now."""

    def answer_dispute(self, *, gateway_account: str, reference: str, answer: str) -> DisputeRecord:
        """Hand in the seller's side of a dispute; handing in again replaces it while the bank still waits."""

    def detach(self, *, gateway_account: str, token: str) -> None:
        """Forget a stored card; forgetting twice is no error."""

    def parse_webhook(self, *, body: bytes, headers: Mapping[str, str], at: datetime) -> WebhookEvent:
        """Verify and read a webhook; raises ``InvalidWebhook``."""


DEADLINE_SECONDS = 20
