"""
What the reader must know now, computed from facts, so that no alert outlives its cause.

Every money alert says the amount and the date and leads to one action. Nothing is shown
when all is well. First comes what forbids paying again, then debt by what it has cost
already, then what will go wrong later.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from django.urls import reverse
from django.utils.translation import gettext as _

from billing.models import Membership, Payment
from billing.outlook import Outlook, sums
from billing.states import PaymentState

from .alert import Alert, Facts, Severity, may_be_paid_again
from .debt_alerts import debt
from .wording import amounts, card, long_date, money, month

DUE_SOON_DAYS = 7
CARD_EXPIRES_SOON_DAYS = 30


def alerts(outlook: Outlook, *, membership: Membership, at: dt.datetime) -> list[Alert]:
    """Return what the reader must know, most urgent first."""
    facts = Facts(outlook, membership, at)
    found = _needs(facts)
    if not facts.email_is_verified:
        found.append(_unverified(facts))
    return found or list(_received(facts))


def alerts_of_account(outlook: Outlook, *, membership: Membership, at: dt.datetime) -> list[Alert]:
    """Return what concerns the account; whether the reader's own address is confirmed is said on its pages."""
    facts = Facts(outlook, membership, at)
    return _needs(facts) or list(_received(facts))


def _needs(facts: Facts) -> list[Alert]:
    owing = [] if facts.everything_is_under_way() else debt(facts)
    return [*_undecided(facts), *owing, *_card(facts), *_due_soon(facts)]


def _undecided(facts: Facts) -> Iterator[Alert]:
    live = [payment for payment in facts.outlook.live if payment.is_live]
    doubtful = [payment for payment in live if may_be_paid_again(payment, at=facts.at)]
    checked = [each for each in live if each.state != PaymentState.REQUIRES_ACTION and each not in doubtful]
    if checked:
        text = _("Please do not pay again. We keep asking the bank and e-mail you as soon as we know.")
        address = reverse("payment_return", args=[facts.outlook.account.reference, checked[0].reference])
        action = (address, _("Check again")) if facts.membership.may_pay else ("", "")
        yield Alert("checking", Severity.INFO, _checking(checked), text, *action)
    if doubtful:
        text = _("Your bank has not answered for over an hour. You can wait, or pay another way.")
        action = (facts.pay()[0], _("Pay another way")) if facts.membership.may_pay and facts.payable else ("", "")
        yield Alert("checking", Severity.WARNING, _checking(doubtful), text, *action)
    for payment in live:
        if payment.state == PaymentState.REQUIRES_ACTION:
            title = _("Your bank asks you to approve %(amount)s.") % {"amount": money(payment.money)}
            action = (payment.action_url, _("Approve payment")) if facts.membership.may_pay else facts.pay()
            yield Alert("need_auth", Severity.WARNING, title, _("This takes about a minute."), *action)


def _checking(payments: list[Payment]) -> str:
    amount = amounts(sums(payment.money for payment in payments))
    return _("We are checking your payment of %(amount)s.") % {"amount": amount}


def _card(facts: Facts) -> Iterator[Alert]:
    outlook, method = facts.outlook, facts.outlook.card
    if not outlook.account.pays_by_card or outlook.owed or all(service.is_off for service in outlook.services):
        return
    if method is None:
        text = _("We charge a card automatically, but there is none on file. Add one to keep your services running.")
        yield Alert("no_card", Severity.WARNING, _("There is no card on file."), text, *facts.change_card())
        return
    words = {"card": card(method), "month": month(method.exp_year, method.exp_month)}
    if method.is_expired(on=outlook.today):
        title = _("%(card)s has expired.") % words
        yield Alert("card_expired", Severity.WARNING, title, _next_charge(facts), *facts.change_card())
    elif method.blocked_reason:
        title = _("Your bank no longer accepts %(card)s.") % words
        yield Alert("card_blocked", Severity.WARNING, title, _next_charge(facts), *facts.change_card())
    elif (method.expires_on() - outlook.today).days < CARD_EXPIRES_SOON_DAYS:
        title = _("%(card)s expires at the end of %(month)s.") % words
        yield Alert("card_expiring", Severity.WARNING, title, _next_charge(facts), *facts.change_card())


def _next_charge(facts: Facts) -> str:
    charges = [each.at for each in facts.outlook.upcoming if each.code in ("charge", "invoice")]
    if not charges:
        return _("Add a new card to keep your services running.")
    day = long_date(facts.outlook.account.today(min(charges)))
    return _("Add a new card before the next charge on %(date)s.") % {"date": day}


def _due_soon(facts: Facts) -> Iterator[Alert]:
    outlook = facts.outlook
    if outlook.owed:
        return
    days = [invoice.due_on for invoice in (*facts.payable, *outlook.coming) if invoice.due_on]
    first = min(days, default=None)
    if first is None or (first - outlook.today).days > DUE_SOON_DAYS:
        return
    invoices = [invoice for invoice in (*facts.payable, *outlook.coming) if invoice.due_on == first]
    words = {"amount": amounts(sums(invoice.due_money for invoice in invoices)), "date": long_date(first)}
    today = first <= outlook.today
    title = _("%(amount)s is due today, %(date)s.") if today else _("%(amount)s is due on %(date)s.")
    if outlook.account.pays_by_card and facts.card_works() and outlook.card:
        text = _("We will charge %(card)s today.") if today else _("We will charge %(card)s on that day.")
        text = text % {"card": card(outlook.card)}
    else:
        text = _("Pay on time and nothing changes.")
    address = reverse("invoice", args=[outlook.account.reference, invoices[0].reference])
    yield Alert("due_soon", Severity.INFO, title % words, text, address, _("View invoice"))


def _received(facts: Facts) -> Iterator[Alert]:
    """Thank for what came in during the last day, when nothing else is to say."""
    outlook = facts.outlook
    if not outlook.received or outlook.due:
        return
    title = _("Payment received: %(amount)s.")
    title = title % {"amount": amounts(sums(payment.money for payment in outlook.received))}
    running = not any(service.is_off for service in outlook.services)
    text = _("Your services are running.") if running else _("Nothing is owed any more.")
    yield Alert("paid", Severity.SUCCESS, title, text)


def _unverified(facts: Facts) -> Alert:
    words = {"email": facts.membership.user.email}
    title = _("Confirm your e-mail address.")
    text = _("Until you do, our e-mails about payments may not reach %(email)s.") % words
    return Alert("email_unverified", Severity.WARNING, title, text, reverse("account_email"), _("Send the link"))
