"""What pauses dunning, until when, by whom and why: staff place, extend and lift it here."""

from __future__ import annotations

from typing import Any, cast

from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from .. import clock, holding
from ..models import Hold, HoldKind, User
from ..states import Incomplete
from .forms import ModelForm
from .showing import Kept

ASKED = ["kind", "account", "invoice", "seller", "ends_at", "reason"]
# The customer's own: once for a debt, once a year.
BY_THE_CUSTOMER = {HoldKind.GRACE}


class NewHoldForm(ModelForm):
    """Of an account, of one of its invoices, or of everything a seller is owed."""

    class Meta:
        model = Hold
        fields = tuple(ASKED)

    may_pause_a_seller = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        left_out = BY_THE_CUSTOMER if self.may_pause_a_seller else BY_THE_CUSTOMER | {HoldKind.SELLER_PAUSE}
        kinds = [choice for choice in HoldKind.choices if choice[0] not in left_out]
        self.fields["kind"].choices = [("", "---------"), *kinds]  # type: ignore[attr-defined]

    def clean_ends_at(self) -> Any:
        ends_at = self.cleaned_data["ends_at"]
        if ends_at <= clock.now():
            raise ValidationError(_("A hold ends in the future."))
        return ends_at

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        account, invoice, seller = (cleaned.get(name) for name in ("account", "invoice", "seller"))
        if cleaned.get("kind") == HoldKind.SELLER_PAUSE:
            if seller is None or account or invoice:
                raise ValidationError(_("A pause is of a seller, and of no account or invoice."))
        elif account is None or seller:
            raise ValidationError(_("Say which account is put on hold; a seller is only paused."))
        elif invoice and invoice.account_id != account.pk:
            raise ValidationError(_("The invoice is another account's."))
        return cleaned


class LongerForm(ModelForm):
    """A later end."""

    class Meta:
        model = Hold
        fields = ("ends_at",)

    def clean_ends_at(self) -> Any:
        ends_at = self.cleaned_data["ends_at"]
        if ends_at < self.initial["ends_at"]:
            raise ValidationError(_("A hold is extended to a later end; to end it now, lift it on the list."))
        return ends_at


@admin.register(Hold)
class HoldAdmin(Kept):
    list_display = ["reference", "kind", "account", "invoice", "seller", "starts_at", "ends_at", "lifted_at"]
    list_select_related = ["account", "invoice", "seller"]
    list_filter = ["kind", "ends_at", ("lifted_at", admin.EmptyFieldListFilter)]
    search_fields = ["^reference", "^invoice__number", "^account__reference", "account__legal_name"]
    autocomplete_fields = ["account", "invoice", "seller"]
    actions = ["lift"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("billing.add_hold"))

    def has_change_permission(self, request: HttpRequest, obj: Hold | None = None) -> bool:
        """Only the end of a hold that is open."""
        is_open = obj is not None and obj.is_in_force(at=clock.now())
        return is_open and self.has_act_permission(request)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:  # noqa: FBT001, FBT002 - Django's
        if change:
            return super().get_form(request, obj, change, form=LongerForm, **kwargs)
        form: Any = super().get_form(request, obj, change, form=NewHoldForm, **kwargs)
        form.may_pause_a_seller = request.user.has_perm("billing.change_seller")
        return form

    def get_fields(self, request: HttpRequest, obj: Hold | None = None) -> Any:
        return super().get_fields(request, obj) if obj else ASKED

    def get_readonly_fields(self, request: HttpRequest, obj: Hold | None = None) -> Any:
        return [name for name in self.get_fields(request, obj) if name != "ends_at"] if obj else []

    def save_model(self, request: HttpRequest, obj: Hold, form: Any, change: bool) -> None:  # noqa: FBT001 - Django's
        user, at = cast("User", request.user), clock.now()
        if not change:
            on = obj.seller or obj.invoice or obj.account
            if on is None:
                raise Incomplete(obj)
            placed = holding.place(obj.kind, on=on, until=obj.ends_at, reason=obj.reason, by=user, at=at)
        elif "ends_at" in form.changed_data:
            placed = holding.extend(Hold.objects.get(pk=obj.pk), until=obj.ends_at, by=user, at=at)
        else:
            return
        obj.pk = placed.pk
        obj.refresh_from_db()

    @admin.action(description=_("Lift now"), permissions=["act"])
    def lift(self, request: HttpRequest, holds: QuerySet[Hold]) -> None:
        for hold in self.each(request, holds, act="lifted the hold"):
            try:
                holding.lift(hold, by=cast("User", request.user), at=clock.now())
            except holding.NotOpen:
                messages.info(request, _("%(hold)s: over already.") % {"hold": hold})
