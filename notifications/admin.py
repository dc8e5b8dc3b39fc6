"""The outbox, to look at: exactly what was sent, to whom, and what the server said."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from billing import clock
from billing.states import InvalidTransition

from . import delivery
from .models import Delivery

if TYPE_CHECKING:
    Admin = admin.ModelAdmin[Delivery]
else:
    Admin = admin.ModelAdmin


@admin.register(Delivery)
class DeliveryAdmin(Admin):
    date_hierarchy = "created_at"
    list_display = ["subject_or_type", "recipient", "account", "state", "attempts", "next_action_at", "accepted_at"]
    list_filter = ["state", "event__type", "language"]
    list_select_related = ["account", "event"]
    search_fields = ["recipient", "subject", "message_id", "account__legal_name", "account__reference"]
    ordering = ["-pk"]
    actions = ["retry", "cancel"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Delivery | None = None) -> bool:
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Delivery | None = None) -> list[str]:
        return [field.name for field in Delivery._meta.fields]

    @admin.display(description=_("mail"), ordering="subject")
    def subject_or_type(self, mail: Delivery) -> str:
        return mail.subject or mail.event.type

    @admin.action(description=_("Send again what the server refused"), permissions=["change"])
    def retry(self, request: HttpRequest, mails: QuerySet[Delivery]) -> None:
        self._each(request, mails, lambda mail: delivery.retry(mail, at=clock.now()))

    @admin.action(description=_("Take out of the queue"), permissions=["change"])
    def cancel(self, request: HttpRequest, mails: QuerySet[Delivery]) -> None:
        self._each(request, mails, delivery.cancel)

    def _each(self, request: HttpRequest, mails: QuerySet[Delivery], act: Any) -> None:
        done = 0
        for mail in mails.filter(carried_by__isnull=True):
            try:
                act(mail)
            except InvalidTransition:
                continue
            done += 1
        told = ngettext("%(number)d mail changed.", "%(number)d mails changed.", done) % {"number": done}
        messages.info(request, told)
