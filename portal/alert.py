"""An alert, and the facts it is computed from, with the eyes of one member."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from billing.models import Invoice, Membership, Payment, Subscription
from billing.outlook import Outlook, sums
from billing.states import DisabledReason, SubscriptionState

from .wording import amounts, moment


class Severity(StrEnum):
    DANGER = "danger"
    WARNING = "warning"
    INFO = "info"
    SUCCESS = "success"


WORDS = {
    "checking": gettext_lazy("Checking a payment"),
    "need_auth": gettext_lazy("Approval needed"),
    "deletion_soon": gettext_lazy("Data will be deleted"),
    "canceled": gettext_lazy("Canceled"),
    "suspended": gettext_lazy("Stopped"),
    "last_warning": gettext_lazy("Stops soon"),
    "charge_failed": gettext_lazy("Card declined"),
    "past_due": gettext_lazy("Overdue"),
    "promised": gettext_lazy("Promised"),
    "promise_broken": gettext_lazy("Not paid as promised"),
    "on_hold": gettext_lazy("On hold"),
    "grace": gettext_lazy("Emergency grace"),
    "card_expired": gettext_lazy("Card expired"),
    "card_blocked": gettext_lazy("Card refused"),
    "no_card": gettext_lazy("No card"),
    "due_soon": gettext_lazy("Due soon"),
    "card_expiring": gettext_lazy("Card expires soon"),
    "email_unverified": gettext_lazy("E-mail not confirmed"),
    "paid": gettext_lazy("Paid"),
}


@dataclass(frozen=True, slots=True)
class Alert:
    """One fact the reader must know, and the one thing to do about it."""

    code: str
    severity: Severity
    title: str
    text: str
    action_url: str = ""
    action_label: str = ""
    deadline: dt.datetime | None = None

    @property
    def word(self) -> str | Promise:
        """The alert in a word or two, for lists of accounts."""
        return WORDS[self.code]


def may_be_paid_again(payment: Payment, *, at: dt.datetime) -> bool:
    """Whether the bank has not answered for so long that the debt may be paid another way."""
    return payment.is_live and not payment.is_in_the_way(at=at)


@dataclass(frozen=True, slots=True)
class Facts:
    """The outlook of an account at a moment, as one member may act on it."""

    outlook: Outlook
    membership: Membership
    at: dt.datetime

    @property
    def payable(self) -> list[Invoice]:
        """What is due and may be paid now: whatever is under way may not be asked for again."""
        busy = {
            (payment.seller_id, payment.currency) for payment in self.outlook.live if payment.is_in_the_way(at=self.at)
        }
        return [invoice for invoice in self.outlook.due if (invoice.seller_id, invoice.currency) not in busy]

    @property
    def owed(self) -> str:
        return amounts(sums(invoice.due_money for invoice in self.payable))

    @property
    def last_failure(self) -> Payment | None:
        """The newest refusal of something that may be paid now."""
        wanted = {(invoice.seller_id, invoice.currency) for invoice in self.payable}
        return next((each for each in self.outlook.failures if (each.seller_id, each.currency) in wanted), None)

    @property
    def next_stop_at(self) -> dt.datetime | None:
        return next((each.at for each in self.outlook.upcoming if each.code == "stop" and each.at > self.at), None)

    @property
    def email_is_verified(self) -> bool:
        """Whether mail may be sent to the reader; taken to be so where nobody has asked."""
        return bool(getattr(self.membership, "email_verified", True))

    def page(self, name: str) -> str:
        return reverse(name, args=[self.outlook.account.reference])

    def moment(self, at: dt.datetime) -> str:
        return moment(at, self.outlook.account.time_zone)

    def services(self, state: str) -> list[Subscription]:
        return [service for service in self.outlook.services if service.state == state]

    def unpaid(self, state: str) -> list[Subscription]:
        """Services in ``state`` for no other reason than that they are not paid."""
        return [each for each in self.services(state) if each.disabled_reasons == [DisabledReason.NONPAYMENT]]

    def everything(self, services: list[Subscription]) -> bool:
        """Whether these are all the services, so that they need no names."""
        kept = [service for service in self.outlook.services if service.state != SubscriptionState.DELETED]
        return len(services) == len(kept) > 1

    def everything_is_under_way(self) -> bool:
        """Whether all that is due is being paid, so that nobody may be asked to pay it again."""
        return bool(self.outlook.live) and not self.payable

    def card_works(self) -> bool:
        method = self.outlook.card
        return bool(method and not method.blocked_reason and not method.is_expired(on=self.outlook.today))

    def pay(self) -> tuple[str, str]:
        """Where to pay and what the button says: with the card on file when it works, else with a new one."""
        if not self.membership.may_pay:
            return f"{self.page('profile')}#people", _("See who can pay")
        if not self.payable:
            return self.page("help"), _("Contact us")
        if not self.card_works():
            return self._pay_without_card()
        return self.page("settle"), _("Pay %(amount)s") % {"amount": self.owed}

    def _pay_without_card(self) -> tuple[str, str]:
        account, due = self.outlook.account, self.payable
        if not account.pays_by_card:
            address = reverse("invoice", args=[account.reference, due[0].reference])
            return f"{address}#transfer", _("See how to pay")
        label = _("Change card and pay %(amount)s") if self.outlook.card else _("Add a card and pay %(amount)s")
        return self.page("card_change"), label % {"amount": self.owed}

    def change_card(self) -> tuple[str, str]:
        if not self.membership.may_pay:
            return f"{self.page('profile')}#people", _("See who can pay")
        return self.page("card_change"), _("Change card") if self.outlook.card else _("Add a card")
