"""
States as data: which there are, and which moves between them are legal.

A move itself is one conditional UPDATE (``billing.models.stateful``). Invoices follow
Stripe's words, subscriptions the ladder that notices announce.
"""

from __future__ import annotations

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class InvalidTransition(Exception):
    """The row was not in a state that allows the move."""


class SubscriptionState(TextChoices):
    ACTIVE = "active", _("Active")
    PAST_DUE = "past_due", _("Past due")
    WARNED = "warned", _("Will stop")
    SUSPENDED = "suspended", _("Stopped")
    CANCELED = "canceled", _("Canceled")
    DELETED = "deleted", _("Deleted")


class Incomplete(Exception):
    """The row lacks what its state promises, so nothing is decided from it."""


class DisabledReason(TextChoices):
    """Why a service is off; it comes back only when none is left."""

    NONPAYMENT = "nonpayment", _("not paid")
    CUSTOMER_CANCEL = "customer_cancel", _("canceled by you")
    STAFF = "staff", _("stopped by us")
    FRAUD_REVIEW = "fraud_review", _("under review")


class InvoiceState(TextChoices):
    DRAFT = "draft", _("Draft")
    OPEN = "open", _("Open")
    PAID = "paid", _("Paid")
    VOID = "void", _("Void")
    UNCOLLECTIBLE = "uncollectible", _("Written off")


class PaymentState(TextChoices):
    PENDING = "pending", _("In progress")
    REQUIRES_ACTION = "requires_action", _("Waiting for your approval")
    UNKNOWN = "unknown", _("We are checking")
    SUCCEEDED = "succeeded", _("Received")
    FAILED = "failed", _("Failed")
    CANCELED = "canceled", _("Not completed")


class RefundState(TextChoices):
    REQUESTED = "requested", _("Waits for approval")
    PENDING = "pending", _("On its way")
    UNKNOWN = "unknown", _("We are checking")
    SUCCEEDED = "succeeded", _("Paid back")
    FAILED = "failed", _("Failed")
    REJECTED = "rejected", _("Rejected")


class DisputeState(TextChoices):
    NEEDS_RESPONSE = "needs_response", _("Needs our answer")
    UNDER_REVIEW = "under_review", _("Under review")
    WON = "won", _("Won")
    LOST = "lost", _("Lost")


class CaseState(TextChoices):
    OPEN = "open", _("Open")
    CLOSED = "closed", _("Closed")


class AccessLevel(TextChoices):
    """What the product may let the customer do."""

    FULL = "full", _("full")
    READ_ONLY = "read_only", _("read only")
    EXPORT = "export", _("export only")
    NONE = "none", _("none")


LIVE_PAYMENT_STATES = (PaymentState.PENDING, PaymentState.REQUIRES_ACTION, PaymentState.UNKNOWN)
LIVE_REFUND_STATES = (RefundState.PENDING, RefundState.UNKNOWN)
OPEN_DISPUTE_STATES = (DisputeState.NEEDS_RESPONSE, DisputeState.UNDER_REVIEW)

# Service states in order of severity: a ladder that debt climbs and payment leaves at once.
SERVICE_OFF = (SubscriptionState.SUSPENDED, SubscriptionState.CANCELED, SubscriptionState.DELETED)

Transitions = dict[str, frozenset[str]]


def _moves(**moves: str) -> Transitions:
    return {source: frozenset(targets.split()) for source, targets in moves.items()}


SUBSCRIPTION_TRANSITIONS = _moves(
    active="past_due suspended canceled",
    past_due="active warned suspended canceled",
    warned="active past_due suspended canceled",
    suspended="active past_due canceled",
    canceled="active past_due deleted",
    deleted="",
)
INVOICE_TRANSITIONS = _moves(
    draft="open",
    open="paid void uncollectible",
    paid="open",
    void="",
    uncollectible="open",
)
PAYMENT_TRANSITIONS = _moves(
    pending="requires_action unknown succeeded failed canceled",
    requires_action="pending unknown succeeded failed canceled",
    unknown="pending requires_action succeeded failed canceled",
    succeeded="",
    failed="",
    canceled="",
)
CASE_TRANSITIONS = _moves(open="closed", closed="")
REFUND_TRANSITIONS = _moves(
    requested="pending rejected",
    pending="unknown succeeded failed",
    unknown="succeeded failed",
    succeeded="",
    failed="",
    rejected="",
)
DISPUTE_TRANSITIONS = _moves(
    needs_response="under_review won lost",
    under_review="needs_response won lost",
    won="",
    lost="",
)
