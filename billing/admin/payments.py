"""Money on its way; what became of it is the gateway's word, and staff's only where the gateway has none."""

from __future__ import annotations

from typing import Any, cast

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from .. import cards, charging, clock, refunds, returns
from ..applying import NotEnoughCredit
from ..gateways.base import GatewayUnavailable
from ..models import Allocation, CardVisit, Payment, PaymentMethod, Settlement, SettlementLine, User
from ..refundable import NotRefundable
from .asking import Refused, ask_first
from .giving_back import GivesBack, told, words
from .money_forms import FreeForm, ReturnForm
from .showing import Kept, KeptInline, Part


class AllocationInline(KeptInline):
    model = Allocation
    fields = ["at", "invoice", "amount_shown"]


@admin.register(Payment)
class PaymentAdmin(GivesBack):
    list_display = ["reference", "account", "amount_shown", "state", "trigger", "created_at"]
    list_select_related = ["account"]
    list_filter = ["state", "trigger", "created_at"]
    search_fields = [
        "^reference",
        "=gateway_reference",
        "=idempotency_key",
        "^account__reference",
        "account__legal_name",
    ]
    # Whoever has the address of an approval page can act on it.
    hidden = ("action_url",)
    inlines = [AllocationInline]
    actions = ["ask_again", "give_up", "give_back", "free_and_give_back", "record_return"]

    @admin.action(description=_("Ask the gateway again"), permissions=["act"])
    def ask_again(self, request: HttpRequest, payments: QuerySet[Payment]) -> None:
        undecided = payments.undecided()  # type: ignore[attr-defined]
        checked = [
            charging.check(payment, at=clock.now())
            for payment in self.each(request, undecided, act="asked the gateway again")
        ]
        for payment in checked:
            messages.info(request, f"{payment}: {payment.get_state_display()}")
        left = payments.count() - len(checked)
        if left:
            told = ngettext(
                "%(number)d payment was not asked about: it is decided, or the gateway is slow.",
                "%(number)d payments were not asked about: they are decided, or the gateway is slow.",
                left,
            )
            messages.warning(request, told % {"number": left})

    @admin.action(description=_("Was never charged: end it"), permissions=["act"])
    def give_up(self, request: HttpRequest, payments: QuerySet[Payment]) -> None:
        undecided = payments.undecided()  # type: ignore[attr-defined]
        for payment in self.each(request, undecided, act="ended it as never charged"):
            try:
                ended = charging.give_up(payment, by=cast("User", request.user), at=clock.now())
            except charging.MayStillArrive:
                messages.warning(
                    request,
                    _("%(payment)s: the gateway may still charge it; try again a day after it was asked.")
                    % {"payment": payment},
                )
                continue
            messages.info(request, f"{ended}: {ended.get_state_display()}")

    @admin.action(description=_("Give back what paid an invoice, and open it again"), permissions=["refund"])
    def free_and_give_back(self, request: HttpRequest, payments: QuerySet[Payment]) -> HttpResponse | None:
        by = cast("User", request.user)

        def do(payment: Payment, typed: dict[str, Any]) -> str:
            how = {"reason": typed["reason"], "by": by, "at": clock.now()}
            try:
                return told(refunds.free_and_request(payment, typed["invoice"], **how))
            except (NotEnoughCredit, NotRefundable) as refusal:
                raise Refused(words(refusal, payment.currency)) from refusal

        return ask_first(self, request, payments, form=FreeForm, act="gave back what paid an invoice", do=do)

    def has_return_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("billing.add_return")

    @admin.action(description=_("The bank took it back"), permissions=["return"])
    def record_return(self, request: HttpRequest, payments: QuerySet[Payment]) -> HttpResponse | None:
        by = cast("User", request.user)

        def do(payment: Payment, typed: dict[str, Any]) -> str:
            try:
                return str(returns.record_return(payment, by=by, at=clock.now(), **typed))
            except returns.NotReceived as refusal:
                raise Refused(_("This payment was not received.")) from refusal
            except NotEnoughCredit as refusal:
                raise Refused(_("The payment has not as much left.")) from refusal

        return ask_first(self, request, payments, form=ReturnForm, act="booked that the bank took it back", do=do)


@admin.register(PaymentMethod)
class PaymentMethodAdmin(Kept):
    list_display = ["__str__", "account", "exp_month", "exp_year", "is_default", "blocked_reason", "removed_at"]
    list_select_related = ["account"]
    list_filter = ["is_default", "added_at", "removed_at"]
    search_fields = ["^reference", "=last4", "^account__reference", "account__legal_name"]
    hidden = ("token", "fingerprint")


class SettlementLineInline(KeptInline):
    model = SettlementLine
    fields = ["invoice", "version", "amount_shown"]


@admin.register(Settlement)
class SettlementAdmin(Kept):
    list_display = ["reference", "account", "purpose", "created_by", "created_at", "consumed_at"]
    list_select_related = ["account", "created_by"]
    list_filter = ["purpose", "created_at"]
    search_fields = ["^reference", "^account__reference", "account__legal_name", "created_by__email"]
    inlines = [SettlementLineInline]


@admin.register(SettlementLine)
class SettlementLineAdmin(Part):
    list_display = ["settlement", "invoice", "version", "amount_shown"]
    list_select_related = ["settlement", "invoice"]
    search_fields = ["^settlement__reference", "^invoice__number"]


@admin.register(CardVisit)
class CardVisitAdmin(Kept):
    list_display = ["reference", "account", "settlement", "started_by", "started_at", "finished_at", "payment_method"]
    list_select_related = ["account", "settlement", "started_by", "payment_method"]
    list_filter = ["started_at", ("finished_at", admin.EmptyFieldListFilter)]
    search_fields = ["^reference", "=session_id", "^account__reference", "account__legal_name", "started_by__email"]
    # The address of a visit is the right to make it.
    hidden = ("url",)
    actions = ["look_again"]

    @admin.action(description=_("Look again at the gateway"), permissions=["act"])
    def look_again(self, request: HttpRequest, visits: QuerySet[CardVisit]) -> None:
        for visit in self.each(request, visits, act="looked again at the gateway"):
            try:
                cards.finish(visit, at=clock.now())
            except GatewayUnavailable:
                messages.warning(request, _("%(visit)s: the gateway does not answer.") % {"visit": visit})
                continue
            if visit.finished_at is None:
                messages.info(request, _("%(visit)s is still open at the gateway.") % {"visit": visit})
            else:
                messages.success(request, _("%(visit)s has ended.") % {"visit": visit})
