"""What corrects an invoice without editing it: credit notes, and what is written off."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from ..money import Money
from . import references
from .accounts import Account
from .invoices import Invoice, InvoiceLine
from .people import User
from .sellers import Seller
from .subscriptions import TaxTreatment


class CreditReason(models.TextChoices):
    CORRECTION = "correction", _("the invoice was wrong")
    UNDELIVERED = "undelivered", _("not delivered after the cancellation")
    GOODWILL = "goodwill", _("goodwill")


class CreditNoteQuerySet(models.QuerySet["CreditNote"]):
    def for_account(self, account: Account) -> Self:
        return self.filter(account=account)

    def unapplied(self) -> Self:
        """Credit of which some is not applied to an invoice."""
        return self.filter(unapplied__gt=0)


class CreditNote(models.Model):
    """
    A numbered document that takes back part or all of one invoice; amounts are positive minor units.

    Parties are frozen as on the invoice. What the invoice no longer needs of it is unapplied credit.
    """

    reference = models.CharField(max_length=24, unique=True, default=references.credit_note, editable=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="credit_notes")
    seller = models.ForeignKey(Seller, on_delete=models.PROTECT, related_name="credit_notes")
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="credit_notes")
    number = models.CharField(_("number"), max_length=32, unique=True, editable=False)
    currency = models.CharField(_("currency"), max_length=3)
    net = models.PositiveBigIntegerField(_("total without tax"))
    tax = models.PositiveBigIntegerField(_("tax"))
    total = models.PositiveBigIntegerField(_("total"))
    tax_currency = models.CharField(_("tax currency"), max_length=3)
    tax_in_seller_currency = models.BigIntegerField(_("tax in the seller's currency"), null=True, blank=True)
    unapplied = models.PositiveBigIntegerField(_("not applied to an invoice"), default=0)
    reason = models.CharField(_("reason"), max_length=16, choices=CreditReason)
    note = models.CharField(_("note"), max_length=200, blank=True)
    buyer = models.JSONField(_("buyer"), default=dict)
    seller_details = models.JSONField(_("seller"), default=dict)
    issued_on = models.DateField(_("date"))
    created_at = models.DateTimeField(_("made"))
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, blank=True, related_name="+")

    objects = CreditNoteQuerySet.as_manager()

    class Meta:
        verbose_name = _("credit note")
        verbose_name_plural = _("credit notes")
        ordering = ["-issued_on", "-pk"]
        indexes = [models.Index(fields=["account"], name="credit_note_unapplied", condition=Q(unapplied__gt=0))]
        constraints = [
            models.CheckConstraint(condition=Q(total__gt=0), name="credit_note_is_of_something"),
            models.CheckConstraint(condition=Q(total=F("net") + F("tax")), name="credit_note_total_is_net_and_tax"),
            models.CheckConstraint(
                condition=Q(unapplied__lte=F("total")), name="credit_note_unapplied_is_part_of_its_total"
            ),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def total_money(self) -> Money:
        return Money(self.total, self.currency)


class CreditNoteLine(models.Model):
    """What is taken back of one line of the invoice, at that line's tax."""

    credit_note = models.ForeignKey(CreditNote, on_delete=models.PROTECT, related_name="lines")
    invoice_line = models.ForeignKey(InvoiceLine, on_delete=models.PROTECT, related_name="credit_note_lines")
    description = models.CharField(_("description"), max_length=200)
    net = models.PositiveBigIntegerField(_("amount without tax"))
    tax_treatment = models.CharField(_("tax treatment"), max_length=16, choices=TaxTreatment)
    tax_rate = models.PositiveIntegerField(_("tax rate"), help_text=_("parts per million"))
    tax = models.PositiveBigIntegerField(_("tax"))

    class Meta:
        verbose_name = _("credit note line")
        verbose_name_plural = _("credit note lines")
        ordering = ["pk"]

    def __str__(self) -> str:
        return self.description


class WriteOffKind(models.TextChoices):
    BAD_DEBT = "bad_debt", _("will not be paid")
    TOLERANCE = "tolerance", _("too small to ask for")


class WriteOffQuerySet(models.QuerySet["WriteOff"]):
    def waiting(self) -> Self:
        """Asked for, and decided by nobody yet."""
        return self.filter(approved_at__isnull=True, rejected_at__isnull=True)

    def in_force(self) -> Self:
        """Approved and not reversed."""
        return self.filter(approved_at__isnull=False, reversed_at__isnull=True)


class WriteOff(models.Model):
    """
    What is left of an invoice and will not be asked for.

    A bad debt makes the invoice uncollectible; a difference within the tolerance pays it.
    Above a limit it waits for a second person; money that comes after all reverses it.
    """

    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="write_offs")
    kind = models.CharField(_("kind"), max_length=16, choices=WriteOffKind)
    amount = models.PositiveBigIntegerField(_("amount"), help_text=_("minor units of the invoice's currency"))
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    requested_at = models.DateTimeField(_("asked for"))
    requested_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    approved_at = models.DateTimeField(_("approved"), null=True, blank=True)
    approved_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    rejected_at = models.DateTimeField(_("rejected"), null=True, blank=True)
    rejected_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    reversed_at = models.DateTimeField(_("reversed"), null=True, blank=True)

    objects = WriteOffQuerySet.as_manager()

    class Meta:
        verbose_name = _("write-off")
        verbose_name_plural = _("write-offs")
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="write_off_is_of_something"),
            models.CheckConstraint(
                condition=Q(approved_by__isnull=True)
                | Q(requested_by__isnull=True)
                | ~Q(approved_by=F("requested_by"))
                | Q(approved_at=F("requested_at")),
                name="write_off_approved_later_by_another_person",
            ),
            models.UniqueConstraint(
                fields=["invoice"],
                condition=Q(approved_at__isnull=True, rejected_at__isnull=True),
                name="write_off_one_waiting_per_invoice",
            ),
            models.CheckConstraint(
                condition=Q(approved_at__isnull=True) | Q(rejected_at__isnull=True), name="write_off_decided_once"
            ),
            models.CheckConstraint(
                condition=Q(reversed_at__isnull=True) | Q(approved_at__isnull=False),
                name="write_off_reversed_after_it_was_approved",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.invoice} · {self.get_kind_display()}"

    @property
    def money(self) -> Money:
        return Money(self.amount, self.invoice.currency)
