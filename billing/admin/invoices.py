"""Invoices as they were sent: a numbered document is never edited."""

from __future__ import annotations

from django.contrib import admin

from ..models import Allocation, Invoice, InvoiceLine
from .showing import Kept, KeptInline, Part


class LineInline(KeptInline):
    model = InvoiceLine
    fields = [
        "description",
        "quantity",
        "unit_price_shown",
        "net_shown",
        "tax_treatment",
        "tax_rate_shown",
        "tax_shown",
        "period_start",
        "period_end",
    ]


class AllocationInline(KeptInline):
    model = Allocation
    fields = ["at", "payment", "credit_note", "write_off", "amount_shown"]


@admin.register(Invoice)
class InvoiceAdmin(Kept):
    list_display = ["__str__", "account", "issued_on", "due_on", "total_shown", "amount_paid_shown", "state"]
    list_select_related = ["account"]
    list_filter = ["state", "issued_on", "due_on"]
    search_fields = [
        "^number",
        "^reference",
        "^creditor_reference",
        "^purchase_order_number",
        "^account__reference",
        "account__legal_name",
    ]
    inlines = [LineInline, AllocationInline]


@admin.register(InvoiceLine)
class InvoiceLineAdmin(Part):
    list_display = ["description", "invoice", "net_shown", "tax_shown", "period_start"]
    list_select_related = ["invoice"]
    search_fields = ["^invoice__number", "description"]
