"""Refunds, returns and disputes: money that goes back."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from .. import bank_refunds, charging, clock, disputes, refunds
from ..gateways.base import GatewayUnavailable
from ..models import Dispute, Refund, Return, User
from ..states import InvalidTransition
from .asking import Refused, ask_first
from .giving_back import told
from .money_forms import AnswerForm, PaidOutForm
from .showing import Kept


@admin.register(Refund)
class RefundAdmin(Kept):
    list_display = ["reference", "account", "amount_shown", "destination", "state", "requested_at", "requested_by"]
    list_select_related = ["account", "requested_by"]
    list_filter = ["state", "destination", "requested_at"]
    search_fields = ["^reference", "^payment__reference", "^account__reference", "account__legal_name"]
    actions = ["ask_again", "give_up", "approve", "reject", "paid_out", "not_payable"]

    @admin.action(description=_("Ask the gateway again"), permissions=["act"])
    def ask_again(self, request: HttpRequest, rows: QuerySet[Refund]) -> None:
        self._all(request, rows, lambda row: refunds.check(row, at=clock.now()), act="asked the gateway again")

    @admin.action(description=_("Was never paid: end it"), permissions=["act"])
    def give_up(self, request: HttpRequest, rows: QuerySet[Refund]) -> None:
        by = cast("User", request.user)
        self._all(request, rows, lambda row: refunds.give_up(row, by=by, at=clock.now()), act="ended it as never paid")

    @admin.action(description=_("Approve: let the transfer be made"), permissions=["act"])
    def approve(self, request: HttpRequest, rows: QuerySet[Refund]) -> None:
        by = cast("User", request.user)
        self._all(request, rows, lambda row: bank_refunds.approve(row, by=by, at=clock.now()), act="approved it")

    @admin.action(description=_("Reject: do not pay it"), permissions=["act"])
    def reject(self, request: HttpRequest, rows: QuerySet[Refund]) -> None:
        by = cast("User", request.user)
        self._all(request, rows, lambda row: bank_refunds.reject(row, by=by, at=clock.now()), act="rejected it")

    @admin.action(description=_("The bank did not take the transfer"), permissions=["act"])
    def not_payable(self, request: HttpRequest, rows: QuerySet[Refund]) -> None:
        by = cast("User", request.user)
        self._all(
            request,
            rows,
            lambda row: bank_refunds.not_payable(row, by=by, at=clock.now()),
            act="said that the bank did not take it",
        )

    @admin.action(description=_("Paid out"), permissions=["act"])
    def paid_out(self, request: HttpRequest, rows: QuerySet[Refund]) -> HttpResponse | None:
        by = cast("User", request.user)

        def do(row: Refund, typed: dict[str, str]) -> str:
            try:
                return told([bank_refunds.paid_out(row, bank_reference=typed["bank_reference"], by=by, at=clock.now())])
            except (InvalidTransition, bank_refunds.NotByBank) as refusal:
                raise Refused(refused(refusal, row)) from refusal

        return ask_first(self, request, rows, form=PaidOutForm, act="said that it is paid", do=do)

    def _all(self, request: HttpRequest, rows: QuerySet[Refund], do: Callable[[Refund], Refund], *, act: str) -> None:
        for row in self.each(request, rows, act=act):
            try:
                messages.info(request, told([do(row)]))
            except (
                InvalidTransition,
                bank_refunds.NotByBank,
                bank_refunds.SamePerson,
                charging.MayStillArrive,
            ) as refusal:
                messages.warning(request, refused(refusal, row))


def refused(refusal: Exception, row: Refund) -> str:
    """Say why the act does not fit the refund."""
    words = {
        bank_refunds.NotByBank: _("%(refund)s goes to a card: the gateway says what becomes of it."),
        bank_refunds.SamePerson: _("%(refund)s was asked for by you: someone else must approve it."),
        charging.MayStillArrive: _("%(refund)s may still be paid; try again a day after it was asked for."),
        InvalidTransition: _("%(refund)s does not wait for that."),
    }
    return words[type(refusal)] % {"refund": row}


@admin.register(Return)
class ReturnAdmin(Kept):
    list_display = ["payment", "amount_shown", "reason_code", "bank_reference", "at"]
    list_select_related = ["payment"]
    list_filter = ["at"]
    search_fields = ["^payment__reference", "=bank_reference", "^payment__account__reference"]


@admin.register(Dispute)
class DisputeAdmin(Kept):
    list_display = ["payment", "amount_shown", "reason", "state", "opened_at", "respond_by"]
    list_select_related = ["payment"]
    list_filter = ["state", "opened_at"]
    search_fields = ["^payment__reference", "=gateway_reference", "^payment__account__reference"]
    actions = ["look_again", "answer"]

    @admin.action(description=_("Look again at the gateway"), permissions=["act"])
    def look_again(self, request: HttpRequest, rows: QuerySet[Dispute]) -> None:
        for row in self.each(request, rows.select_related("payment"), act="looked again at the gateway"):
            try:
                messages.info(request, str(disputes.look_again(row, at=clock.now())))
            except (GatewayUnavailable, disputes.NotOurs):
                messages.warning(request, _("%(dispute)s: the gateway does not answer.") % {"dispute": row})

    @admin.action(description=_("Answer"), permissions=["act"])
    def answer(self, request: HttpRequest, rows: QuerySet[Dispute]) -> HttpResponse | None:
        by = cast("User", request.user)

        def do(row: Dispute, typed: dict[str, str]) -> str:
            try:
                return str(disputes.answer(row, text=typed["answer"], by=by, at=clock.now()))
            except GatewayUnavailable as error:
                raise Refused(_("The gateway does not answer; nothing was handed in.")) from error

        return ask_first(self, request, rows, form=AnswerForm, act="answered it", do=do)
