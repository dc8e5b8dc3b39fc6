"""Who wanted data deleted before its date, and what became of it."""

from __future__ import annotations

from django.contrib import admin

from ..models import ErasureDemand
from .showing import Kept


@admin.register(ErasureDemand)
class ErasureDemandAdmin(Kept):
    list_display = ["reference", "subscription", "demanded_at", "demanded_by", "due_at", "withdrawn_at", "begun_at"]
    list_select_related = ["subscription", "demanded_by"]
    list_filter = [
        "demanded_at",
        ("withdrawn_at", admin.EmptyFieldListFilter),
        ("begun_at", admin.EmptyFieldListFilter),
    ]
    search_fields = ["^reference", "^subscription__reference", "subscription__name", "demanded_by__email"]
