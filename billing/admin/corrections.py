"""Credit notes and write-offs: documents that are never edited."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from .. import clock, writing_off
from ..models import CreditNote, CreditNoteLine, User, WriteOff
from .giving_back import GivesBack
from .showing import Kept, KeptInline, Part

REFUSALS = {
    writing_off.AlreadyDecided: _("it was decided or reversed before."),
    writing_off.SamePerson: _("whoever asked for it does not approve it."),
    writing_off.NothingToWriteOff: _("the invoice is not open any more."),
    writing_off.MoneyMayCome: _("a payment is under way; wait until it is decided."),
    writing_off.NoLongerTheSame: _("something else is due by now; reject it and ask anew."),
}


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
    actions = ["approve", "reject", "reverse"]

    @admin.action(description=_("Approve"), permissions=["act"])
    def approve(self, request: HttpRequest, write_offs: QuerySet[WriteOff]) -> None:
        self._all(request, write_offs, writing_off.approve, act="approved it")

    @admin.action(description=_("Reject"), permissions=["act"])
    def reject(self, request: HttpRequest, write_offs: QuerySet[WriteOff]) -> None:
        self._all(request, write_offs, writing_off.reject, act="rejected it")

    @admin.action(description=_("Reverse: ask for it after all"), permissions=["act"])
    def reverse(self, request: HttpRequest, write_offs: QuerySet[WriteOff]) -> None:
        self._all(request, write_offs, writing_off.reverse, act="reversed it")

    def _all(self, request: HttpRequest, write_offs: QuerySet[WriteOff], do: Callable[..., Any], *, act: str) -> None:
        for write_off in self.each(request, write_offs, act=act):
            try:
                do(write_off, by=cast("User", request.user), at=clock.now())
            except tuple(REFUSALS) as refusal:
                messages.warning(request, f"{write_off}: {REFUSALS[type(refusal)]}")
            else:
                messages.success(request, _("%(write_off)s: done.") % {"write_off": write_off})
