"""The legal entities that sell."""

from __future__ import annotations

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from .lines import LineField

# With the year and five digits after it, and RF and its check before it, a creditor reference of at most 25 characters.
INVOICE_SERIES = r"\A[A-Z0-9]{1,10}\Z"


class Seller(models.Model):
    """A legal entity that sells subscriptions, numbers its own invoices and is paid on its own."""

    name = LineField(_("legal name"), max_length=200)
    street = LineField(_("street and number"), max_length=200)
    postal_code = LineField(_("postal code"), max_length=20)
    city = LineField(_("city"), max_length=100)
    country = models.CharField(_("country"), max_length=2, help_text=_("ISO 3166-1 alpha-2"))
    vat_id = models.CharField(_("VAT number"), max_length=20)
    register_number = models.CharField(_("company register number"), max_length=30)
    currency = models.CharField(_("own currency"), max_length=3, default="EUR")
    iban = models.CharField("IBAN", max_length=34)
    bic = models.CharField("BIC", max_length=11)
    account_holder = LineField(
        _("account holder"), max_length=70, help_text=_("Exactly as the bank knows it: payers' banks compare names.")
    )
    invoice_series = models.CharField(
        _("invoice series"),
        max_length=10,
        unique=True,
        validators=[RegexValidator(INVOICE_SERIES, _("Give 1 to 10 capitals and digits, without spaces or signs."))],
        help_text=_("Capitals and digits, such as EX: the payment reference of each invoice is made of it."),
    )
    gateway_account = models.CharField(
        _("gateway account"), max_length=64, help_text=_("Sellers that share one can charge the same stored card.")
    )

    class Meta:
        verbose_name = _("seller")
        verbose_name_plural = _("sellers")
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(invoice_series__regex=INVOICE_SERIES), name="seller_invoice_series_is_capitals_and_digits"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class DocumentKind(models.TextChoices):
    """What is numbered, each in a series of its own."""

    INVOICE = "invoice", _("invoice")
    CREDIT_NOTE = "credit_note", _("credit note")


class NumberSeries(models.Model):
    """The last number a seller has given in a year to a kind of document; taken in the transaction that uses it."""

    seller = models.ForeignKey(Seller, on_delete=models.PROTECT, related_name="number_series")
    kind = models.CharField(_("numbers"), max_length=12, choices=DocumentKind, default=DocumentKind.INVOICE)
    year = models.PositiveSmallIntegerField()
    last = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name = _("number series")
        verbose_name_plural = _("number series")
        constraints = [
            models.UniqueConstraint(
                fields=["seller", "kind", "year"], name="number_series_once_per_seller_kind_and_year"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.seller} {self.get_kind_display()} {self.year}"
