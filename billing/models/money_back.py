"""Money that goes back: refunds, bank debits that are returned, and disputed charges."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from ..money import Money
from ..states import (
    DISPUTE_TRANSITIONS,
    LIVE_REFUND_STATES,
    OPEN_DISPUTE_STATES,
    REFUND_TRANSITIONS,
    DisputeState,
    RefundState,
)
from . import references
from .accounts import Account
from .corrections import CreditNote
from .payments import Payment, new_key
from .people import User
from .sellers import Seller
from .stateful import Stateful


class RefundDestination(models.TextChoices):
    ORIGINAL = "original", _("to the card that paid")
    BANK = "bank", _("by bank transfer")


class RefundQuerySet(models.QuerySet["Refund"]):
    def for_account(self, account: Account) -> Self:
        return self.filter(account=account)

    def open(self) -> Self:
        """Neither paid out nor given up."""
        return self.filter(state__in=(RefundState.REQUESTED, RefundState.PENDING, RefundState.UNKNOWN))

    def undecided(self) -> Self:
        """On their way to a card: the gateway knows what became of them."""
        return self.filter(destination=RefundDestination.ORIGINAL, state__in=LIVE_REFUND_STATES)

    def set_aside(self) -> Self:
        """Refunds whose money has left its payment or credit note."""
        return self.exclude(state__in=(RefundState.FAILED, RefundState.REJECTED))


class Refund(Stateful):
    """
    Unapplied credit of a payment or a credit note that is given back.

    The credit is set aside when the refund is asked for, so that it is spent once; a refund
    that fails or is rejected gives it back. To a card it goes ``through`` the payment that
    was charged; by bank it takes two people.
    """

    TRANSITIONS = REFUND_TRANSITIONS

    reference = models.CharField(max_length=24, unique=True, default=references.refund, editable=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="refunds")
    seller = models.ForeignKey(Seller, on_delete=models.PROTECT, related_name="refunds")
    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, null=True, blank=True, related_name="refunds")
    credit_note = models.ForeignKey(CreditNote, on_delete=models.PROTECT, null=True, blank=True, related_name="refunds")
    through = models.ForeignKey(
        Payment,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="refunds_through",
        verbose_name=_("to the card of"),
    )
    amount = models.PositiveBigIntegerField(_("amount"), help_text=_("minor units"))
    currency = models.CharField(_("currency"), max_length=3)
    destination = models.CharField(_("goes"), max_length=16, choices=RefundDestination)
    iban = models.CharField("IBAN", max_length=34, blank=True)
    account_holder = models.CharField(_("account holder"), max_length=70, blank=True)
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    state = models.CharField(_("state"), max_length=16, choices=RefundState, default=RefundState.REQUESTED)
    idempotency_key = models.CharField(max_length=64, unique=True, default=new_key, editable=False)
    gateway_reference = models.CharField(_("gateway reference"), max_length=100, blank=True)
    bank_reference = models.CharField(_("bank's reference"), max_length=100, blank=True)
    requested_at = models.DateTimeField(_("asked for"))
    requested_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    approved_at = models.DateTimeField(_("approved"), null=True, blank=True)
    approved_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    asked_at = models.DateTimeField(_("first asked at the gateway"), null=True, blank=True)
    settled_at = models.DateTimeField(_("decided"), null=True, blank=True)
    next_action_at = models.DateTimeField(_("next check due"), null=True, blank=True)
    checks = models.PositiveSmallIntegerField(_("times checked"), default=0)

    objects = RefundQuerySet.as_manager()

    class Meta:
        verbose_name = _("refund")
        verbose_name_plural = _("refunds")
        ordering = ["-pk"]
        indexes = [
            models.Index(
                fields=["next_action_at"], name="refund_next_action", condition=Q(next_action_at__isnull=False)
            ),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="refund_is_of_something"),
            models.CheckConstraint(condition=Q(state__in=RefundState.values), name="refund_has_a_known_state"),
            models.CheckConstraint(
                condition=Q(payment__isnull=False, credit_note__isnull=True)
                | Q(payment__isnull=True, credit_note__isnull=False),
                name="refund_comes_from_one_place",
            ),
            models.CheckConstraint(
                condition=~Q(destination="bank") | (~Q(iban="") & ~Q(account_holder="")),
                name="refund_by_bank_says_to_which_account",
            ),
            models.CheckConstraint(
                condition=~Q(destination="original") | Q(through__isnull=False),
                name="refund_to_a_card_says_through_which_payment",
            ),
            models.CheckConstraint(
                condition=~Q(destination="bank")
                | ~Q(state__in=("pending", "succeeded"))
                | Q(approved_by__isnull=False),
                name="refund_by_bank_is_approved_before_it_is_paid",
            ),
            models.UniqueConstraint(
                fields=["through", "gateway_reference"],
                condition=~Q(gateway_reference=""),
                name="refund_once_per_gateway_reference",
            ),
            models.CheckConstraint(
                condition=~Q(destination="bank")
                | Q(approved_by__isnull=True)
                | (Q(requested_by__isnull=False) & ~Q(approved_by=F("requested_by"))),
                name="refund_by_bank_takes_two_people",
            ),
        ]

    def __str__(self) -> str:
        return self.reference

    @property
    def money(self) -> Money:
        return Money(self.amount, self.currency)


class Return(models.Model):
    """A payment that the payer's bank took back, in full or in part, days after it succeeded."""

    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="returns")
    amount = models.PositiveBigIntegerField(_("amount"), help_text=_("minor units"))
    reason_code = models.CharField(_("reason (ISO 20022)"), max_length=8, blank=True)
    bank_reference = models.CharField(_("bank's reference"), max_length=100)
    at = models.DateTimeField(_("returned"))

    class Meta:
        verbose_name = _("return")
        verbose_name_plural = _("returns")
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="return_is_of_something"),
            models.UniqueConstraint(fields=["payment", "bank_reference"], name="return_once_per_bank_reference"),
        ]

    def __str__(self) -> str:
        return f"{self.payment} ↩ {self.bank_reference}"

    @property
    def money(self) -> Money:
        return Money(self.amount, self.payment.currency)


class DisputeQuerySet(models.QuerySet["Dispute"]):
    def open(self) -> Self:
        return self.filter(state__in=OPEN_DISPUTE_STATES)


class Dispute(Stateful):
    """
    A charge that the card's holder contests with their bank; only when it is lost has money gone back.

    ``taken`` is what was taken off the payment then: less than ``amount`` where part had been given back already.
    """

    TRANSITIONS = DISPUTE_TRANSITIONS

    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="disputes")
    amount = models.PositiveBigIntegerField(_("amount"), help_text=_("minor units"))
    taken = models.PositiveBigIntegerField(_("taken back"), default=0)
    reason = models.CharField(_("reason"), max_length=40, blank=True)
    state = models.CharField(_("state"), max_length=16, choices=DisputeState, default=DisputeState.NEEDS_RESPONSE)
    gateway_reference = models.CharField(_("gateway reference"), max_length=100)
    respond_by = models.DateTimeField(_("answer due"), null=True, blank=True)
    opened_at = models.DateTimeField(_("opened"))
    closed_at = models.DateTimeField(_("closed"), null=True, blank=True)

    objects = DisputeQuerySet.as_manager()

    class Meta:
        verbose_name = _("dispute")
        verbose_name_plural = _("disputes")
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="dispute_is_of_something"),
            models.UniqueConstraint(fields=["payment", "gateway_reference"], name="dispute_once_per_gateway_reference"),
            models.CheckConstraint(
                condition=~Q(state__in=("won", "lost")) | Q(closed_at__isnull=False), name="dispute_closed_says_when"
            ),
            models.CheckConstraint(
                condition=Q(taken=0) | Q(state="lost", taken__lte=F("amount")), name="dispute_takes_only_when_lost"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.payment} · {self.get_state_display()}"

    @property
    def money(self) -> Money:
        return Money(self.amount, self.payment.currency)
