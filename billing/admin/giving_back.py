"""The act that gives credit back, on the lists of payments and of credit notes."""

from __future__ import annotations

from typing import Any, cast

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from .. import bank_refunds, clock, refunds
from ..applying import Credit, NotEnoughCredit
from ..models import Refund, User
from ..money import Money
from ..refundable import CreditHasChanged, NotRefundable
from ..written import amount
from .asking import Refused, ask_first
from .money_forms import BY_BANK, KEEP, GiveBackForm
from .showing import Kept


class GivesBack(Kept):
    """A list of rows with unapplied credit."""

    def has_refund_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("billing.add_refund")

    @admin.action(description=gettext_lazy("Give credit back"), permissions=["refund"])
    def give_back(self, request: HttpRequest, credits_: QuerySet[Any]) -> HttpResponse | None:
        by = cast("User", request.user)
        return ask_first(
            self,
            request,
            credits_,
            form=GiveBackForm,
            act="gave credit back",
            do=lambda credit, typed: _give_back(credit, typed, by=by),
        )


def _give_back(credit: Credit, typed: dict[str, Any], *, by: User) -> str:
    # As the page showed it: what was given back in between refuses a second press of the button.
    credit.unapplied = typed["seen"]
    at = clock.now()
    if typed["way"] == KEEP:
        refunds.keep(credit, reason=typed["reason"], by=by, at=at)
        return _("It stays as credit.")
    try:
        if typed["way"] == BY_BANK:
            how = {name: typed[name] for name in ("iban", "account_holder", "reason")}
            made = [bank_refunds.request(credit, typed["amount"], by=by, at=at, **how)]
        else:
            made = refunds.request(credit, typed["amount"], reason=typed["reason"], by=by, at=at)
    except (CreditHasChanged, NotEnoughCredit, NotRefundable) as refusal:
        raise Refused(words(refusal, credit.currency)) from refusal
    return told(made)


def words(refusal: Exception, currency: str) -> str:
    """Say why nothing was given back."""
    if isinstance(refusal, NotRefundable):
        most = amount(Money(refusal.amount, currency))
        return _("The charges can give back %(amount)s at most; the rest can go by bank.") % {"amount": most}
    if isinstance(refusal, CreditHasChanged):
        return _("Meanwhile some of the credit was used or given back. Look again.")
    return _("There is not as much credit.")


def told(made: list[Refund]) -> str:
    return ", ".join(f"{refund} {amount(refund.money)}: {refund.get_state_display()}" for refund in made)
