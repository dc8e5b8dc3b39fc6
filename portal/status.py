"""How an invoice and a service stand, as a tone, an icon and a word: never by colour alone."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from billing.models import Invoice, Subscription
from billing.states import InvoiceState, SubscriptionState


@dataclass(frozen=True, slots=True)
class Status:
    """What a badge shows."""

    tone: str
    icon: str
    word: str | Promise


OF_INVOICE = {
    InvoiceState.PAID: Status("success", "check", _("Paid")),
    InvoiceState.VOID: Status("muted", "minus", _("Void")),
    InvoiceState.UNCOLLECTIBLE: Status("muted", "minus", _("Written off")),
    InvoiceState.DRAFT: Status("muted", "minus", _("Draft")),
}
OF_SERVICE = {
    SubscriptionState.ACTIVE: Status("success", "check", _("Active")),
    SubscriptionState.PAST_DUE: Status("warning", "warning", _("Past due")),
    SubscriptionState.WARNED: Status("danger", "clock", _("Will stop")),
    SubscriptionState.SUSPENDED: Status("danger", "stop", _("Stopped")),
    SubscriptionState.CANCELED: Status("danger", "stop", _("Canceled")),
    SubscriptionState.DELETED: Status("muted", "minus", _("Deleted")),
}
OF_LINE = {
    "paid": Status("success", "check", _("Paid")),
    "failed": Status("danger", "stop", _("Not paid")),
    "checking": Status("info", "clock", _("Checking")),
    "action": Status("warning", "warning", _("Approval needed")),
    "unpaid": Status("warning", "minus", _("Not charged")),
}


def of_invoice(invoice: Invoice, *, today: dt.date) -> Status:
    if invoice.state != InvoiceState.OPEN:
        return OF_INVOICE[InvoiceState(invoice.state)]
    if invoice.is_past_due(on=today):
        return Status("danger", "warning", _("Overdue"))
    if invoice.refused_at:
        return Status("warning", "warning", _("Card declined"))
    if invoice.is_due(on=today):
        return Status("info", "clock", _("Due today"))
    return Status("info", "clock", _("Not yet due"))


def of_service(service: Subscription) -> Status:
    return OF_SERVICE[SubscriptionState(service.state)]
