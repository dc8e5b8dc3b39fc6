"""The receivables ledger."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from .accounts import Account
from .invoices import Invoice
from .payments import Payment
from .sellers import Seller


class LedgerEntry(models.Model):
    """
    One movement of what an account owes a seller in a currency: plus for an invoice, minus for money.

    The sum of a group always equals its open invoice balances minus its unapplied credit.
    """

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="ledger_entries")
    seller = models.ForeignKey(Seller, on_delete=models.PROTECT, related_name="ledger_entries")
    currency = models.CharField(_("currency"), max_length=3)
    amount = models.BigIntegerField(_("amount"), help_text=_("minor units, signed"))
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, null=True, related_name="ledger_entries")
    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, null=True, related_name="ledger_entries")
    at = models.DateTimeField(_("at"))

    class Meta:
        verbose_name = _("ledger entry")
        verbose_name_plural = _("ledger entries")
        ordering = ["pk"]
        indexes = [models.Index(fields=["account", "seller", "currency"], name="ledger_entry_group")]
        constraints = [
            models.UniqueConstraint(
                fields=["invoice"], condition=Q(payment__isnull=True), name="ledger_entry_once_per_invoice"
            ),
            models.UniqueConstraint(
                fields=["payment"], condition=Q(invoice__isnull=True), name="ledger_entry_once_per_payment"
            ),
            models.CheckConstraint(
                condition=Q(invoice__isnull=False) | Q(payment__isnull=False), name="ledger_entry_has_a_cause"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount} {self.currency}"
