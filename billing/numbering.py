"""Numbers of documents: gapless per seller, kind and year, taken in the transaction that uses them."""

from __future__ import annotations

from django.db.models import F

from .models import DocumentKind, NumberSeries, Seller


def take(seller: Seller, kind: DocumentKind, *, year: int) -> int:
    """Take the next number; the row lock keeps the series gapless, a rollback gives the number back."""
    series, _ = NumberSeries.objects.get_or_create(seller=seller, kind=kind, year=year)
    NumberSeries.objects.filter(pk=series.pk).update(last=F("last") + 1)
    series.refresh_from_db()
    return series.last
