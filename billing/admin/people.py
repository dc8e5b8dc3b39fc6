"""People: made without a password and without sending anything; they sign in with a mailed code."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from ..enrolling import enrol
from ..models import Membership, User
from .forms import PersonForm
from .showing import KeptInline, Shown


class MembershipInline(KeptInline):
    model = Membership
    fk_name = "user"
    fields = ["account", "role", "successor"]
    show_change_link = True


@admin.register(User)
class UserAdmin(Shown):
    form = PersonForm
    list_display = ["email", "name", "language", "is_active", "is_staff", "last_login"]
    list_filter = ["is_active", "is_staff", "language", "last_login"]
    search_fields = ["email", "name"]

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        person = (None, {"fields": ["email", "name", "language"]})
        if obj is None:
            return [person]
        rights = (_("Staff"), {"fields": ["is_active", "is_staff", "is_superuser", "groups"]})
        return [person, rights, (_("Dates"), {"fields": ["date_joined", "last_login"]})]

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> list[str]:
        if obj is None:
            return []
        # The address is the key to the door: only its owner changes it. Rights are given by those who have all.
        rights = [] if request.user.is_superuser else ["is_staff", "is_superuser", "groups"]
        return ["email", "date_joined", "last_login", *rights]

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        if obj is not None and obj.is_staff and not request.user.is_superuser:
            return False
        return super().has_change_permission(request, obj)

    def get_inlines(self, request: HttpRequest, obj: User | None = None) -> list[Any]:
        return [MembershipInline] if obj else []

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:  # noqa: FBT001 - Django's
        if change:
            super().save_model(request, obj, form, change)
        else:
            obj.pk = enrol(obj.email, name=obj.name, language=obj.language).pk
            obj.refresh_from_db()
