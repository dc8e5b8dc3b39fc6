"""
Invoices: the list, a page at a time, and each with its lines, tax and payments.

An invoice's own page says in the page itself how that invoice stands; it carries no alert.
"""

from __future__ import annotations

from django.db.models import Prefetch, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from billing import clock, voiding
from billing.models import Allocation, Dispute, Invoice, InvoiceLine, Membership, Payment, Refund, Return
from billing.models.invoices import InvoiceQuerySet
from billing.states import InvoiceState, RefundState

from ..access import members_only
from ..forms import InvoiceFilter
from ..paging import page_of
from .account_page import account_page, plain_page


@require_safe
@members_only
def listing(request: HttpRequest, membership: Membership) -> HttpResponse:
    chosen = InvoiceFilter(request.GET).chosen()
    rows = _filtered(Invoice.objects.for_account(membership.account).finalized(), membership, chosen)
    page = page_of(rows, after=request.GET.get("after", ""))
    return account_page(request, "portal/invoices.html", membership, page=page, chosen=chosen)


def _filtered(rows: InvoiceQuerySet, membership: Membership, chosen: str) -> InvoiceQuerySet:
    today = membership.account.today(clock.now())
    match chosen:
        case "open":
            return rows.open()
        case "overdue":
            return rows.past_due(on=today)
        case "paid":
            return rows.filter(state=InvoiceState.PAID)
    return rows


@require_safe
@members_only
def detail(request: HttpRequest, membership: Membership, reference: str) -> HttpResponse:
    found = Invoice.objects.finalized().filter(account=membership.account)
    with_lines = Prefetch("lines", InvoiceLine.objects.select_related("replaces__invoice"))
    invoice = get_object_or_404(found.prefetch_related(with_lines), reference=reference)
    voiding.mark_sent(invoice, at=clock.now())
    received = list(Allocation.objects.filter(invoice=invoice).select_related("payment__payment_method", "credit_note"))
    under_way = Payment.objects.for_account(membership.account).live()
    lines, credit_notes = list(invoice.lines.all()), list(invoice.credit_notes.order_by("pk"))
    return plain_page(
        request,
        "portal/invoice.html",
        membership,
        invoice=invoice,
        lines=lines,
        taxes=invoice.tax_by_rate(),
        received=received,
        credit_notes=credit_notes,
        settled_by_credit=bool(received) and all(part.credit_note for part in received),
        replaced=next((line.replaces.invoice for line in lines if line.replaces), None),
        replacement=_replacement(invoice) if credit_notes else None,
        money_back=_money_back(invoice) if received else [],
        today=membership.account.today(clock.now()),
        under_way=list(under_way.filter(seller=invoice.seller_id, currency=invoice.currency)),
    )


def _replacement(invoice: Invoice) -> Invoice | None:
    """Return the invoice that was issued in the place of this one."""
    line = InvoiceLine.objects.filter(replaces__invoice=invoice).select_related("invoice").first()
    return line.invoice if line else None


def _money_back(invoice: Invoice) -> list[Refund | Return | Dispute]:
    """Return what went back, or may go back, of the money that paid the invoice, and of its credit notes."""
    paid = Q(payment__allocations__invoice=invoice)
    refunds = Refund.objects.filter(paid | Q(credit_note__invoice=invoice)).exclude(state=RefundState.REJECTED)
    return [
        *refunds.select_related("through__payment_method").distinct().order_by("pk"),
        *Return.objects.filter(paid).select_related("payment").distinct().order_by("pk"),
        *Dispute.objects.filter(paid).select_related("payment").distinct().order_by("pk"),
    ]
