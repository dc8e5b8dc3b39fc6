"""
Payment methods: what is on file, a new card, another default.

A new card may pay everything that is due at once. That is consented to beforehand, with
the exact amount on the button; the gateway's own page takes the card's number, never ours.
"""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from billing import cards, clock, settling
from billing.gateways.base import GatewayUnavailable
from billing.models import CardVisit, Membership, PaymentMethod, Settlement, SettlementPurpose
from billing.outlook import sums

from ..access import members_only, payers_only, reader
from ..forms import CardForm
from ..wording import card as name_of
from . import settle
from .account_page import account_page, plain_page

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
def change(request: HttpRequest, membership: Membership) -> HttpResponse:
    """Ask for consent, then go to the gateway's card page."""
    form = CardForm(request.POST or None)
    if form.is_valid():
        return _start(request, membership, form)
    card = cards.default_card(membership.account)
    quote = _quote(membership)
    return plain_page(
        request, "portal/card_change.html", membership, quote=quote, card=card, **(_split(quote) if quote else {})
    )


def _split(quote: settling.Quote) -> dict[str, Any]:
    """Tell what the new card pays, where the most urgent debt is, from what another gateway account charges."""
    place = quote.groups[0].gateway_account
    elsewhere = [group for group in quote.groups if group.gateway_account != place]
    return {
        "with_new_card": sums(group.amount for group in quote.groups if group not in elsewhere),
        "elsewhere": list(dict.fromkeys(group.seller.name for group in elsewhere)),
    }


def _quote(membership: Membership) -> settling.Quote | None:
    try:
        return settling.quote(membership.account, at=clock.now())
    except settling.NothingDue:
        return None


def _start(request: HttpRequest, membership: Membership, form: CardForm) -> HttpResponse:
    try:
        settlement = _consent(request, membership, form.cleaned_data["digest"]) if form.pays() else None
        visit = cards.start(membership.account, settlement=settlement, by=reader(request), at=clock.now())
    except (settling.QuoteChanged, settling.NothingDue):
        messages.warning(
            request, _("The amounts have changed since you looked. Nothing was charged. Check the new amounts.")
        )
        return redirect("card_change", membership.account.reference)
    except GatewayUnavailable:
        messages.error(
            request, _("The card page cannot be reached just now. Nothing was charged. Try again in a few minutes.")
        )
        return redirect("card_change", membership.account.reference)
    return see_other(visit.url)


def see_other(address: str) -> HttpResponse:
    """Send the browser on with a GET, whatever it came with."""
    return HttpResponse(status=303, headers={"Location": address})


def _consent(request: HttpRequest, membership: Membership, digest: str) -> Settlement:
    return settling.consent(
        membership.account, purpose=SettlementPurpose.SAVE_AND_PAY, digest=digest, by=reader(request), at=clock.now()
    )


@require_safe
@members_only
def came_back(request: HttpRequest, membership: Membership, reference: str) -> HttpResponse:
    """Take the person back from the card page; loading it again is harmless."""
    visits = CardVisit.objects.select_related("account", "settlement", "payment_method")
    visit = get_object_or_404(visits, account=membership.account, reference=reference)
    try:
        visit = cards.finish(visit, at=clock.now())
    except GatewayUnavailable:
        return plain_page(request, "portal/card_waiting.html", membership, visit=visit)
    if visit.finished_at is None:
        return plain_page(request, "portal/card_waiting.html", membership, visit=visit)
    if visit.payment_method is None:
        messages.info(request, _("No card was added and nothing was charged."))
        return redirect("cards", membership.account.reference)
    if visit.settlement is None:
        messages.success(request, _("%(card)s is saved.") % {"card": name_of(visit.payment_method)})
        return redirect("cards", membership.account.reference)
    if visit.settlement.consumed_at:
        return redirect("settlement_result", membership.account.reference, visit.settlement.reference)
    messages.warning(
        request,
        _("%(card)s is saved, but nothing was charged: what is to pay has changed meanwhile. Check the amounts.")
        % {"card": name_of(visit.payment_method)},
    )
    return redirect("settle", membership.account.reference)


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
    except settling.NothingDue:
        return settle.nothing_due(request, membership)
    return settle.pay(request, membership, settlement, method)


def _offer(request: HttpRequest, membership: Membership, method: PaymentMethod) -> HttpResponse:
    reason = cards.reason_not_to_use(method, on=membership.account.today(clock.now()))
    if reason:
        return _not_used(request, membership, method, reason)
    return plain_page(request, "portal/card_default.html", membership, quote=_quote(membership), card=method)


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
