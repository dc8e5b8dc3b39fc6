"""Money on its way: what is on file, what was consented to, each attempt, and what it paid."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Self

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from .. import clock
from ..money import Money
from ..states import LIVE_PAYMENT_STATES, PAYMENT_TRANSITIONS, PaymentState
from . import references
from .accounts import Account
from .invoices import Invoice
from .people import User
from .sellers import Seller
from .stateful import Stateful


class PaymentMethodKind(models.TextChoices):
    CARD = "card", _("card")


class PaymentMethodQuerySet(models.QuerySet["PaymentMethod"]):
    def on_file(self) -> Self:
        return self.filter(removed_at__isnull=True)

    def for_account(self, account: Account) -> Self:
        return self.filter(account=account)

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
        return f"{self.brand} •••• {self.last4}"

    def expires_on(self) -> dt.date:
        """Return the last day on which the card is good."""
        month = dt.date(self.exp_year + self.exp_month // 12, self.exp_month % 12 + 1, 1)
        return month - dt.timedelta(days=1)

    def is_expired(self, *, on: dt.date) -> bool:
        return self.expires_on() < on


class SettlementPurpose(models.TextChoices):
    PAY = "pay", _("pay with the card on file")
    SAVE_AND_PAY = "save_and_pay", _("save a card and pay")


class Settlement(models.Model):
    """
    A person's consent to pay a frozen list of invoices.

    Paying consumes it once; what became of it is derived from its payments.
    """

    reference = models.CharField(max_length=24, unique=True, default=references.settlement, editable=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="settlements")
    purpose = models.CharField(_("purpose"), max_length=16, choices=SettlementPurpose)
    consent_version = models.CharField(_("version of the consent text"), max_length=20)
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField(_("consented"))
    consumed_at = models.DateTimeField(_("used"), null=True, blank=True)

    class Meta:
        verbose_name = _("settlement")
        verbose_name_plural = _("settlements")
        ordering = ["-pk"]

    def __str__(self) -> str:
        return self.reference


class SettlementLine(models.Model):
    """One invoice of a settlement, as it was when the person consented."""

    settlement = models.ForeignKey(Settlement, on_delete=models.PROTECT, related_name="lines")
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="+")
    version = models.PositiveIntegerField()
    amount = models.PositiveBigIntegerField(_("amount"), help_text=_("minor units of the invoice's currency"))

    class Meta:
        verbose_name = _("settlement line")
        verbose_name_plural = _("settlement lines")
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["settlement", "invoice"], name="settlement_names_an_invoice_once"),
        ]

    def __str__(self) -> str:
        return f"{self.settlement} · {self.invoice}"

    @property
    def money(self) -> Money:
        return Money(self.amount, self.invoice.currency)


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


class Allocation(models.Model):
    """Money of a payment applied to an invoice; only ever added."""

    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="allocations")
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="allocations")
    amount = models.BigIntegerField(_("amount"), help_text=_("minor units"))
    at = models.DateTimeField(_("applied"))

    class Meta:
        verbose_name = _("allocation")
        verbose_name_plural = _("allocations")
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(condition=~Q(amount=0), name="allocation_is_of_something"),
        ]

    def __str__(self) -> str:
        return f"{self.payment} → {self.invoice}"


class CardVisit(models.Model):
    """A person's visit to the gateway's card page, and what was consented to beforehand."""

    reference = models.CharField(max_length=24, unique=True, default=references.card_visit, editable=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="card_visits")
    settlement = models.ForeignKey(
        Settlement, on_delete=models.PROTECT, null=True, blank=True, related_name="card_visits"
    )
    gateway = models.CharField(max_length=20)
    gateway_account = models.CharField(max_length=64)
    session_id = models.CharField(max_length=100, blank=True)
    url = models.URLField(max_length=500, blank=True)
    payment_method = models.ForeignKey(PaymentMethod, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    started_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    next_action_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("visit to the card page")
        verbose_name_plural = _("visits to the card page")
        ordering = ["-pk"]
        indexes = [
            models.Index(
                fields=["next_action_at"], name="card_visit_next_action", condition=Q(next_action_at__isnull=False)
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["gateway", "gateway_account", "session_id"],
                condition=~Q(session_id=""),
                name="card_visit_once_per_gateway_session",
            ),
        ]

    def __str__(self) -> str:
        return self.reference
