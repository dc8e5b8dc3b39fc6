"""Amounts and dates in mail, written by Babel for the language that is active."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from zoneinfo import ZoneInfo

from django import template
from django.template import Context
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _

from billing import written
from billing.money import Money

register = template.Library()


@register.filter
def money(amount: Money) -> str:
    """Write an amount: ``€238.00``."""
    return written.amount(amount)


@register.filter
def amounts(several: Iterable[Money]) -> str:
    """Write amounts of different currencies, never added up: ``€238.00 and $50.00``."""
    return written.amounts(several)


@register.filter
def listed(names: Iterable[str]) -> str:
    """Write a list as a sentence does: ``A, B and C``."""
    return written.listing(names)


@register.filter
def day(when: date) -> str:
    """Write a date with the month in words: ``24 November 2026``."""
    return written.day(when)


@register.filter
def moment(when: datetime, zone: str) -> str:
    """Write a moment as a clock in ``zone`` shows it: ``24 November 2026 at 10:00``."""
    local = when.astimezone(ZoneInfo(zone))
    return _("%(day)s at %(time)s") % {"day": day(local.date()), "time": written.hour(local)}


@register.filter
def day_of(when: datetime, zone: str) -> str:
    """Write the date on which a moment falls in ``zone``."""
    return day(when.astimezone(ZoneInfo(zone)).date())


@register.simple_tag(takes_context=True)
def line(context: Context, name: str) -> str:
    """
    Include a sentence that text and HTML share, without the line break its file ends with.

    Escaping is that of the template which includes it.
    """
    found = context.template.engine.get_template(f"emails/parts/{name}.txt")  # type: ignore[union-attr]
    return mark_safe(found.render(context).strip("\n"))  # noqa: S308 # nosec B308 B703 - escaped as its surroundings are
