"""What pauses dunning: of an account, of one invoice, or of everything a seller is owed."""

from __future__ import annotations

import datetime as dt
from typing import Self

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from . import references
from .accounts import Account
from .invoices import Invoice
from .people import User
from .sellers import Seller


class HoldKind(models.TextChoices):
    TRANSFER = "transfer", _("a bank transfer is on its way")
    PROMISE = "promise", _("promised to pay")
    DISPUTE = "dispute", _("disputed")
    SUPPORT = "support", _("a question to support")
    RECOVERY = "recovery", _("access is being recovered")
    INSOLVENCY = "insolvency", _("insolvency")
    LEGAL = "legal", _("legal")
    STAFF = "staff", _("kept on by staff")
    GRACE = "grace", _("emergency grace")
    SELLER_PAUSE = "seller_pause", _("paused for a seller")


class HoldQuerySet(models.QuerySet["Hold"]):
    def in_force(self, *, at: dt.datetime) -> Self:
        """Begun, not over and not lifted."""
        return self.filter(starts_at__lte=at, ends_at__gt=at, lifted_at__isnull=True)

    def due(self, *, at: dt.datetime) -> Self:
        """Those to look at: over, or with nothing left to wait for."""
        return self.filter(next_action_at__lte=at)

    def for_account(self, account: Account) -> Self:
        """Of the account or of one of its invoices; pauses of a seller are not the account's."""
        return self.filter(account=account)


class Hold(models.Model):
    """
    Pauses dunning of an account, of one of its invoices, or of a seller, until a moment.

    It always has an end, a reason and an author; lifting it early is written on the row.
    """

    reference = models.CharField(max_length=24, unique=True, default=references.hold, editable=False)
    kind = models.CharField(_("kind"), max_length=16, choices=HoldKind)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, null=True, blank=True, related_name="holds")
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, null=True, blank=True, related_name="holds")
    seller = models.ForeignKey(Seller, on_delete=models.PROTECT, null=True, blank=True, related_name="holds")
    reason = models.CharField(_("reason"), max_length=200)
    starts_at = models.DateTimeField(_("from"))
    ends_at = models.DateTimeField(_("until"))
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    lifted_at = models.DateTimeField(_("lifted"), null=True, blank=True)
    lifted_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    next_action_at = models.DateTimeField(_("end to be handled"), null=True, blank=True)

    objects = HoldQuerySet.as_manager()

    class Meta:
        verbose_name = _("hold")
        verbose_name_plural = _("holds")
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["account"], name="hold_open_of_account", condition=Q(lifted_at__isnull=True)),
            models.Index(fields=["next_action_at"], name="hold_next_action", condition=Q(next_action_at__isnull=False)),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=HoldKind.values), name="hold_has_a_known_kind"),
            models.CheckConstraint(condition=~Q(reason=""), name="hold_has_a_reason"),
            models.CheckConstraint(condition=Q(ends_at__gt=models.F("starts_at")), name="hold_ends_after_it_starts"),
            models.CheckConstraint(
                condition=Q(kind="seller_pause", seller__isnull=False, account__isnull=True, invoice__isnull=True)
                | (~Q(kind="seller_pause") & Q(account__isnull=False)),
                name="hold_is_of_an_account_or_pauses_a_seller",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} · {self.account or self.seller}"

    @property
    def over_at(self) -> dt.datetime:
        """When it ends, or ended."""
        return min(self.ends_at, self.lifted_at or self.ends_at)

    def touches(self, invoice: Invoice) -> bool:
        """Whether it is of the invoice, of its whole account, or of its seller."""
        if self.account_id is None:
            return self.seller_id == invoice.seller_id
        return self.account_id == invoice.account_id and self.invoice_id in (None, invoice.pk)

    def is_in_force(self, *, at: dt.datetime) -> bool:
        return self.starts_at <= at < self.ends_at and self.lifted_at is None

    @property
    def moves_the_ladder(self) -> bool:
        """
        Say whether the steps after it count from a later date.

        After a broken promise, and a charge that was contested with the bank (which has no author
        here), the warning is due at once, with its full lead.
        """
        is_contested_charge = self.kind == HoldKind.DISPUTE and self.created_by_id is None
        return self.kind != HoldKind.PROMISE and not is_contested_charge
