"""
Payment methods: what is on file, another default, taking one away.

Another default may pay everything that is due at once, with the same consent as a new card.
"""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from billing import cards, clock, quotes, settling
from billing.models import (
    Membership,
    PaymentMethod,
    SettlementPurpose,
)

from ..access import members_only, payers_only, reader
from ..payment_forms import CardForm
from ..wording import card as name_of
from . import settle
from .account_page import account_page, plain_page
from .card_visits import quote_of

WHY_KEPT = {
    "only_card_while_owing": gettext_lazy(
        "%(card)s stays on file: it is the only card and there are open invoices. Pay them or add another card first."
    ),
    "default_card": gettext_lazy(
        "%(card)s stays on file: it is charged automatically. Choose another card for that first."
    ),
}

WHY_UNUSED = {
    "blocked": gettext_lazy(
        "%(card)s cannot be charged automatically: the bank has refused it for good. Use another card."
    ),
    "expired": gettext_lazy("%(card)s cannot be charged automatically: it has expired. Use another card."),
    "removed": gettext_lazy("%(card)s cannot be charged automatically: it was removed. Use another card."),
}


@require_safe
@members_only
def listing(request: HttpRequest, membership: Membership) -> HttpResponse:
    return account_page(request, "portal/cards.html", membership)


@require_http_methods(["GET", "HEAD", "POST"])
@payers_only
def make_default(request: HttpRequest, membership: Membership, reference: str) -> HttpResponse:
    """Charge another card on file from now on; what is due is consented to as with a new card."""
    method = _on_file(membership, reference)
    form = CardForm(request.POST or None)
    if not form.is_valid():
        return _offer(request, membership, method)
    try:
        cards.make_default(method, by=reader(request), at=clock.now())
    except cards.CannotUse as refusal:
        return _not_used(request, membership, method, refusal.reason)
    messages.success(request, _("%(card)s is now charged automatically.") % {"card": name_of(method)})
    if not form.pays():
        return redirect("cards", membership.account.reference)
    try:
        settlement = settling.consent(
            membership.account,
            purpose=SettlementPurpose.PAY,
            digest=form.cleaned_data["digest"],
            by=reader(request),
            at=clock.now(),
        )
    except settling.QuoteChanged:
        return settle.quote_changed(request, membership)
    except quotes.NothingDue:
        return settle.nothing_due(request, membership)
    return settle.pay(request, membership, settlement, method)


def _offer(request: HttpRequest, membership: Membership, method: PaymentMethod) -> HttpResponse:
    reason = method.why_unusable(on=membership.account.today(clock.now()))
    if reason:
        return _not_used(request, membership, method, reason)
    return plain_page(request, "portal/card_default.html", membership, quote=quote_of(membership), card=method)


def _not_used(request: HttpRequest, membership: Membership, method: PaymentMethod, reason: str) -> HttpResponse:
    messages.error(request, WHY_UNUSED[reason] % {"card": name_of(method)})
    return redirect("cards", membership.account.reference)


@require_http_methods(["GET", "HEAD", "POST"])
@payers_only
def remove(request: HttpRequest, membership: Membership, reference: str) -> HttpResponse:
    method = _on_file(membership, reference)
    if request.method != "POST":
        return plain_page(request, "portal/card_remove.html", membership, card=method)
    try:
        cards.remove(method, by=reader(request), at=clock.now())
    except cards.CannotRemove as refusal:
        messages.error(request, WHY_KEPT[refusal.reasons[0]] % {"card": name_of(method)})
    else:
        messages.success(request, _("%(card)s is removed.") % {"card": name_of(method)})
    return redirect("cards", membership.account.reference)


def _on_file(membership: Membership, reference: str) -> PaymentMethod:
    return get_object_or_404(PaymentMethod.objects.on_file(), account=membership.account, reference=reference)
