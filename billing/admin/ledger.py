"""The receivables ledger and what money was applied to: append-only, for everyone."""

from __future__ import annotations

from django.contrib import admin

from ..models import Allocation, LedgerEntry
from .showing import Kept


@admin.register(LedgerEntry)
class LedgerEntryAdmin(Kept):
    list_display = ["at", "kind", "account", "seller", "amount_shown", "invoice", "payment"]
    list_select_related = ["account", "seller", "invoice", "payment"]
    list_filter = ["kind", "at"]
    search_fields = ["^invoice__number", "^payment__reference", "^account__reference", "account__legal_name"]


@admin.register(Allocation)
class AllocationAdmin(Kept):
    list_display = ["at", "payment", "credit_note", "invoice", "amount_shown"]
    list_select_related = ["payment", "credit_note", "invoice"]
    list_filter = ["at"]
    search_fields = ["^invoice__number", "^payment__reference", "^invoice__account__reference"]
