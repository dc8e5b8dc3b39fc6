"""The receivables ledger."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from .accounts import Account
from .corrections import CreditNote, WriteOff
from .invoices import Invoice
from .money_back import Dispute, Refund, Return
from .payments import Payment
from .sellers import Seller


class EntryKind(models.TextChoices):
    """What moved: plus is owed more, minus is owed less."""

    INVOICE = "invoice", _("invoice")
    VOID = "void", _("invoice made void")
    PAYMENT = "payment", _("payment")
    CREDIT_NOTE = "credit_note", _("credit note")
    REFUND = "refund", _("refund")
    REFUND_FAILED = "refund_failed", _("refund that failed")
    RETURN = "return", _("payment returned by the bank")
    DISPUTE_LOST = "dispute_lost", _("dispute lost")
    WRITE_OFF = "write_off", _("write-off")
    WRITE_OFF_REVERSED = "write_off_reversed", _("write-off reversed")


# The column that names what caused an entry of a kind.
CAUSES = {
    EntryKind.INVOICE: "invoice",
    EntryKind.VOID: "invoice",
    EntryKind.PAYMENT: "payment",
    EntryKind.CREDIT_NOTE: "credit_note",
    EntryKind.REFUND: "refund",
    EntryKind.REFUND_FAILED: "refund",
    EntryKind.RETURN: "returned",
    EntryKind.DISPUTE_LOST: "dispute",
    EntryKind.WRITE_OFF: "write_off",
    EntryKind.WRITE_OFF_REVERSED: "write_off",
}


def _has_its_cause() -> Q:
    condition = Q()
    for kind, column in CAUSES.items():
        condition |= Q(kind=kind, **{f"{column}__isnull": False})
    return condition


class LedgerEntry(models.Model):
    """
    One movement of what an account owes a seller in a currency: plus for an invoice, minus for money.

    The sum of a group always equals its open invoice balances minus its unapplied credit.
    """

    kind = models.CharField(_("kind"), max_length=20, choices=EntryKind)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="ledger_entries")
    seller = models.ForeignKey(Seller, on_delete=models.PROTECT, related_name="ledger_entries")
    currency = models.CharField(_("currency"), max_length=3)
    amount = models.BigIntegerField(_("amount"), help_text=_("minor units, signed"))
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, null=True, related_name="ledger_entries")
    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, null=True, related_name="ledger_entries")
    credit_note = models.ForeignKey(CreditNote, on_delete=models.PROTECT, null=True, related_name="ledger_entries")
    refund = models.ForeignKey(Refund, on_delete=models.PROTECT, null=True, related_name="ledger_entries")
    returned = models.ForeignKey(Return, on_delete=models.PROTECT, null=True, related_name="ledger_entries")
    dispute = models.ForeignKey(Dispute, on_delete=models.PROTECT, null=True, related_name="ledger_entries")
    write_off = models.ForeignKey(WriteOff, on_delete=models.PROTECT, null=True, related_name="ledger_entries")
    at = models.DateTimeField(_("at"))

    class Meta:
        verbose_name = _("ledger entry")
        verbose_name_plural = _("ledger entries")
        ordering = ["pk"]
        indexes = [models.Index(fields=["account", "seller", "currency"], name="ledger_entry_group")]
        constraints = [
            *(
                models.UniqueConstraint(
                    fields=[column], condition=Q(kind=kind), name=f"ledger_entry_once_per_{kind.value}"
                )
                for kind, column in CAUSES.items()
            ),
            models.CheckConstraint(condition=_has_its_cause(), name="ledger_entry_has_its_cause"),
        ]

    def __str__(self) -> str:
        return f"{self.amount} {self.currency}"
