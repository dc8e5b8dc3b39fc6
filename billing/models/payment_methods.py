"""Cards on file; only what may be shown of them is stored here."""

from __future__ import annotations

import datetime as dt
from typing import Self

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from .. import clock
from . import references
from .accounts import Account
from .people import User

BRANDS = {"visa": "Visa", "mastercard": "Mastercard", "amex": "American Express", "maestro": "Maestro"}


class PaymentMethodKind(models.TextChoices):
    CARD = "card", _("card")


class PaymentMethodQuerySet(models.QuerySet["PaymentMethod"]):
    def on_file(self) -> Self:
        return self.filter(removed_at__isnull=True)

    def for_account(self, account: Account) -> Self:
        return self.filter(account=account)

    def usable(self, *, on: dt.date) -> Self:
        """On file, not blocked, not expired."""
        this_month = Q(exp_year=on.year, exp_month__gte=on.month)
        return self.on_file().filter(this_month | Q(exp_year__gt=on.year), blocked_reason="")

    def expiring(self, *, at: dt.datetime) -> Self:
        """Cards on file of whose expiry a notice is due."""
        return self.on_file().filter(next_action_at__lte=at)


class PaymentMethod(models.Model):
    """A card the gateway keeps for an account; only what may be shown of it is stored here."""

    reference = models.CharField(max_length=24, unique=True, default=references.payment_method, editable=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="payment_methods")
    kind = models.CharField(_("kind"), max_length=8, choices=PaymentMethodKind, default=PaymentMethodKind.CARD)
    gateway = models.CharField(_("gateway"), max_length=20)
    gateway_account = models.CharField(_("gateway account"), max_length=64)
    token = models.CharField(_("token"), max_length=100)
    fingerprint = models.CharField(_("fingerprint"), max_length=100)
    brand = models.CharField(_("brand"), max_length=20)
    last4 = models.CharField(_("last four digits"), max_length=4)
    exp_month = models.PositiveSmallIntegerField(_("expiry month"))
    exp_year = models.PositiveSmallIntegerField(_("expiry year"))
    is_default = models.BooleanField(_("used for automatic charges"), default=False)
    blocked_reason = models.CharField(_("never charged again because"), max_length=40, blank=True)
    added_at = models.DateTimeField(_("added"), default=clock.now)
    added_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    removed_at = models.DateTimeField(_("removed"), null=True, blank=True)
    next_action_at = models.DateTimeField(_("next notice of its expiry"), null=True, blank=True)

    objects = PaymentMethodQuerySet.as_manager()

    class Meta:
        verbose_name = _("payment method")
        verbose_name_plural = _("payment methods")
        ordering = ["-is_default", "-pk"]
        indexes = [
            models.Index(
                fields=["next_action_at"],
                name="payment_method_next_action",
                condition=Q(removed_at__isnull=True, next_action_at__isnull=False),
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["gateway", "gateway_account", "token"], name="payment_method_token_once_per_gateway_account"
            ),
            models.UniqueConstraint(
                fields=["account", "gateway", "gateway_account"],
                condition=Q(is_default=True),
                name="payment_method_one_default_per_account_and_gateway_account",
            ),
        ]

    def __str__(self) -> str:
        return f"{BRANDS.get(self.brand, self.brand.title())} •••• {self.last4}"

    def expires_on(self) -> dt.date:
        """Return the last day on which the card is good."""
        month = dt.date(self.exp_year + self.exp_month // 12, self.exp_month % 12 + 1, 1)
        return month - dt.timedelta(days=1)

    def is_expired(self, *, on: dt.date) -> bool:
        return self.expires_on() < on

    def why_unusable(self, *, on: dt.date) -> str:
        """Return why the card cannot be charged: ``removed``, ``blocked``, ``expired``; empty when it can."""
        if self.removed_at:
            return "removed"
        if self.blocked_reason:
            return "blocked"
        return "expired" if self.is_expired(on=on) else ""
