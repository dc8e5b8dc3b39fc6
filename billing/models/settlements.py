"""What a person consented to pay, and their visit to the gateway's card page."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from ..money import Money
from . import references
from .accounts import Account
from .invoices import Invoice
from .payment_methods import PaymentMethod
from .people import User


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
    is_everything = models.BooleanField(_("everything that was due"), default=True)
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
