"""What is sold and the services there are; a service is started here, where it stands follows from what is owed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from .. import clock
from ..models import Plan, Subscription
from ..subscribing import subscribe
from .forms import ModelForm, PlanForm
from .showing import Shown, shown_name

ASKED = ["account", "plan", "name", "started_on"]
EDITED = ["name", "product_reference"]
EARLIEST_START = timedelta(days=31)
LATEST_START = timedelta(days=2 * 365)


@admin.register(Plan)
class PlanAdmin(Shown):
    form = PlanForm
    list_display = ["name", "seller", "price_shown", "interval", "tax_rate_shown"]
    list_select_related = ["seller"]
    list_filter = ["interval"]
    search_fields = ["name", "seller__name"]
    autocomplete_fields = ["seller"]

    def get_fields(self, request: HttpRequest, obj: Plan | None = None) -> Any:
        fields = [field for field in self.opts.fields if not field.primary_key]
        return [shown_name(field) if obj else field.name for field in fields]

    def get_readonly_fields(self, request: HttpRequest, obj: Plan | None = None) -> list[str]:
        """A new price is a new plan."""
        return [name for name in self.get_fields(request, obj) if name != "name"] if obj else []


class NewServiceForm(ModelForm):
    class Meta:
        model = Subscription
        fields = ("account", "plan", "name", "started_on")
        labels = {"started_on": _("First day")}
        help_texts = {"started_on": _("Every period that has begun since is invoiced.")}

    def clean_started_on(self) -> Any:
        day = self.cleaned_data["started_on"]
        if day < clock.now().date() - EARLIEST_START:
            raise ValidationError(_("A service starts at most 31 days ago."))
        if day > clock.now().date() + LATEST_START:
            raise ValidationError(_("A service starts at most two years from now."))
        return day


@admin.register(Subscription)
class SubscriptionAdmin(Shown):
    list_display = ["name", "account", "price_shown", "state", "next_invoice_at", "suspend_at", "delete_on"]
    list_select_related = ["account"]
    list_filter = ["state", "interval", "suspend_at", "delete_on"]
    search_fields = ["^reference", "name", "^product_reference", "^account__reference", "account__legal_name"]
    autocomplete_fields = ["account", "plan"]

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:  # noqa: FBT001, FBT002 - Django's
        kwargs["form"] = forms.ModelForm if change else NewServiceForm
        return super().get_form(request, obj, change, **kwargs)

    def get_fields(self, request: HttpRequest, obj: Subscription | None = None) -> Any:
        if obj is None:
            return ASKED
        return [shown_name(field) for field in self.opts.fields if not field.primary_key]

    def get_readonly_fields(self, request: HttpRequest, obj: Subscription | None = None) -> list[str]:
        return [name for name in self.get_fields(request, obj) if name not in EDITED] if obj else []

    def save_model(self, request: HttpRequest, obj: Subscription, form: Any, change: bool) -> None:  # noqa: FBT001 - Django's
        if change:
            super().save_model(request, obj, form, change)
        else:
            service = subscribe(obj.account, obj.plan, name=obj.name, starts_on=obj.started_on, at=clock.now())
            obj.pk = service.pk
            obj.refresh_from_db()
