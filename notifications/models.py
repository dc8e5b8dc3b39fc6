"""Mail as rows: one per event and recipient."""

from __future__ import annotations

import datetime as dt
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from billing.models import Account, Contact, Event, User
from billing.models.stateful import Stateful
from billing.states import Transitions


class DeliveryState(models.TextChoices):
    QUEUED = "queued", _("waiting")
    SENDING = "sending", _("being sent")
    ACCEPTED = "accepted", _("accepted by the mail server")
    FAILED = "failed", _("refused by the mail server")
    CANCELED = "canceled", _("no longer true")


# A sender that died leaves its row in ``sending``; another takes it again. A carried row goes straight to its end.
DELIVERY_TRANSITIONS: Transitions = {
    DeliveryState.QUEUED: frozenset({"sending", "accepted", "failed", "canceled"}),
    DeliveryState.SENDING: frozenset({"sending", "queued", "accepted", "failed", "canceled"}),
    DeliveryState.FAILED: frozenset({"queued"}),
    DeliveryState.ACCEPTED: frozenset(),
    DeliveryState.CANCELED: frozenset(),
}


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    def sendable(self, *, at: dt.datetime) -> Self:
        """
        Mails whose next attempt is due: waiting ones, and ones whose sender has died.

        A delivery that another one carries is sent with it, never alone.
        """
        return self.unfinished().filter(next_action_at__lte=at)

    def unfinished(self) -> Self:
        """Mails, not rows, that are still to be sent: carried ones go with theirs."""
        return self.filter(state__in=(DeliveryState.QUEUED, DeliveryState.SENDING), carried_by__isnull=True)


class Delivery(Stateful):
    """
    What one recipient is told of one event.

    Events of one account and day that belong together travel in one mail: the most
    urgent carries the others. The message id is fixed when the row is made.
    """

    TRANSITIONS = DELIVERY_TRANSITIONS

    event = models.ForeignKey(Event, on_delete=models.PROTECT, related_name="deliveries")
    account = models.ForeignKey(Account, on_delete=models.PROTECT, null=True, related_name="deliveries")
    user = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="deliveries")
    contact = models.ForeignKey(Contact, on_delete=models.PROTECT, null=True, related_name="deliveries")
    recipient = models.EmailField(_("recipient"))
    language = models.CharField(_("language"), max_length=8, choices=settings.LANGUAGES)
    carried_by = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="carries")
    state = models.CharField(_("state"), max_length=10, choices=DeliveryState, default=DeliveryState.QUEUED)
    message_id = models.CharField(_("message id"), max_length=150, unique=True)
    subject = models.CharField(_("subject"), max_length=200, blank=True)
    text = models.TextField(_("text"), blank=True)
    html = models.TextField(_("HTML"), blank=True)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    next_action_at = models.DateTimeField(_("next attempt due"), null=True, blank=True)
    last_error = models.CharField(_("last error"), max_length=300, blank=True)
    created_at = models.DateTimeField(_("made"))
    accepted_at = models.DateTimeField(_("accepted"), null=True, blank=True)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        ordering = ["-pk"]
        indexes = [
            models.Index(
                fields=["next_action_at"],
                name="delivery_sendable",
                condition=Q(state__in=("queued", "sending"), carried_by__isnull=True),
            ),
            models.Index(fields=["account", "-id"], name="delivery_account_newest"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["event", "recipient"], name="delivery_once_per_event_and_recipient"),
            models.CheckConstraint(
                condition=~Q(state="accepted") | Q(accepted_at__isnull=False), name="delivery_accepted_says_when"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event.type} → {self.recipient}"
