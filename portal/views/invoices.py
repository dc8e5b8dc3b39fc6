"""
Invoices: the list, a page at a time, and each with its lines, tax and payments.

An invoice's own page says in the page itself how that invoice stands; it carries no alert.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from billing import clock
from billing.models import Allocation, Invoice, InvoiceLine, Membership, Payment
from billing.models.invoices import InvoiceQuerySet
from billing.states import InvoiceState

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
    invoice = get_object_or_404(found, reference=reference)
    lines = list(invoice.lines.all())
    received = list(Allocation.objects.filter(invoice=invoice).select_related("payment__payment_method"))
    under_way = Payment.objects.for_account(membership.account).live()
    return plain_page(
        request,
        "portal/invoice.html",
        membership,
        invoice=invoice,
        lines=lines,
        taxes=_tax_by_rate(lines),
        received=received,
        today=membership.account.today(clock.now()),
        under_way=list(under_way.filter(seller=invoice.seller_id, currency=invoice.currency)),
    )


@dataclass(slots=True)
class Tax:
    """Tax of one treatment and rate over all lines of an invoice."""

    treatment: str
    rate: int
    net: int = 0
    tax: int = 0


def _tax_by_rate(lines: list[InvoiceLine]) -> list[Tax]:
    sums: dict[tuple[str, int], Tax] = {}
    for line in lines:
        key = (line.get_tax_treatment_display(), line.tax_rate)
        sums.setdefault(key, Tax(*key))
        sums[key].net += line.net
        sums[key].tax += line.tax
    return sorted(sums.values(), key=lambda tax: tax.rate)
