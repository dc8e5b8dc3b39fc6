"""Settings that would let the portal run unsafely are refused before it starts."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register


@register(Tags.security)
def play_money_is_for_play(**kwargs: Any) -> list[CheckMessage]:
    """Refuse the sandbox gateway in production unless it is allowed on purpose."""
    if settings.GATEWAY != "sandbox" or settings.DEBUG or settings.SANDBOX_ALLOWED:
        return []
    hint = "Choose a real gateway with GATEWAY, or set SANDBOX_ALLOWED=true where no real money is meant to move."
    return [Error("GATEWAY is the sandbox, which moves no money, and DEBUG is off.", hint=hint, id="portal.E001")]


@register(Tags.security)
def demo_is_for_play(**kwargs: Any) -> list[CheckMessage]:
    """Refuse an open mailbox and a printed password where anything but a trial may run."""
    if settings.DEBUG or not settings.DEMO:
        return []
    hint = "Take DEMO away; it shows all mail to everyone and signs in with a printed password."
    return [Error("DEMO is on and DEBUG is off.", hint=hint, id="portal.E003")]


@register(Tags.security, deploy=True)
def product_can_ask(**kwargs: Any) -> list[CheckMessage]:
    """Warn when nobody can ask for access, because there is no token."""
    if settings.DEBUG or settings.PRODUCT_API_TOKEN:
        return []
    hint = "Set PRODUCT_API_TOKEN to 32 or more random characters and give it to the product."
    return [Warning("The access endpoint refuses everyone: no token is set.", hint=hint, id="portal.W001")]


@register(Tags.compatibility)
def every_wait_has_an_end(**kwargs: Any) -> list[CheckMessage]:
    """Refuse a database connection that could wait for ever."""
    return [
        Error(f"DATABASES[{alias!r}] has no {missing}.", id="portal.E002")
        for alias, database in settings.DATABASES.items()
        for missing in missing_limits(database)
    ]


def missing_limits(database: dict[str, Any]) -> list[str]:
    options = database.get("OPTIONS", {})
    if database["ENGINE"].endswith("sqlite3"):
        return [name for name in ("timeout", "transaction_mode") if not options.get(name)]
    session = str(options.get("options", ""))
    limits = [name for name in ("statement_timeout", "lock_timeout") if name not in session]
    return limits + [name for name in ("connect_timeout",) if not options.get(name)]
