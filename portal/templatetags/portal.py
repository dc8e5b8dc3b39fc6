"""Amounts, dates, cards and states in the reader's words."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

from django import template
from django.http import HttpRequest
from django.template.context import Context
from django.urls import Resolver404, resolve

from billing.models import Account, Dispute, Invoice, PaymentMethod, Refund, Return, Subscription, TaxTreatment
from billing.money import Money

from .. import status, wording
from ..money_back import Words, in_words

register = template.Library()


@register.filter
def money(amount: Money) -> str:
    return wording.money(amount)


@register.filter
def in_currency(amount: int, currency: str) -> str:
    """Write minor units that stand beside their currency: ``{{ line.net|in_currency:invoice.currency }}``."""
    return wording.money(Money(amount, currency))


@register.filter
def amounts(each: Iterable[Money]) -> str:
    return wording.amounts(each)


@register.filter
def listing(names: Iterable[object]) -> str:
    return wording.listing([str(name) for name in names])


@register.filter
def long_date(day: dt.date | None) -> str:
    return wording.long_date(day) if day else ""


@register.filter
def local_date(at: dt.datetime | None, account: Account) -> str:
    """Write the date of a moment as the account's calendar has it."""
    return wording.long_date(account.today(at)) if at else ""


@register.filter
def moment(at: dt.datetime | None) -> str:
    return wording.moment(at) if at else ""


@register.filter
def money_back(row: Refund | Return | Dispute) -> Words:
    """Say what became of money that went back, or may."""
    return in_words(row)


@register.filter
def card(method: PaymentMethod) -> str:
    return wording.card(method)


@register.filter
def expiry(method: PaymentMethod) -> str:
    return wording.month(method.exp_year, method.exp_month)


@register.filter
def percent(rate: int) -> str:
    """Write parts per million as a percentage: 210000 is ``21%``."""
    return wording.percent(rate)


@register.filter
def tax_treatment(code: str) -> str:
    return str(TaxTreatment(code).label)


@register.filter
def country(code: str) -> str:
    return dict(wording.countries()).get(code, code)


@register.filter
def is_expired(method: PaymentMethod, today: dt.date) -> bool:
    return method.is_expired(on=today)


@register.filter
def can_take_over(method: PaymentMethod, today: dt.date) -> bool:
    """Whether the card may become the one that is charged automatically."""
    return not method.is_default and not method.why_unusable(on=today)


@register.inclusion_tag("portal/_badge.html")
def invoice_status(invoice: Invoice, today: dt.date) -> dict[str, Any]:
    return {"status": status.of_invoice(invoice, today=today)}


@register.inclusion_tag("portal/_badge.html")
def service_status(service: Subscription) -> dict[str, Any]:
    return {"status": status.of_service(service)}


@register.inclusion_tag("portal/_badge.html")
def line_status(code: str) -> dict[str, Any]:
    return {"status": status.OF_LINE[code]}


@register.inclusion_tag("portal/_icon.html")
def icon(name: str) -> dict[str, Any]:
    return {"name": name}


@register.simple_tag(takes_context=True)
def current(context: Context, *names: str) -> str:
    """Mark the menu's entry of this page: ``aria-current="page"``."""
    request: HttpRequest | None = context.get("request")
    match = request.resolver_match if request else None
    return "page" if match and match.url_name in names else ""


@register.simple_tag(takes_context=True)
def here(context: Context) -> str:
    """Return where the language switch comes back to: this page, when it can be loaded with a GET."""
    request: HttpRequest | None = context.get("request")
    if request is None:
        return "/"
    try:
        resolve(request.path_info)
    except Resolver404:
        return "/"
    return request.get_full_path()
