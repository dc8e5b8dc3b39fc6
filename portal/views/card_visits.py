"""
A new card: consent, the gateway's card page, and back.

A new card may pay everything that is due at once. That is consented to beforehand, with
the exact amount on the button; the gateway's own page takes the card's number, never ours.
"""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from billing import cards, clock, default_card, quotes, settling
from billing.gateways.base import GatewayUnavailable
from billing.models import (
    CardVisit,
    Membership,
    Payment,
    PaymentMethod,
    Settlement,
    SettlementPurpose,
)
from billing.outlook import sums
from billing.states import PaymentState

from ..access import members_only, payers_only, reader
from ..payment_forms import CardForm
from ..wording import card as name_of
from . import settle
from .account_page import plain_page


@require_http_methods(["GET", "HEAD", "POST"])
@payers_only
def change(request: HttpRequest, membership: Membership) -> HttpResponse:
    """Ask for consent, then go to the gateway's card page."""
    form = CardForm(request.POST or None)
    if form.is_valid():
        return _start(request, membership, form)
    card = default_card.of(membership.account)
    quote = quote_of(membership)
    about_the_debt = _split(quote) if quote else _under_way(membership)
    return plain_page(request, "portal/card_change.html", membership, quote=quote, card=card, **about_the_debt)


def _under_way(membership: Membership) -> dict[str, Any]:
    """Tell what is being paid already, and whether that is for the person to approve."""
    live = list(Payment.objects.for_account(membership.account).live())
    return {
        "under_way": sums(payment.money for payment in live),
        "to_approve": bool(live) and all(payment.state == PaymentState.REQUIRES_ACTION for payment in live),
    }


def quote_of(membership: Membership) -> quotes.Quote | None:
    """Return what is due and may be paid now, if anything."""
    try:
        return quotes.quote(membership.account, at=clock.now())
    except quotes.NothingDue:
        return None


def _split(quote: quotes.Quote) -> dict[str, Any]:
    """Tell what the new card pays, where the most urgent debt is, from what another gateway account charges."""
    place = quote.groups[0].gateway_account
    elsewhere = [group for group in quote.groups if group.gateway_account != place]
    return {
        "with_new_card": quote.served_by({place}).totals,
        "elsewhere": list(dict.fromkeys(group.seller.name for group in elsewhere)),
    }


def _start(request: HttpRequest, membership: Membership, form: CardForm) -> HttpResponse:
    try:
        settlement = _consent(request, membership, form.cleaned_data["digest"]) if form.pays() else None
        visit = cards.start(membership.account, settlement=settlement, by=reader(request), at=clock.now())
    except (settling.QuoteChanged, quotes.NothingDue):
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
    return _not_charged(request, membership, visit.settlement, visit.payment_method)


def _not_charged(
    request: HttpRequest, membership: Membership, settlement: Settlement, method: PaymentMethod
) -> HttpResponse:
    """Say why a card was saved and nothing paid with it, and go where something can be done about it."""
    named = {"card": name_of(method)}
    invoices = set(settlement.lines.values_list("invoice_id", flat=True))
    if invoices & settling.tried_out(membership.account, at=clock.now()):
        saved = _("%(card)s is saved, but nothing was charged.") % named
        messages.error(request, f"{saved} {settle.too_many_tries()}")
        return redirect("overview", membership.account.reference)
    messages.warning(
        request,
        _("%(card)s is saved, but nothing was charged: what is to pay has changed meanwhile. Check the amounts.")
        % named,
    )
    return redirect("settle", membership.account.reference)
