"""What a hold is, in a sentence for the account's own people."""

from __future__ import annotations

from collections.abc import Callable

from django.utils.translation import gettext as _

from billing.models import HoldKind

HELD: dict[str, Callable[[], str]] = {
    HoldKind.TRANSFER: lambda: _("A bank transfer was said to be on its way."),
    HoldKind.PROMISE: lambda: _("Payment was promised."),
    HoldKind.DISPUTE: lambda: _("What is owed is disputed."),
    HoldKind.SUPPORT: lambda: _("What is owed waits for an answer from support."),
    HoldKind.RECOVERY: lambda: _("What is owed waits until access to the account is recovered."),
    HoldKind.INSOLVENCY: lambda: _("What is owed is on hold because of an insolvency."),
    HoldKind.LEGAL: lambda: _("What is owed is on hold for a legal reason."),
    HoldKind.STAFF: lambda: _("We agreed to wait for payment."),
    HoldKind.GRACE: lambda: _("The emergency grace was taken."),
}


def held(kind: str) -> str:
    return HELD[kind]() if kind in HELD else _("What is owed is on hold.")
