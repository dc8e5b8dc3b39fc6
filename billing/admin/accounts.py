"""Accounts, with how they stand on top of the page, and the people and addresses that belong to them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.db import transaction
from django.db.models import QuerySet, Sum
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from .. import clock, standing, terms
from ..administrators import is_the_last_administrator
from ..events import record
from ..models import Account, CollectionMethod, Contact, Event, Hold, LedgerEntry, Membership, Payment, User
from ..money import Money
from ..outlook import outlook
from .forms import AccountForm, ContactForm, MembershipForm
from .showing import KeptInline, Shown

LAST_PAYMENTS = 5
LAST_EVENTS = 10


class MembershipInline(KeptInline):
    model = Membership
    fields = ["user", "role", "successor"]
    show_change_link = True


class ContactInline(KeptInline):
    model = Contact
    fields = ["email", "name", "language", "health"]
    show_change_link = True


class HoldInline(KeptInline):
    model = Hold
    fields = ["kind", "invoice", "reason", "starts_at", "ends_at", "created_by", "lifted_at"]
    show_change_link = True


@admin.register(Account)
class AccountAdmin(Shown):
    form = AccountForm
    list_display = ["legal_name", "reference", "city", "country", "collection_method", "created_at"]
    list_filter = ["collection_method", "language", "decide_before_suspension", "created_at"]
    search_fields = ["^reference", "legal_name", "=vat_id", "memberships__user__email", "contacts__email"]
    readonly_fields = ["reference", "vat_id_checked_at", "created_at"]
    fieldsets = [
        (None, {"fields": ["reference", "legal_name", "street", "postal_code", "city", "country"]}),
        (_("Invoices"), {"fields": ["vat_id", "vat_id_checked_at", "purchase_order_number", "language", "time_zone"]}),
        (
            _("Paying"),
            {"fields": ["collection_method", "terms_days", "policy_name", "decide_before_suspension", "created_at"]},
        ),
    ]
    actions = ["refresh_standing", "pay_by_card", "pay_by_invoice"]

    def get_readonly_fields(self, request: HttpRequest, obj: Account | None = None) -> list[str]:
        """How an account pays is changed by an act on the list, which changes what was planned as well."""
        return [*self.readonly_fields, "collection_method"] if obj else self.readonly_fields

    def get_inlines(self, request: HttpRequest, obj: Account | None = None) -> list[Any]:
        return [MembershipInline, ContactInline, HoldInline] if obj else []

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        account = self.get_object(request, unquote(object_id))
        shown = {}
        # In a time zone that no clock knows nothing can be told; the page must open all the same, to mend it.
        if account and account.time_zone in clock.zones() and self.has_view_permission(request):
            shown = how_it_stands(account, at=clock.now())
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **shown})

    def save_model(self, request: HttpRequest, obj: Account, form: Any, change: bool) -> None:  # noqa: FBT001 - Django's
        super().save_model(request, obj, form, change)
        if change and form.changed_data:
            record("profile.changed", at=clock.now(), account=obj, actor=request.user, fields=form.changed_data)

    @admin.action(description=_("Work out anew how it stands"), permissions=["change"])
    def refresh_standing(self, request: HttpRequest, accounts: QuerySet[Account]) -> None:
        done = 0
        for account in accounts:
            self.log_change(request, account, "worked out anew how it stands")
            with transaction.atomic():
                standing.refresh(Account.objects.locked().get(pk=account.pk), at=clock.now())
            done += 1
        told = ngettext("%(number)d account worked out anew.", "%(number)d accounts worked out anew.", done)
        messages.success(request, told % {"number": done})

    @admin.action(description=_("Let it pay by card, automatically"), permissions=["change"])
    def pay_by_card(self, request: HttpRequest, accounts: QuerySet[Account]) -> None:
        self._let_pay(request, accounts, CollectionMethod.CHARGE_AUTOMATICALLY)

    @admin.action(description=_("Let it pay by bank transfer, from an invoice"), permissions=["change"])
    def pay_by_invoice(self, request: HttpRequest, accounts: QuerySet[Account]) -> None:
        self._let_pay(request, accounts, CollectionMethod.SEND_INVOICE)

    def _let_pay(self, request: HttpRequest, accounts: QuerySet[Account], to: CollectionMethod) -> None:
        others = list(accounts.exclude(collection_method=to))
        for account in others:
            self.log_change(request, account, f"changed how it pays to {to}")
            terms.change_collection_method(account, to, by=cast("User", request.user), at=clock.now())
        told = ngettext(
            "%(number)d account pays in another way from now on.",
            "%(number)d accounts pay in another way from now on.",
            len(others),
        )
        messages.success(request, told % {"number": len(others)})


def how_it_stands(account: Account, *, at: datetime) -> dict[str, Any]:
    """Collect what the top of the page shows."""
    sums = LedgerEntry.objects.filter(account=account).values_list("currency").annotate(Sum("amount"))
    payments = Payment.objects.for_account(account).order_by("-pk").select_related("seller", "payment_method")
    events = Event.objects.for_account(account).order_by("-pk")
    return {
        "outlook": outlook(account, at=at),
        "balances": [Money(amount, currency) for currency, amount in sums.order_by("currency")],
        "last_payments": payments[:LAST_PAYMENTS],
        "last_events": events.select_related("invoice", "payment", "subscription", "actor")[:LAST_EVENTS],
    }


@admin.register(Membership)
class MembershipAdmin(Shown):
    form = MembershipForm
    list_display = ["user", "account", "role", "successor", "created_at"]
    list_select_related = ["user", "account", "successor"]
    list_filter = ["role", "created_at"]
    search_fields = ["user__email", "user__name", "^account__reference", "account__legal_name"]
    autocomplete_fields = ["user", "account", "successor"]

    def get_readonly_fields(self, request: HttpRequest, obj: Membership | None = None) -> list[str]:
        return ["user", "account", "created_at"] if obj else []

    def has_delete_permission(self, request: HttpRequest, obj: Membership | None = None) -> bool:
        """One at a time, and never the last administrator."""
        may = request.user.has_perm("billing.delete_membership")
        return may and obj is not None and not is_the_last_administrator(obj)


@admin.register(Contact)
class ContactAdmin(Shown):
    form = ContactForm
    list_display = ["email", "account", "name", "language", "health", "verified_at"]
    list_select_related = ["account"]
    list_filter = ["health", "language"]
    search_fields = ["email", "name", "^account__reference", "account__legal_name"]
    autocomplete_fields = ["account"]
    readonly_fields = ["health", "verified_at"]

    def get_readonly_fields(self, request: HttpRequest, obj: Contact | None = None) -> list[str]:
        return ["account", *self.readonly_fields] if obj else self.readonly_fields

    def has_delete_permission(self, request: HttpRequest, obj: Contact | None = None) -> bool:
        return obj is not None and request.user.has_perm("billing.delete_contact")
