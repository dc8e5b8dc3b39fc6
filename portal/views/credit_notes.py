"""A credit note: what it takes back of which invoice, and what became of it."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from billing.models import CreditNote, Membership
from billing.money import Money

from ..access import members_only
from .account_page import plain_page


@require_safe
@members_only
def detail(request: HttpRequest, membership: Membership, reference: str) -> HttpResponse:
    found = CreditNote.objects.for_account(membership.account).select_related("invoice")
    note = get_object_or_404(found, reference=reference)
    return plain_page(
        request,
        "portal/credit_note.html",
        membership,
        note=note,
        lines=note.lines.all(),
        left=Money(note.unapplied, note.currency),
    )
