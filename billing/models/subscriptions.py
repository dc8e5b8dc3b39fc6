"""What is sold, and the services an account has."""

from __future__ import annotations

import datetime as dt
from typing import Self

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from .. import clock
from ..money import LARGEST_AMOUNT, PARTS_PER_MILLION, Money
from ..states import SERVICE_OFF, SUBSCRIPTION_TRANSITIONS, AccessLevel, DisabledReason, SubscriptionState
from . import references
from .accounts import Account
from .lines import LineField
from .sellers import Seller
from .stateful import Stateful


class Interval(models.TextChoices):
    MONTH = "month", _("month")
    YEAR = "year", _("year")


class TaxTreatment(models.TextChoices):
    STANDARD = "standard", _("standard rate")
    REDUCED = "reduced", _("reduced rate")
    REVERSE_CHARGE = "reverse_charge", _("reverse charge")
    EXEMPT = "exempt", _("exempt")
    OUTSIDE_SCOPE = "outside_scope", _("outside the scope")


def sane_numbers(table: str) -> list[models.BaseConstraint]:
    """Return the bounds of a price and of its tax rate."""
    return [
        models.CheckConstraint(
            condition=Q(price__gte=0, price__lte=LARGEST_AMOUNT), name=f"{table}_price_is_not_too_large"
        ),
        models.CheckConstraint(
            condition=Q(tax_rate__gte=0, tax_rate__lte=PARTS_PER_MILLION), name=f"{table}_tax_is_at_most_the_price"
        ),
    ]


UNTAXED = (TaxTreatment.REVERSE_CHARGE, TaxTreatment.EXEMPT, TaxTreatment.OUTSIDE_SCOPE)


class Plan(models.Model):
    """Something a seller sells at a price per interval; prices are without tax."""

    seller = models.ForeignKey(Seller, on_delete=models.PROTECT, related_name="plans")
    name = LineField(_("name"), max_length=100)
    price = models.PositiveBigIntegerField(_("price"), help_text=_("minor units, without tax"))
    currency = models.CharField(_("currency"), max_length=3)
    tax_rate = models.PositiveIntegerField(_("tax rate"), help_text=_("parts per million: 210000 is 21 %"))
    interval = models.CharField(_("interval"), max_length=8, choices=Interval, default=Interval.MONTH)

    class Meta:
        verbose_name = _("plan")
        verbose_name_plural = _("plans")
        ordering = ["name"]
        constraints = sane_numbers("plan")

    def __str__(self) -> str:
        return self.name


class SubscriptionQuerySet(models.QuerySet["Subscription"]):
    def for_account(self, account: Account) -> Self:
        return self.filter(account=account)

    def invoiceable(self, *, at: dt.datetime) -> Self:
        """Services that run and whose next period has begun to be due for invoicing."""
        return self.filter(next_invoice_at__lte=at).exclude(state__in=SERVICE_OFF)

    def escalating(self, *, at: dt.datetime) -> Self:
        """Services whose announced next move is due."""
        return self.filter(next_action_at__lte=at)

    def leaving(self, *, at: dt.datetime) -> Self:
        """Services whose last paid period, after which the customer wants them gone, is over."""
        return self.filter(leaves_at__lte=at)

    def purging(self) -> Self:
        """Canceled services whose data the product has been asked to delete."""
        return self.filter(state=SubscriptionState.CANCELED, deletion_due_at__isnull=False)

    def unheard(self, *, at: dt.datetime) -> Self:
        """Services that are on again, and after which the product has not asked in time."""
        return self.filter(answer_due_at__lte=at)


class Subscription(Stateful):
    """
    A service an account has, at a price per interval.

    ``billing.standing`` is the only writer of ``state`` and of the moments beside it.
    """

    TRANSITIONS = SUBSCRIPTION_TRANSITIONS

    reference = models.CharField(max_length=24, unique=True, default=references.subscription, editable=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="subscriptions")
    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="subscriptions")
    seller = models.ForeignKey(Seller, on_delete=models.PROTECT, related_name="subscriptions")
    name = LineField(_("name"), max_length=100)
    product_reference = models.CharField(_("reference in the product"), max_length=100, blank=True)
    price = models.PositiveBigIntegerField(_("price"), help_text=_("minor units, without tax"))
    currency = models.CharField(_("currency"), max_length=3)
    tax_rate = models.PositiveIntegerField(_("tax rate"), help_text=_("parts per million: 210000 is 21 %"))
    tax_treatment = models.CharField(
        _("tax treatment"), max_length=16, choices=TaxTreatment, default=TaxTreatment.STANDARD
    )
    interval = models.CharField(_("interval"), max_length=8, choices=Interval, default=Interval.MONTH)
    anchor_day = models.PositiveSmallIntegerField(_("anchor day"))
    started_on = models.DateField(_("started"))
    next_period_on = models.DateField(_("next period starts"))
    next_invoice_at = models.DateTimeField(_("next invoice"), null=True, blank=True)

    state = models.CharField(_("state"), max_length=12, choices=SubscriptionState, default=SubscriptionState.ACTIVE)
    disabled_reasons = models.JSONField(_("why it is off"), default=list, blank=True)
    warned_at = models.DateTimeField(_("warned"), null=True, blank=True)
    suspend_at = models.DateTimeField(_("announced stop"), null=True, blank=True)
    suspended_at = models.DateTimeField(_("stopped"), null=True, blank=True)
    cancel_at = models.DateTimeField(_("announced cancellation"), null=True, blank=True)
    canceled_at = models.DateTimeField(_("canceled"), null=True, blank=True)
    delete_on = models.DateField(_("data deleted on"), null=True, blank=True)
    keep_until = models.DateTimeField(
        _("data kept until"), null=True, blank=True, help_text=_("whole days from the cancellation, to the second")
    )
    deletion_due_at = models.DateTimeField(_("deletion asked for"), null=True, blank=True)
    deleted_at = models.DateTimeField(_("deleted"), null=True, blank=True)
    leaves_at = models.DateTimeField(_("canceled by the customer from"), null=True, blank=True)
    product_asked_at = models.DateTimeField(_("the product asked"), null=True, blank=True)
    product_level = models.CharField(_("what the product was told"), max_length=12, choices=AccessLevel, blank=True)
    answer_due_at = models.DateTimeField(_("the product should have asked"), null=True, blank=True)
    next_action_at = models.DateTimeField(_("next move due"), null=True, blank=True)

    objects = SubscriptionQuerySet.as_manager()

    class Meta:
        verbose_name = _("subscription")
        verbose_name_plural = _("subscriptions")
        ordering = ["pk"]
        indexes = [
            models.Index(
                fields=["next_invoice_at"],
                name="subscription_next_invoice",
                condition=Q(next_invoice_at__isnull=False),
            ),
            models.Index(
                fields=["next_action_at"], name="subscription_next_action", condition=Q(next_action_at__isnull=False)
            ),
            models.Index(fields=["leaves_at"], name="subscription_leaves", condition=Q(leaves_at__isnull=False)),
            models.Index(
                fields=["answer_due_at"], name="subscription_unheard", condition=Q(answer_due_at__isnull=False)
            ),
        ]
        constraints = [
            *sane_numbers("subscription"),
            models.CheckConstraint(
                condition=Q(state__in=SubscriptionState.values), name="subscription_has_a_known_state"
            ),
            models.CheckConstraint(
                condition=Q(anchor_day__gte=1, anchor_day__lte=31), name="subscription_anchor_is_a_day_of_the_month"
            ),
            models.CheckConstraint(
                condition=~Q(state="suspended") | Q(suspended_at__isnull=False),
                name="subscription_suspended_says_since_when",
            ),
            models.CheckConstraint(
                condition=~Q(state="canceled")
                | Q(canceled_at__isnull=False, delete_on__isnull=False, keep_until__isnull=False),
                name="subscription_canceled_says_when_data_goes",
            ),
            models.CheckConstraint(
                condition=Q(warned_at__isnull=True) | Q(suspend_at__isnull=True) | Q(suspend_at__gt=F("warned_at")),
                name="subscription_stops_after_its_warning",
            ),
            models.CheckConstraint(
                condition=~Q(state="deleted") | Q(deleted_at__isnull=False), name="subscription_deleted_says_when"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def price_money(self) -> Money:
        return Money(self.price, self.currency)

    @property
    def is_off(self) -> bool:
        return self.state in SERVICE_OFF

    @property
    def is_purging(self) -> bool:
        return self.state == SubscriptionState.CANCELED and self.deletion_due_at is not None

    @property
    def is_canceled_by_customer(self) -> bool:
        return self.state == SubscriptionState.CANCELED and DisabledReason.CUSTOMER_CANCEL in self.disabled_reasons

    def today(self, at: dt.datetime) -> dt.date:
        return clock.local_date(at, self.account.time_zone)
