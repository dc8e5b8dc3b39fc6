"""
Pay what is owed: choose, check, result.

Choosing shows the quote; continuing freezes it as a settlement; paying consumes that
once, so that ten clicks are one charge and every click lands on the same result.
"""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from billing import charging, clock, quotes, results, settling
from billing.declines import advice
from billing.models import Membership, Payment, PaymentMethod, Settlement, SettlementPurpose
from billing.outlook import outlook, sums
from billing.states import PaymentState

from ..access import members_only, payers_only, reader
from ..alert import Facts, may_be_paid_again
from ..payment_forms import ChoiceForm, PayForm
from ..wording import money
from .account_page import page_with_outlook, plain_page


@require_http_methods(["GET", "HEAD", "POST"])
@payers_only
def choose(request: HttpRequest, membership: Membership) -> HttpResponse:
    """Show what may be paid; continuing consents to what is ticked, or to an amount of it."""
    offer = quotes.offer(membership.account, at=clock.now())
    form = ChoiceForm(request.POST if request.method == "POST" else None, offer=offer)
    if form.is_valid() and (settlement := _consent(request, membership, form)):
        return redirect("settlement", membership.account.reference, settlement.reference)
    if form.is_bound and not form.errors:
        return quote_changed(request, membership)
    if not (offer.due or offer.coming):
        return nothing_due(request, membership)
    return plain_page(
        request,
        "portal/settle.html",
        membership,
        form=form,
        offer=offer,
        totals=sums(invoice.due_money for invoice in offer.due),
        card=next(iter(usable(membership)), None),
    )


def _consent(request: HttpRequest, membership: Membership, form: ChoiceForm) -> Settlement | None:
    """Freeze what was chosen; what is wrong with the amount is said at its field, ``None`` says the rest."""
    try:
        return settling.consent(
            membership.account,
            purpose=SettlementPurpose.PAY,
            digest=form.cleaned_data["digest"],
            choice=form.cleaned_data["choice"],
            by=reader(request),
            at=clock.now(),
        )
    except quotes.TooLittle as refusal:
        form.add_error("amount", _("Enter at least %(amount)s") % {"amount": money(refusal.smallest)})
    except quotes.TooMuch as refusal:
        form.add_error("amount", _("Enter at most %(amount)s") % {"amount": money(refusal.most)})
    except (settling.QuoteChanged, quotes.NothingDue, quotes.NothingChosen):
        pass
    return None


@require_http_methods(["GET", "HEAD", "POST"])
@payers_only
def check(request: HttpRequest, membership: Membership, reference: str) -> HttpResponse:
    """Show the frozen list once more; the button states the amount and charges it."""
    settlement = get_object_or_404(Settlement, account=membership.account, reference=reference)
    if settlement.consumed_at:
        return redirect("settlement_result", membership.account.reference, reference)
    methods = usable(membership)
    if not methods:
        messages.warning(request, _("There is no card on file that can be charged. Add one to pay."))
        return redirect("card_change", membership.account.reference)
    form = PayForm(request.POST if request.method == "POST" else None, methods=methods)
    if form.is_valid():
        return pay(request, membership, settlement, form.cleaned_data["method"])
    lines = results.result(settlement).lines
    left_out = _left_out(membership, settlement)
    return plain_page(
        request,
        "portal/settlement.html",
        membership,
        settlement=settlement,
        lines=lines,
        totals=sums(line.amount for line in lines),
        elsewhere=left_out,
        form=form,
        methods=methods,
    )


def _left_out(membership: Membership, settlement: Settlement) -> list[str]:
    """Name the sellers whose invoices are due and need a card of their own."""
    if not settlement.is_everything:
        return []
    paid = set(settlement.lines.values_list("invoice_id", flat=True))
    due = quotes.offer(membership.account, at=clock.now()).due
    return list(dict.fromkeys(invoice.seller.name for invoice in due if invoice.pk not in paid))


def usable(membership: Membership) -> list[PaymentMethod]:
    """Cards on file that may be charged now, the default first."""
    today = membership.account.today(clock.now())
    return list(PaymentMethod.objects.for_account(membership.account).usable(on=today))


def too_many_tries() -> str:
    tried = _("You have tried %(tries)d times today. Try again tomorrow, use bank transfer or contact us.")
    return tried % {"tries": settling.MOST_BY_HAND_A_DAY}


def pay(request: HttpRequest, membership: Membership, settlement: Settlement, method: PaymentMethod) -> HttpResponse:
    try:
        settling.settle(settlement, method=method, by=reader(request), at=clock.now())
    except settling.QuoteChanged:
        return quote_changed(request, membership)
    except settling.PaymentInProgress as refusal:
        return in_progress(request, membership, refusal.payment)
    except settling.CannotCharge:
        messages.warning(request, _("This card can no longer be charged. Nothing was charged. Choose another one."))
        return redirect("settlement", membership.account.reference, settlement.reference)
    except settling.TooManyTries:
        messages.error(request, too_many_tries())
        return redirect("overview", membership.account.reference)
    return redirect("settlement_result", membership.account.reference, settlement.reference)


@require_http_methods(["GET", "HEAD", "POST"])
@members_only
def result(request: HttpRequest, membership: Membership, reference: str) -> HttpResponse:
    """Show what became of a settlement; posting asks the bank again about what is undecided."""
    settlement = get_object_or_404(Settlement, account=membership.account, reference=reference)
    if request.method == "POST":
        for payment in settlement.payments.undecided():
            charging.check(payment, at=clock.now())
        return redirect("settlement_result", membership.account.reference, reference)
    if not settlement.consumed_at:
        return plain_page(request, "portal/unused.html", membership)
    return _result_page(request, membership, settlement)


def _result_page(request: HttpRequest, membership: Membership, settlement: Settlement) -> HttpResponse:
    at, outcome = clock.now(), results.result(settlement)
    view = outlook(membership.account, at=at)
    states = {payment: payment.state for payment in outcome.payments}
    refused = [payment for payment, state in states.items() if state in (PaymentState.FAILED, PaymentState.CANCELED)]
    approvals = [payment for payment, state in states.items() if state == PaymentState.REQUIRES_ACTION]
    places = {card.gateway_account for card in usable(membership)}
    without_card = [invoice.seller for invoice in view.due if invoice.seller.gateway_account not in places]
    return page_with_outlook(
        request,
        "portal/result.html",
        membership,
        view,
        quiet=True,
        result=outcome,
        received=sums(line.amount for line in outcome.lines if line.status == "paid"),
        missing=sums(line.invoice.due_money for line in outcome.lines if line.is_unpaid),
        waiting=sums(payment.money for payment in approvals),
        left=sums(line.invoice.due_money for line in outcome.lines if line.is_paid_in_part),
        approvals=approvals,
        refusals=[{"payment": payment, "advice": advice(payment.decline_code)} for payment in refused],
        another_way=_another_way(Facts(view, membership, at), outcome),
        next_seller=without_card[0] if without_card and settlement.is_everything and not refused else None,
        card=view.card if view.card in usable(membership) else None,
        off=[service for service in view.services if service.is_off],
    )


def _another_way(facts: Facts, outcome: results.Result) -> str:
    """Return where to pay another way when all that has no end yet has gone unanswered for too long."""
    live = [payment for payment in outcome.payments if payment.is_live]
    if not (live and facts.payable and facts.membership.may_pay):
        return ""
    return facts.pay()[0] if all(may_be_paid_again(payment, at=facts.at) for payment in live) else ""


@require_safe
@members_only
def came_back(request: HttpRequest, membership: Membership, reference: str) -> HttpResponse:
    """Take the person back from approving a charge at the bank; loading it again is harmless."""
    found = Payment.objects.select_related("settlement")
    payment = charging.check(get_object_or_404(found, account=membership.account, reference=reference), at=clock.now())
    if payment.settlement is None:
        return redirect("overview", membership.account.reference)
    return redirect("settlement_result", membership.account.reference, payment.settlement.reference)


def quote_changed(request: HttpRequest, membership: Membership) -> HttpResponse:
    messages.warning(
        request, _("The amounts have changed since you looked. Nothing was charged. Check the new amounts.")
    )
    return redirect("settle", membership.account.reference)


def nothing_due(request: HttpRequest, membership: Membership) -> HttpResponse:
    under_way = Payment.objects.for_account(membership.account).live().select_related("settlement").first()
    if under_way:
        return in_progress(request, membership, under_way)
    messages.success(request, _("There is nothing to pay now."))
    return redirect("overview", membership.account.reference)


def in_progress(request: HttpRequest, membership: Membership, payment: Payment) -> HttpResponse:
    messages.info(request, _("This is being paid already. Nothing was charged twice."))
    if payment.settlement is None:
        return redirect("overview", membership.account.reference)
    return redirect("settlement_result", membership.account.reference, payment.settlement.reference)
