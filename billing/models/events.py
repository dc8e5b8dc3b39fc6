"""What has happened, what the gateway told, and what a person must look at."""

from __future__ import annotations

import datetime as dt
from typing import Self

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from .accounts import Account
from .invoices import Invoice
from .payment_methods import PaymentMethod
from .payments import Payment
from .people import User
from .settlements import Settlement
from .subscriptions import Subscription


class EventQuerySet(models.QuerySet["Event"]):
    def for_account(self, account: Account) -> Self:
        return self.filter(account=account)

    def undispatched(self) -> Self:
        return self.filter(dispatched_at__isnull=True)


class Event(models.Model):
    """
    A fact, written in the transaction that made it true: the account's timeline and the outbox in one.

    It holds keys and codes, never names or addresses, so that people can be
    pseudonymised without touching history. Only ``dispatched_at`` is ever set later, once.
    """

    type = models.CharField(_("type"), max_length=50)
    at = models.DateTimeField(_("at"))
    key = models.CharField(max_length=150, null=True, blank=True, unique=True, help_text=_("an effect that runs once"))
    account = models.ForeignKey(Account, on_delete=models.PROTECT, null=True, related_name="events")
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, null=True, related_name="events")
    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, null=True, related_name="events")
    subscription = models.ForeignKey(Subscription, on_delete=models.PROTECT, null=True, related_name="events")
    payment_method = models.ForeignKey(PaymentMethod, on_delete=models.PROTECT, null=True, related_name="events")
    settlement = models.ForeignKey(Settlement, on_delete=models.PROTECT, null=True, related_name="events")
    ticket_reference = models.CharField(max_length=24, blank=True)
    regards = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, related_name="followed_by", help_text=_("the event it answers")
    )
    actor = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    codes = models.JSONField(_("codes"), default=dict)
    dispatched_at = models.DateTimeField(_("handed to mail"), null=True, blank=True)

    objects = EventQuerySet.as_manager()

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["account", "-id"], name="event_account_newest"),
            models.Index(fields=["id"], name="event_undispatched", condition=Q(dispatched_at__isnull=True)),
            models.Index(fields=["subscription", "type"], name="event_subscription_type"),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.at:%Y-%m-%d %H:%M}"


class TaskKind(models.TextChoices):
    ABNORMAL_NIGHT = "abnormal_night", _("a night stopped itself")
    AMOUNT_DIFFERS = "amount_differs", _("the gateway charged another amount")
    PAYMENT_UNKNOWN = "payment_unknown", _("a payment stays unknown")
    PAYMENT_MISSING = "payment_missing", _("the gateway does not know a payment of ours")
    CHARGE_UNEXPLAINED = "charge_unexplained", _("the gateway has a charge that we do not know")
    DOUBLE_CHARGE = "double_charge", _("paid twice")
    REFUND_UNKNOWN = "refund_unknown", _("a refund stays unknown")
    REFUND_FAILED = "refund_failed", _("a refund failed")
    REFUND_BY_BANK = "refund_by_bank", _("a refund by bank waits")
    REFUND_MISSING = "refund_missing", _("the gateway does not know a refund of ours")
    REFUND_UNEXPLAINED = "refund_unexplained", _("the gateway has a refund that we do not know")
    DISPUTE_OPENED = "dispute_opened", _("a charge is disputed")
    DISPUTE_BEYOND = "dispute_beyond", _("a lost dispute took what had been given back")
    DECIDE_SUSPENSION = "decide_suspension", _("a suspension waits for a decision")
    ACCOUNT_FAILED = "account_failed", _("a job failed for an account")
    WEBHOOK_STUCK = "webhook_stuck", _("a webhook cannot be processed")
    RATE_MISSING = "rate_missing", _("invoices wait for an exchange rate")
    VOID_WAS_SENT = "void_was_sent", _("a mail about a void invoice went out")
    WRITE_OFF_WAITS = "write_off_waits", _("a write-off waits for a second person")
    NO_RECIPIENT = "no_recipient", _("a notice reaches nobody")
    PURGE_UNANSWERED = "purge_unanswered", _("a deletion is not acknowledged")
    PRODUCT_SILENT = "product_silent", _("the product has not asked since a service is on again")


class StaffTask(models.Model):
    """Something a person must look at; it stays until someone says it is done."""

    kind = models.CharField(_("kind"), max_length=24, choices=TaskKind)
    key = models.CharField(max_length=150, help_text=_("one open task per key"))
    account = models.ForeignKey(Account, on_delete=models.PROTECT, null=True, blank=True, related_name="staff_tasks")
    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, null=True, blank=True, related_name="staff_tasks")
    codes = models.JSONField(_("codes"), default=dict, blank=True)
    opened_at = models.DateTimeField(_("opened"))
    due_at = models.DateTimeField(_("due"))
    taken_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    done_at = models.DateTimeField(_("done"), null=True, blank=True)

    class Meta:
        verbose_name = _("staff task")
        verbose_name_plural = _("staff tasks")
        ordering = ["due_at", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["key"], condition=Q(done_at__isnull=True), name="staff_task_one_open_per_key"
            ),
        ]

    def __str__(self) -> str:
        return self.get_kind_display()


class GatewayEventQuerySet(models.QuerySet["GatewayEvent"]):
    def waiting(self, *, at: dt.datetime) -> Self:
        return self.filter(processed_at__isnull=True, next_action_at__lte=at)


class GatewayEvent(models.Model):
    """A webhook as it came in; it is taken as a hint to go and look at the gateway."""

    gateway = models.CharField(_("gateway"), max_length=20)
    gateway_account = models.CharField(_("gateway account"), max_length=64)
    event_id = models.CharField(_("event id"), max_length=100)
    type = models.CharField(_("type"), max_length=50)
    body = models.BinaryField()
    session_id = models.CharField(max_length=100, blank=True)
    idempotency_key = models.CharField(max_length=64, blank=True)
    dispute = models.CharField(max_length=100, blank=True)
    received_at = models.DateTimeField(_("received"))
    processed_at = models.DateTimeField(_("processed"), null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    last_error = models.CharField(_("last error"), max_length=200, blank=True)
    next_action_at = models.DateTimeField(_("next attempt due"), null=True, blank=True)

    objects = GatewayEventQuerySet.as_manager()

    class Meta:
        verbose_name = _("gateway event")
        verbose_name_plural = _("gateway events")
        ordering = ["-pk"]
        indexes = [
            models.Index(
                fields=["next_action_at"], name="gateway_event_waiting", condition=Q(processed_at__isnull=True)
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["gateway", "gateway_account", "event_id"], name="gateway_event_once_per_gateway_account"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.event_id}"
