"""What paid which invoice."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from .corrections import CreditNote, WriteOff
from .invoices import Invoice
from .payments import Payment


class Allocation(models.Model):
    """
    Money of a payment, credit of a credit note, or a small difference written off, applied to an invoice.

    Only ever added: taking money back off an invoice is a row with a negative amount.
    """

    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, null=True, related_name="allocations")
    credit_note = models.ForeignKey(CreditNote, on_delete=models.PROTECT, null=True, related_name="allocations")
    write_off = models.ForeignKey(WriteOff, on_delete=models.PROTECT, null=True, related_name="allocations")
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="allocations")
    amount = models.BigIntegerField(_("amount"), help_text=_("minor units, negative when taken back"))
    at = models.DateTimeField(_("applied"))

    class Meta:
        verbose_name = _("allocation")
        verbose_name_plural = _("allocations")
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(condition=~Q(amount=0), name="allocation_is_of_something"),
            models.CheckConstraint(
                condition=Q(payment__isnull=False, credit_note__isnull=True, write_off__isnull=True)
                | Q(payment__isnull=True, credit_note__isnull=False, write_off__isnull=True)
                | Q(payment__isnull=True, credit_note__isnull=True, write_off__isnull=False),
                name="allocation_comes_from_one_place",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.payment or self.credit_note or self.write_off} → {self.invoice}"
