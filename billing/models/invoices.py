"""Invoices: what is owed, to whom, for what, and by when."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from typing import Any, Self

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from ..money import Money
from ..states import INVOICE_TRANSITIONS, InvoiceState
from . import references
from .accounts import Account
from .exchange import ExchangeRate
from .sellers import Seller
from .stateful import Stateful
from .subscriptions import Subscription, TaxTreatment


class InvoiceQuerySet(models.QuerySet["Invoice"]):
    def for_account(self, account: Account) -> Self:
        return self.filter(account=account)

    def open(self) -> Self:
        return self.filter(state=InvoiceState.OPEN)

    def uncollectible(self) -> Self:
        """Written off: no longer asked for, and still owed."""
        return self.filter(state=InvoiceState.UNCOLLECTIBLE)

    def finalized(self) -> Self:
        return self.exclude(state=InvoiceState.DRAFT)

    def due(self, *, on: dt.date) -> Self:
        """Open, and the due date has come."""
        return self.open().filter(due_on__lte=on)

    def past_due(self, *, on: dt.date) -> Self:
        """Open, and the due date has gone."""
        return self.open().filter(due_on__lt=on)

    def owed(self, *, on: dt.date) -> Self:
        """What counts against a service: past due, or refused by the bank since it fell due."""
        return self.open().filter(Q(due_on__lt=on) | Q(refused_at__isnull=False))

    def naming(self, subscription: Subscription) -> Self:
        return self.filter(lines__subscription=subscription).distinct()

    def oldest_first(self) -> Self:
        return self.order_by("due_on", "pk")


class Invoice(Stateful):
    """
    A numbered document of one seller in one currency; amounts are minor units.

    Buyer and seller are frozen as they were. Once sent it is never voided: a
    correction is a credit note and a new invoice.
    """

    TRANSITIONS = INVOICE_TRANSITIONS

    reference = models.CharField(max_length=24, unique=True, default=references.invoice, editable=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="invoices")
    seller = models.ForeignKey(Seller, on_delete=models.PROTECT, related_name="invoices")
    number = models.CharField(_("number"), max_length=32, null=True, unique=True, editable=False)
    state = models.CharField(_("state"), max_length=16, choices=InvoiceState, default=InvoiceState.DRAFT)
    currency = models.CharField(_("currency"), max_length=3)
    net = models.BigIntegerField(_("total without tax"), default=0)
    tax = models.BigIntegerField(_("tax"), default=0)
    total = models.BigIntegerField(_("total"), default=0)
    amount_paid = models.BigIntegerField(_("paid"), default=0)
    tax_currency = models.CharField(_("tax currency"), max_length=3)
    tax_in_seller_currency = models.BigIntegerField(_("tax in the seller's currency"), null=True, blank=True)
    exchange_rate = models.ForeignKey(
        ExchangeRate,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("exchange rate of its tax"),
    )
    buyer = models.JSONField(_("buyer"), default=dict)
    seller_details = models.JSONField(_("seller"), default=dict)
    purchase_order_number = models.CharField(_("purchase-order number"), max_length=50, blank=True)
    creditor_reference = models.CharField(_("payment reference"), max_length=25, blank=True)
    issued_on = models.DateField(_("date"), null=True)
    due_on = models.DateField(_("due"), null=True)
    sent_at = models.DateTimeField(_("sent"), null=True, blank=True)
    void_reason = models.CharField(_("why it is void"), max_length=200, blank=True)
    paid_at = models.DateTimeField(_("paid in full"), null=True, blank=True)
    refused_at = models.DateTimeField(_("last refused"), null=True, blank=True)
    next_charge_at = models.DateTimeField(_("next automatic charge"), null=True, blank=True)
    next_action_at = models.DateTimeField(_("next notice due"), null=True, blank=True)
    version = models.PositiveIntegerField(default=1, help_text=_("grows whenever what is due changes"))

    objects = InvoiceQuerySet.as_manager()

    class Meta:
        verbose_name = _("invoice")
        verbose_name_plural = _("invoices")
        ordering = ["-issued_on", "-pk"]
        indexes = [
            models.Index(fields=["account", "-id"], name="invoice_account_newest"),
            models.Index(fields=["account", "due_on"], name="invoice_open_due", condition=Q(state="open")),
            models.Index(
                fields=["next_charge_at"],
                name="invoice_next_charge",
                condition=Q(state="open", next_charge_at__isnull=False),
            ),
            models.Index(
                fields=["next_action_at"],
                name="invoice_next_action",
                condition=Q(state="open", next_action_at__isnull=False),
            ),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=InvoiceState.values), name="invoice_has_a_known_state"),
            models.CheckConstraint(
                condition=Q(amount_paid__gte=0, amount_paid__lte=F("total")), name="invoice_paid_at_most_once"
            ),
            models.CheckConstraint(condition=Q(total=F("net") + F("tax")), name="invoice_total_is_net_and_tax"),
            models.CheckConstraint(
                condition=~Q(state="paid") | Q(amount_paid=F("total"), paid_at__isnull=False),
                name="invoice_paid_is_paid_in_full",
            ),
            models.CheckConstraint(
                condition=Q(state="draft") | Q(number__isnull=False, issued_on__isnull=False, due_on__isnull=False),
                name="invoice_finalized_has_number_and_dates",
            ),
            models.CheckConstraint(
                condition=Q(state="draft") | Q(tax_in_seller_currency__isnull=False),
                name="invoice_finalized_has_its_tax_in_the_seller_s_currency",
            ),
        ]

    def __str__(self) -> str:
        return self.number or self.reference

    @property
    def amount_due(self) -> int:
        """What is left to pay, in minor units; nothing once the invoice is not open."""
        return self.total - self.amount_paid if self.state == InvoiceState.OPEN else 0

    @property
    def total_money(self) -> Money:
        return Money(self.total, self.currency)

    @property
    def due_money(self) -> Money:
        return Money(self.amount_due, self.currency)

    @property
    def paid_money(self) -> Money:
        return Money(self.amount_paid, self.currency)

    def is_due(self, *, on: dt.date) -> bool:
        return self.state == InvoiceState.OPEN and self.due_on is not None and self.due_on <= on

    def is_past_due(self, *, on: dt.date) -> bool:
        return self.state == InvoiceState.OPEN and self.due_on is not None and self.due_on < on

    def is_owed(self, *, on: dt.date) -> bool:
        return self.is_past_due(on=on) or (self.state == InvoiceState.OPEN and self.refused_at is not None)

    def tax_by_rate(self) -> list[dict[str, Any]]:
        """Return net and tax per treatment and rate, for the foot of the document."""
        sums: dict[tuple[int, str], list[int]] = defaultdict(lambda: [0, 0])
        for line in self.lines.all():
            both = sums[line.tax_rate, line.tax_treatment]
            both[0] += line.net
            both[1] += line.tax
        return [
            {"tax_treatment": treatment, "tax_rate": rate, "net_sum": net, "tax_sum": tax}
            for (rate, treatment), (net, tax) in sorted(sums.items())
        ]


class InvoiceLine(models.Model):
    """One thing sold for one period, with its own tax treatment and rate."""

    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="lines")
    subscription = models.ForeignKey(
        Subscription, on_delete=models.PROTECT, null=True, blank=True, related_name="invoice_lines"
    )
    description = models.CharField(_("description"), max_length=200)
    quantity = models.PositiveIntegerField(_("quantity"), default=1)
    unit_price = models.BigIntegerField(_("unit price"))
    net = models.BigIntegerField(_("amount without tax"))
    tax_treatment = models.CharField(_("tax treatment"), max_length=16, choices=TaxTreatment)
    tax_rate = models.PositiveIntegerField(_("tax rate"), help_text=_("parts per million"))
    tax = models.BigIntegerField(_("tax"))
    period_start = models.DateField(_("from"), null=True, blank=True)
    period_end = models.DateField(_("until and including"), null=True, blank=True)
    replaces = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="replaced_by", verbose_name=_("replaces")
    )

    class Meta:
        verbose_name = _("invoice line")
        verbose_name_plural = _("invoice lines")
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["subscription", "period_start"],
                condition=Q(subscription__isnull=False, replaces__isnull=True),
                name="subscription_invoiced_once_per_period",
            ),
            models.CheckConstraint(
                condition=Q(net=F("unit_price") * F("quantity")), name="invoice_line_net_is_price_times_quantity"
            ),
        ]

    def __str__(self) -> str:
        return self.description
