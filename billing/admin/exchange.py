"""Exchange rates as published: entered once, and never edited, since invoices name them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from ..models import ExchangeRate
from ..written import rate
from .forms import RateForm
from .showing import Shown


@admin.register(ExchangeRate)
class ExchangeRateAdmin(Shown):
    form = RateForm
    ordering = ["-pk"]
    list_display = ["on", "base", "quoted", "rate_shown", "source", "entered_by"]
    list_select_related = ["entered_by"]
    list_filter = ["on"]
    search_fields = ["base", "quoted", "source"]

    @admin.display(description=ExchangeRate._meta.get_field("parts_per_million").verbose_name)
    def rate_shown(self, row: ExchangeRate) -> str:
        return rate(row.parts_per_million)

    def get_fields(self, request: HttpRequest, obj: ExchangeRate | None = None) -> Any:
        return ["on", "base", "quoted", "rate_shown", "source", "entered_by"] if obj else super().get_fields(request)

    def get_readonly_fields(self, request: HttpRequest, obj: ExchangeRate | None = None) -> Any:
        return self.get_fields(request, obj) if obj else ()

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: ExchangeRate, form: Any, change: bool) -> None:  # noqa: FBT001 - Django's
        obj.entered_by = request.user  # type: ignore[assignment]
        super().save_model(request, obj, form, change)
