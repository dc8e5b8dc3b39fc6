"""Alerts about what makes dunning wait: a promise, a grace, or another hold, and until when."""

from __future__ import annotations

import datetime as dt

from django.utils.translation import gettext as _

from billing.models import HoldKind

from .alert import Alert, Facts, Severity
from .hold_words import held
from .wording import long_date


def graced(facts: Facts) -> Alert | None:
    """While the emergency grace lasts, what had stopped is on."""
    grace = facts.outlook.grace
    if grace is None:
        return None
    words = {"moment": facts.moment(grace.ends_at), "amount": facts.owed}
    title = _("Your services are on until %(moment)s.") % words
    text = _("You took the emergency grace. Pay %(amount)s before then and they stay on.") % words
    return Alert("grace", Severity.WARNING, title, text, *facts.pay(), grace.ends_at)


def waiting(facts: Facts) -> Alert | None:
    """All that is owed is on hold: nothing follows until it ends, and paying is possible at any time."""
    hold = facts.outlook.grace or facts.outlook.hold_on(facts.payable)
    if hold is None:
        return None
    words = {"moment": facts.moment(hold.ends_at), "amount": facts.owed}
    if hold.kind == HoldKind.PROMISE:
        day = facts.outlook.account.today(hold.ends_at) - dt.timedelta(days=1)
        title = _("You promised to pay %(amount)s by %(date)s.") % {**words, "date": long_date(day)}
        text = _("Until then nothing stops because of it. You can pay at any time.")
        return Alert("promised", Severity.INFO, title, text, *facts.pay(), hold.ends_at)
    text = _("Nothing stops because of it until %(moment)s. You can pay %(amount)s at any time.") % words
    return Alert("on_hold", Severity.INFO, held(hold.kind), text, *facts.pay(), hold.ends_at)
