"""What pauses dunning, until when, by whom and why."""

from __future__ import annotations

from django.contrib import admin

from ..models import Hold
from .showing import Kept


@admin.register(Hold)
class HoldAdmin(Kept):
    list_display = ["reference", "kind", "account", "invoice", "seller", "starts_at", "ends_at", "lifted_at"]
    list_select_related = ["account", "invoice", "seller"]
    list_filter = ["kind", "ends_at", ("lifted_at", admin.EmptyFieldListFilter)]
    search_fields = ["^reference", "^invoice__number", "^account__reference", "account__legal_name"]
