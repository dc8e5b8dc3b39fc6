"""Money on its way: each attempt or receipt, and what it paid."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Self

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from .. import clock
from ..money import Money
from ..schedule import UNKNOWN_TOO_LONG
from ..states import LIVE_PAYMENT_STATES, PAYMENT_TRANSITIONS, PaymentState
from . import references
from .accounts import Account
from .payment_methods import PaymentMethod
from .people import User
from .sellers import Seller
from .settlements import Settlement
from .stateful import Stateful


class Trigger(models.TextChoices):
    """What set an attempt off; only the automatic ones use up the automatic tries."""

    CYCLE = "cycle", _("first automatic charge")
    AUTO_RETRY = "auto_retry", _("automatic retry")
    CARD_UPDATE = "card_update", _("a new card")
    CUSTOMER = "customer", _("paid by hand")
    GUEST = "guest", _("payment link")
    STAFF = "staff", _("by staff")


AUTOMATIC_TRIGGERS = (Trigger.CYCLE, Trigger.AUTO_RETRY)
BY_HAND_TRIGGERS = (Trigger.CARD_UPDATE, Trigger.CUSTOMER, Trigger.GUEST, Trigger.STAFF)


def new_key() -> str:
    return uuid.uuid4().hex


class PaymentQuerySet(models.QuerySet["Payment"]):
    def for_account(self, account: Account) -> Self:
        return self.filter(account=account)

    def live(self) -> Self:
        """Payments whose end is not known and that still stand in the way of another."""
        return self.filter(state__in=LIVE_PAYMENT_STATES, superseded_at__isnull=True)

    def undecided(self) -> Self:
        return self.filter(state__in=LIVE_PAYMENT_STATES)

    def succeeded(self) -> Self:
        return self.filter(state=PaymentState.SUCCEEDED)

    def unapplied(self) -> Self:
        """Received money of which some is not applied to an invoice."""
        return self.filter(unapplied__gt=0)


class Payment(Stateful):
    """
    One attempt to take money, or one receipt of it, for one seller in one currency.

    Its idempotency key is committed before the gateway is asked, so that a crash can
    never charge twice.
    """

    TRANSITIONS = PAYMENT_TRANSITIONS

    reference = models.CharField(max_length=24, unique=True, default=references.payment, editable=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="payments")
    seller = models.ForeignKey(Seller, on_delete=models.PROTECT, related_name="payments")
    settlement = models.ForeignKey(Settlement, on_delete=models.PROTECT, null=True, blank=True, related_name="payments")
    payment_method = models.ForeignKey(
        PaymentMethod, on_delete=models.PROTECT, null=True, blank=True, related_name="payments"
    )
    amount = models.PositiveBigIntegerField(_("amount"), help_text=_("minor units"))
    currency = models.CharField(_("currency"), max_length=3)
    unapplied = models.PositiveBigIntegerField(_("not applied to an invoice"), default=0)
    trigger = models.CharField(_("set off by"), max_length=16, choices=Trigger)
    state = models.CharField(_("state"), max_length=16, choices=PaymentState, default=PaymentState.PENDING)
    gateway = models.CharField(_("gateway"), max_length=20)
    gateway_account = models.CharField(_("gateway account"), max_length=64)
    idempotency_key = models.CharField(max_length=64, unique=True, default=new_key, editable=False)
    gateway_reference = models.CharField(_("gateway reference"), max_length=100, blank=True)
    decline_code = models.CharField(_("decline code"), max_length=40, blank=True)
    action_url = models.URLField(_("where to approve"), max_length=500, blank=True)
    created_at = models.DateTimeField(_("begun"))
    # By the real clock, even in a run for a day gone by: what the gateway may still be doing depends on it.
    asked_at = models.DateTimeField(default=clock.now, editable=False)
    unsent_at = models.DateTimeField(_("could not be sent"), null=True, blank=True)
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    settled_at = models.DateTimeField(_("decided"), null=True, blank=True)
    superseded_at = models.DateTimeField(_("given up waiting"), null=True, blank=True)
    next_action_at = models.DateTimeField(_("next check due"), null=True, blank=True)
    checks = models.PositiveSmallIntegerField(_("times checked"), default=0)

    objects = PaymentQuerySet.as_manager()

    class Meta:
        verbose_name = _("payment")
        verbose_name_plural = _("payments")
        ordering = ["-created_at", "-pk"]
        indexes = [
            models.Index(
                fields=["next_action_at"], name="payment_next_action", condition=Q(next_action_at__isnull=False)
            ),
            models.Index(fields=["account"], name="payment_unapplied", condition=Q(unapplied__gt=0)),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="payment_is_of_something"),
            models.CheckConstraint(condition=Q(state__in=PaymentState.values), name="payment_has_a_known_state"),
            models.CheckConstraint(
                condition=Q(unapplied=0) | Q(state="succeeded", unapplied__lte=F("amount")),
                name="payment_unapplied_is_part_of_what_was_received",
            ),
            models.UniqueConstraint(
                fields=["account", "seller", "currency"],
                condition=Q(state__in=LIVE_PAYMENT_STATES, superseded_at__isnull=True),
                name="payment_one_live_per_account_seller_and_currency",
            ),
            models.UniqueConstraint(
                fields=["gateway", "gateway_account", "gateway_reference"],
                condition=~Q(gateway_reference=""),
                name="payment_once_per_gateway_reference",
            ),
        ]

    def __str__(self) -> str:
        return self.reference

    @property
    def money(self) -> Money:
        return Money(self.amount, self.currency)

    @property
    def is_live(self) -> bool:
        return self.state in LIVE_PAYMENT_STATES and self.superseded_at is None

    def is_in_the_way(self, *, at: dt.datetime) -> bool:
        """
        Say whether the debt cannot be paid in another way yet.

        After an hour without an answer it can, and at once when the charge was never sent.
        """
        is_stale = self.state == PaymentState.UNKNOWN and at - self.asked_at >= UNKNOWN_TOO_LONG
        gives_way = is_stale or self.unsent_at is not None
        return self.is_live and not gives_way
