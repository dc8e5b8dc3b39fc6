"""
Alerts about what is owed and what it has cost so far, the worst first.

A service that has stopped and one that will stop are two alerts, never one sentence.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from billing.declines import advice
from billing.models import Payment, Subscription
from billing.states import SubscriptionState

from .alert import Alert, Facts, Severity
from .hold_alerts import graced, waiting
from .wording import card, hour, listing, long_date, money

DELETION_SOON_DAYS = 60


def debt(facts: Facts) -> Iterator[Alert]:
    canceled = facts.unpaid(SubscriptionState.CANCELED)
    suspended = facts.unpaid(SubscriptionState.SUSPENDED)
    warned = facts.services(SubscriptionState.WARNED)
    if canceled:
        yield _canceled(facts, canceled)
    if suspended:
        yield graced(facts) or _suspended(facts, suspended)
    if warned:
        yield _warned(facts, warned)
    owed = any(invoice.is_owed(on=facts.outlook.today) for invoice in facts.payable)
    if owed and not (canceled or suspended or warned):
        failure = facts.last_failure
        yield waiting(facts) or (_charge_failed(facts, failure) if failure else _past_due(facts, None))


def _canceled(facts: Facts, services: list[Subscription]) -> Alert:
    delete_on = min(service.delete_on for service in services if service.delete_on)
    words = {"date": long_date(delete_on), "amount": facts.owed}
    days = (delete_on - facts.outlook.today).days
    if days < 0:
        title = _("Your data may be deleted at any time.")
        return Alert(
            "deletion_soon", Severity.DANGER, title, _("Pay %(amount)s now to prevent this.") % words, *facts.pay()
        )
    if days <= DELETION_SOON_DAYS:
        title = _("Your data will be deleted on %(date)s.") % words
        text = _("We cannot undo this. Pay %(amount)s before then and your services come back.") % words
        return Alert("deletion_soon", Severity.DANGER, title, text, *facts.pay())
    title = _names(
        facts,
        services,
        _("Your services are canceled."),
        ngettext("%(names)s is canceled.", "%(names)s are canceled.", len(services)),
    )
    text = _("Nothing has been deleted. Pay %(amount)s and everything comes back. Data is kept until %(date)s.") % words
    return Alert("canceled", Severity.DANGER, title, text, *facts.pay())


def _suspended(facts: Facts, services: list[Subscription]) -> Alert:
    title = _names(
        facts,
        services,
        _("Your services have stopped."),
        ngettext("%(names)s has stopped.", "%(names)s have stopped.", len(services)),
    )
    text = _("Nothing has been deleted. Pay %(amount)s and everything comes back, by card within a minute.")
    text = text % {"amount": facts.owed}
    moments = (service.cancel_at for service in services)
    cancel_at = min((moment for moment in moments if moment and moment > facts.at), default=None)
    if cancel_at:
        text += " " + _("Without payment, cancellation follows on %(moment)s.") % {"moment": facts.moment(cancel_at)}
    return Alert("suspended", Severity.DANGER, title, text, *facts.pay(), cancel_at)


def _warned(facts: Facts, services: list[Subscription]) -> Alert:
    stop_at = min((service.suspend_at for service in services if service.suspend_at), default=None)
    if stop_at is None or stop_at <= facts.at:
        return _past_due(facts, stop_at)
    zone = facts.outlook.account.time_zone
    days = (facts.outlook.account.today(stop_at) - facts.outlook.today).days
    if days > 1:
        return _past_due(facts, stop_at)
    words = {"date": long_date(facts.outlook.account.today(stop_at)), "hour": hour(stop_at, zone), "amount": facts.owed}
    if days == 1:
        every = _("Your services stop tomorrow, %(date)s, at %(hour)s.")
        some = ngettext(
            "%(names)s stops tomorrow, %(date)s, at %(hour)s.",
            "%(names)s stop tomorrow, %(date)s, at %(hour)s.",
            len(services),
        )
        text = _("Pay %(amount)s today to prevent this.")
    else:
        every = _("Your services stop today, %(date)s, at %(hour)s.")
        some = ngettext(
            "%(names)s stops today, %(date)s, at %(hour)s.",
            "%(names)s stop today, %(date)s, at %(hour)s.",
            len(services),
        )
        text = _("Pay %(amount)s now to prevent this.")
    title = _names(facts, services, every, some, **words)
    return Alert("last_warning", Severity.DANGER, title, text % words, *facts.pay(), stop_at)


def _past_due(facts: Facts, stop_at: dt.datetime | None) -> Alert:
    stop_at = stop_at or facts.next_stop_at
    sentences = [_since(facts)]
    if failure := facts.last_failure:
        sentences.append(str(advice(failure.decline_code).reason))
    broken = facts.outlook.promise_broken_on is not None
    code = "promise_broken" if broken else "past_due"
    title = _("Payment was promised and is overdue.") if broken else _("Payment overdue.")
    if stop_at and stop_at > facts.at:
        sentences.append(_("Services stop on %(moment)s.") % {"moment": facts.moment(stop_at)})
        return Alert(code, Severity.DANGER, title, " ".join(sentences), *facts.pay(), stop_at)
    if stop_at and facts.outlook.account.pays_by_card:
        sentences.append(_("Your services may stop at any time."))
    return Alert(code, Severity.DANGER, title, " ".join(sentences), *facts.pay())


def _since(facts: Facts) -> str:
    days = {invoice.due_on for invoice in facts.payable if invoice.due_on}
    words = {"amount": facts.owed, "date": long_date(min(days, default=facts.outlook.today))}
    if len(days) == 1:
        return _("%(amount)s was due on %(date)s.") % words
    return _("%(amount)s is due; the oldest invoice fell due on %(date)s.") % words


def _charge_failed(facts: Facts, failure: Payment) -> Alert:
    words = {
        "amount": money(failure.money),
        "card": card(failure.payment_method) if failure.payment_method else _("your card"),
        "date": long_date(facts.outlook.account.today(failure.settled_at or failure.created_at)),
    }
    sentences = [
        str(advice(failure.decline_code).reason),
        _("We tried to charge %(amount)s to %(card)s on %(date)s.") % words,
    ]
    stop_at = facts.next_stop_at
    if stop_at:
        before = _("To keep your services running, pay or change your card before %(moment)s.")
        sentences.append(before % {"moment": facts.moment(stop_at)})
    else:
        sentences.append(_("To keep your services running, pay or change your card."))
    title = _("We could not charge your card.")
    return Alert("charge_failed", Severity.WARNING, title, " ".join(sentences), *facts.pay(), stop_at)


def _names(facts: Facts, services: list[Subscription], every: str, some: str, **words: str) -> str:
    names = listing([service.name for service in services])
    return (every if facts.everything(services) else some) % {"names": names, **words}
