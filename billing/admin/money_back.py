"""Refunds, returns and disputes: money that goes back."""

from __future__ import annotations

from django.contrib import admin

from ..models import Dispute, Refund, Return
from .showing import Kept


@admin.register(Refund)
class RefundAdmin(Kept):
    list_display = ["reference", "account", "amount_shown", "destination", "state", "requested_at", "requested_by"]
    list_select_related = ["account", "requested_by"]
    list_filter = ["state", "destination", "requested_at"]
    search_fields = ["^reference", "^payment__reference", "^account__reference", "account__legal_name"]


@admin.register(Return)
class ReturnAdmin(Kept):
    list_display = ["payment", "amount_shown", "reason_code", "bank_reference", "at"]
    list_select_related = ["payment"]
    list_filter = ["at"]
    search_fields = ["^payment__reference", "=bank_reference", "^payment__account__reference"]


@admin.register(Dispute)
class DisputeAdmin(Kept):
    list_display = ["payment", "amount_shown", "reason", "state", "opened_at", "respond_by"]
    list_select_related = ["payment"]
    list_filter = ["state", "opened_at"]
    search_fields = ["^payment__reference", "=gateway_reference", "^payment__account__reference"]
