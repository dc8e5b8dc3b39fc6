"""Those who sell; what invoices, charges and transfers hang on is fixed once it is there."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from ..models import NumberSeries, Seller
from .forms import SellerForm
from .showing import Kept, Shown

BANK = ["iban", "bic", "account_holder"]
FIXED = ["currency", "invoice_series", "gateway_account"]


@admin.register(Seller)
class SellerAdmin(Shown):
    form = SellerForm
    list_display = ["name", "country", "currency", "invoice_series", "gateway_account"]
    search_fields = ["name", "^invoice_series", "=vat_id", "=register_number"]
    fieldsets = [
        (None, {"fields": ["name", "street", "postal_code", "city", "country", "vat_id", "register_number"]}),
        (_("Bank"), {"fields": [*BANK]}),
        (_("Invoices and charges"), {"fields": [*FIXED]}),
    ]

    def get_readonly_fields(self, request: HttpRequest, obj: Seller | None = None) -> list[str]:
        if obj is None:
            return []
        return FIXED if request.user.is_superuser else [*FIXED, *BANK]


@admin.register(NumberSeries)
class NumberSeriesAdmin(Kept):
    list_display = ["seller", "kind", "year", "last"]
    list_select_related = ["seller"]
    search_fields = ["seller__name", "^seller__invoice_series"]
