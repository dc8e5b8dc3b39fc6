"""Invoices as they were sent: a numbered document is never edited."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.translation import gettext_lazy as _

from ..models import Allocation, Invoice, InvoiceLine
from .correcting import allowed, do
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
    change_form_template = "admin/billing/invoice/change_form.html"

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.correct)
        return [path("<path:object_id>/correct/", view, name="billing_invoice_correct"), *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return super().change_view(
            request, object_id, form_url, {**(extra_context or {}), "may_correct": bool(allowed(request))}
        )

    def correct(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show what can be done to an invoice, and do the act whose form was sent."""
        acts = allowed(request)
        invoice = self.get_object(request, unquote(object_id))
        if not acts or not self.has_view_permission(request, invoice):
            raise PermissionDenied
        if invoice is None:
            raise Http404
        chosen = request.POST.get("act")
        forms = [
            (act, act.form(request.POST if act.name == chosen else None, prefix=act.name, invoice=invoice))
            for act in acts
        ]
        for act, form in forms:
            if act.name == chosen and form.is_valid() and do(form, request):
                self.log_change(request, invoice, f"{act.name} it")
                return redirect("admin:billing_invoice_change", invoice.pk)
        context = {**self.admin_site.each_context(request), "opts": self.opts, "original": invoice, "forms": forms}
        context["title"] = _("Correct invoice %(number)s") % {"number": invoice}
        return TemplateResponse(request, "admin/billing/invoice/correct.html", context)


@admin.register(InvoiceLine)
class InvoiceLineAdmin(Part):
    list_display = ["description", "invoice", "net_shown", "tax_shown", "period_start"]
    list_select_related = ["invoice"]
    search_fields = ["^invoice__number", "description"]
