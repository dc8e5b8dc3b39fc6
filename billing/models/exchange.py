"""What a currency was worth in another, as published."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from .people import User


class ExchangeRate(models.Model):
    """
    How much of one currency a unit of another was worth on a day, in parts per million.

    As published, such as the ECB's reference rate of the euro in dollars; it is read in
    both directions. A row is never edited: invoices name the one they were issued with.
    """

    on = models.DateField(_("date"))
    base = models.CharField(_("one unit of"), max_length=3)
    quoted = models.CharField(_("is worth, in"), max_length=3)
    parts_per_million = models.PositiveBigIntegerField(
        _("rate"), help_text=_("parts per million: 1087600 when 1 EUR is 1.0876 USD")
    )
    source = models.CharField(_("published by"), max_length=50, default="ECB")
    entered_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    entered_at = models.DateTimeField(_("entered"), auto_now_add=True)

    class Meta:
        verbose_name = _("exchange rate")
        verbose_name_plural = _("exchange rates")
        ordering = ["-on", "base", "quoted"]
        constraints = [
            models.UniqueConstraint(fields=["on", "base", "quoted"], name="exchange_rate_once_per_day_and_currencies"),
            models.CheckConstraint(condition=Q(parts_per_million__gt=0), name="exchange_rate_is_of_something"),
            models.CheckConstraint(condition=~Q(base=F("quoted")), name="exchange_rate_is_of_two_currencies"),
        ]

    def __str__(self) -> str:
        return f"{self.base}/{self.quoted} {self.on}"
