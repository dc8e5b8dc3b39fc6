"""What is sold and the services there are; a service is started here, where it stands follows from what is owed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.contrib.admin.utils import unquote
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from .. import clock, deciding, diagnosing, purge, stopping
from ..models import Plan, Subscription, User
from ..states import DisabledReason
from ..subscribing import subscribe
from .forms import ModelForm, PlanForm
from .showing import Shown, shown_name

ASKED = ["account", "plan", "name", "started_on"]
EDITED = ["name", "product_reference"]
REFUSALS = (stopping.NothingToStop, stopping.NotStopped, purge.NotPurging)
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


class ReasonForm(ActionForm):
    """Why staff do what they do: asked beside the list of acts, kept in the history of each service."""

    reason = forms.CharField(label=_("Reason"), required=False, max_length=200)


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
    action_form = ReasonForm
    actions = [
        "let_stop",
        "stop",
        "let_go",
        "put_under_review",
        "end_review",
        "acknowledge_deletion",
        "call_off",
        "check_again",
    ]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        service = self.get_object(request, unquote(object_id))
        shown = {}
        if service and service.account.time_zone in clock.zones() and self.has_view_permission(request):
            shown = {"findings": diagnosing.diagnose(service, at=clock.now())}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **shown})

    @admin.action(description=_("Let it stop as announced"), permissions=["change"])
    def let_stop(self, request: HttpRequest, services: QuerySet[Subscription]) -> None:
        for service in services.select_related("account"):
            self.log_change(request, service, "let it stop as announced")
            try:
                deciding.let_stop(service, by=cast("User", request.user), at=clock.now())
            except deciding.NothingToDecide:
                messages.info(request, _("%(service)s: no stop is announced.") % {"service": service})

    @admin.action(description=_("Stop (with a reason)"), permissions=["change"])
    def stop(self, request: HttpRequest, services: QuerySet[Subscription]) -> None:
        self._for_a_reason(request, services, partial(stopping.stop, because=DisabledReason.STAFF), act="stopped it")

    @admin.action(description=_("Let go what staff stopped (with a reason)"), permissions=["change"])
    def let_go(self, request: HttpRequest, services: QuerySet[Subscription]) -> None:
        self._for_a_reason(request, services, partial(stopping.let_go, because=DisabledReason.STAFF), act="let it go")

    @admin.action(description=_("Stop, under review (with a reason)"), permissions=["change"])
    def put_under_review(self, request: HttpRequest, services: QuerySet[Subscription]) -> None:
        do = partial(stopping.stop, because=DisabledReason.FRAUD_REVIEW)
        self._for_a_reason(request, services, do, act="put it under review")

    @admin.action(description=_("End the review (with a reason)"), permissions=["change"])
    def end_review(self, request: HttpRequest, services: QuerySet[Subscription]) -> None:
        do = partial(stopping.let_go, because=DisabledReason.FRAUD_REVIEW)
        self._for_a_reason(request, services, do, act="ended its review")

    @admin.action(description=_("The product has deleted the data (with a reason)"), permissions=["change"])
    def acknowledge_deletion(self, request: HttpRequest, services: QuerySet[Subscription]) -> None:
        self._for_a_reason(request, services, purge.acknowledge, act="acknowledged the deletion")

    @admin.action(description=_("Call the deletion off (with a reason)"), permissions=["change"])
    def call_off(self, request: HttpRequest, services: QuerySet[Subscription]) -> None:
        self._for_a_reason(request, services, purge.call_off, act="called the deletion off")

    @admin.action(description=_("Look again why it is off"), permissions=["change"])
    def check_again(self, request: HttpRequest, services: QuerySet[Subscription]) -> None:
        for service in services.select_related("account"):
            self.log_change(request, service, "looked again why it is off")
            diagnosing.check_again(service, at=clock.now())
        messages.success(request, _("Looked again."))

    def _for_a_reason(
        self, request: HttpRequest, services: QuerySet[Subscription], do: Callable[..., Subscription], *, act: str
    ) -> None:
        reason = request.POST.get("reason", "").strip()[:200]
        if not reason:
            messages.error(request, _("Say why: write a reason beside the act."))
            return
        for service in services:
            try:
                do(service, by=cast("User", request.user), at=clock.now())
            except REFUSALS:
                messages.warning(
                    request, _("%(service)s: not done, it is not in a state for it.") % {"service": service}
                )
            else:
                self.log_change(request, service, f"{act}: {reason}")
                messages.success(request, _("%(service)s: done.") % {"service": service})

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
