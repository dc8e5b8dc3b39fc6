"""Demands of an account's own administrators to delete data before its date."""

from __future__ import annotations

import datetime as dt
from typing import Self

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from . import references
from .people import User
from .subscriptions import Subscription


class ErasureDemandQuerySet(models.QuerySet["ErasureDemand"]):
    def open(self) -> Self:
        """Neither withdrawn nor begun."""
        return self.filter(withdrawn_at__isnull=True, begun_at__isnull=True)

    def due(self, *, at: dt.datetime) -> Self:
        return self.open().filter(next_action_at__lte=at)


class ErasureDemand(models.Model):
    """An administrator wants the data of a canceled service gone before its date; others may stop it for 72 hours."""

    reference = models.CharField(max_length=24, unique=True, default=references.erasure_demand, editable=False)
    subscription = models.ForeignKey(Subscription, on_delete=models.PROTECT, related_name="erasure_demands")
    demanded_at = models.DateTimeField(_("demanded"))
    demanded_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+", verbose_name=_("demanded by"))
    due_at = models.DateTimeField(_("due"))
    withdrawn_at = models.DateTimeField(_("withdrawn"), null=True, blank=True)
    withdrawn_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("withdrawn by")
    )
    begun_at = models.DateTimeField(_("deletion asked for"), null=True, blank=True)
    next_action_at = models.DateTimeField(_("next move due"), null=True, blank=True)

    objects = ErasureDemandQuerySet.as_manager()

    class Meta:
        verbose_name = _("erasure demand")
        verbose_name_plural = _("erasure demands")
        ordering = ["-pk"]
        indexes = [
            models.Index(
                fields=["next_action_at"], name="erasure_next_action", condition=Q(next_action_at__isnull=False)
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["subscription"],
                name="erasure_one_open_per_service",
                condition=Q(withdrawn_at__isnull=True, begun_at__isnull=True),
            ),
            models.CheckConstraint(condition=Q(due_at__gt=F("demanded_at")), name="erasure_waits_after_its_demand"),
            models.CheckConstraint(
                condition=Q(withdrawn_at__isnull=True) | Q(begun_at__isnull=True),
                name="erasure_is_withdrawn_or_begun_and_not_both",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.subscription} {self.demanded_at:%Y-%m-%d}"
