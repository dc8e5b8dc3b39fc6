"""Credit notes and write-offs: documents that are never edited."""

from __future__ import annotations

from django.contrib import admin

from ..models import CreditNote, CreditNoteLine, WriteOff
from .giving_back import GivesBack
from .showing import Kept, KeptInline, Part


class CreditNoteLineInline(KeptInline):
    model = CreditNoteLine
    fields = ["description", "net_shown", "tax_treatment", "tax_rate_shown", "tax_shown"]


@admin.register(CreditNote)
class CreditNoteAdmin(GivesBack):
    list_display = ["number", "account", "invoice", "issued_on", "total_shown", "unapplied_shown", "reason"]
    list_select_related = ["account", "invoice"]
    list_filter = ["reason", "issued_on"]
    search_fields = ["^number", "^reference", "^invoice__number", "^account__reference", "account__legal_name"]
    inlines = [CreditNoteLineInline]
    actions = ["give_back"]


@admin.register(CreditNoteLine)
class CreditNoteLineAdmin(Part):
    list_display = ["description", "credit_note", "net_shown", "tax_shown"]
    list_select_related = ["credit_note"]
    search_fields = ["^credit_note__number", "description"]


@admin.register(WriteOff)
class WriteOffAdmin(Kept):
    list_display = ["invoice", "kind", "amount_shown", "requested_at", "requested_by", "approved_at", "reversed_at"]
    list_select_related = ["invoice", "requested_by"]
    list_filter = ["kind", "requested_at", ("approved_at", admin.EmptyFieldListFilter)]
    search_fields = ["^invoice__number", "^invoice__account__reference", "reason"]
