"""What has happened, and what the gateway told: the first for reading, the second to be processed again."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from .. import clock, webhooks
from ..events import TYPES
from ..models import Event, GatewayEvent
from .showing import Kept


class TypeFilter(admin.SimpleListFilter):
    """The known types, without reading the table for them."""

    title = _("type")
    parameter_name = "type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(event_type, event_type) for event_type in TYPES]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Event]) -> QuerySet[Event]:
        return queryset.filter(type=self.value()) if self.value() else queryset


@admin.register(Event)
class EventAdmin(Kept):
    list_display = ["at", "type", "account", "invoice", "payment", "subscription", "actor"]
    list_select_related = ["account", "invoice", "payment", "subscription", "actor"]
    list_filter = [TypeFilter, "at"]
    search_fields = ["^account__reference", "account__legal_name", "^invoice__number", "^payment__reference"]


@admin.register(GatewayEvent)
class GatewayEventAdmin(Kept):
    list_display = ["received_at", "gateway", "gateway_account", "type", "processed_at", "attempts", "last_error"]
    list_filter = ["received_at", ("processed_at", admin.EmptyFieldListFilter)]
    search_fields = ["=event_id", "=session_id", "=idempotency_key"]
    # What the gateway wrote may name people.
    hidden = ("body",)
    actions = ["process_again"]

    @admin.action(description=_("Process again"), permissions=["act"])
    def process_again(self, request: HttpRequest, waiting: QuerySet[GatewayEvent]) -> None:
        for event in self.each(request, waiting, act="processed again"):
            if webhooks.process(event, at=clock.now()):
                messages.success(request, _("%(event)s was processed.") % {"event": event})
            else:
                messages.warning(request, _("%(event)s could not be processed; it is tried later.") % {"event": event})
