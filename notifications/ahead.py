"""What will happen to an account and when, as a letter tells it: from the outlook and from its own events."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from billing.models import Event, Subscription
from billing.money import Money
from billing.outlook import Outlook, sums

from .letters import Step

KEPT_UNTIL = {"service.canceled", "service.left", "service.deletion_announced"}
CODES = ("charge", "stop", "cancel", "delete")

Planned = tuple[str, datetime, Subscription | None, Money | None]


def announced(events: Iterable[Event]) -> tuple[Step, ...]:
    """Return what these events announce, each moment once."""
    return _grouped(step for step in map(_announcement, events) if step is not None)


def _announcement(event: Event) -> Planned | None:
    service, account = event.subscription, event.account
    if service is None or account is None:
        return None
    if event.type == "service.warned" and service.suspend_at is not None:
        return "stop", service.suspend_at, service, None
    if event.type == "service.suspended" and service.cancel_at is not None:
        return "cancel", service.cancel_at, service, None
    if event.type == "service.leaving" and service.leaves_at is not None:
        return "leave", service.leaves_at, service, None
    if event.type == "service.erasure_demanded":
        return "erase", datetime.fromisoformat(event.codes["due_at"]), service, None
    if event.type in KEPT_UNTIL and service.delete_on is not None:
        return "delete", account.moment(service.delete_on, 0), service, None
    return None


def steps(now: Outlook, events: Sequence[Event], *, at: datetime) -> tuple[Step, ...]:
    """Return everything that lies ahead; nothing past."""
    planned: list[Planned] = [
        (coming.code, coming.at, coming.subscription, coming.money) for coming in now.upcoming if coming.code in CODES
    ]
    planned += [step for step in map(_announcement, events) if step is not None]
    return _grouped(step for step in planned if step[1] > at)


def _grouped(planned: Iterable[Planned]) -> tuple[Step, ...]:
    """Put what happens at the same moment into one step, in order of time."""
    groups: dict[tuple[datetime, str], list[Planned]] = {}
    for step in planned:
        groups.setdefault((step[1], step[0]), []).append(step)
    return tuple(
        Step(
            code=code,
            at=moment,
            services=names(service for _, _, service, _ in together if service is not None),
            amounts=tuple(sums(money for _, _, _, money in together if money is not None)),
        )
        for (moment, code), together in sorted(groups.items(), key=lambda group: group[0])
    )


def names(services: Iterable[Subscription]) -> tuple[str, ...]:
    """Return each service's name once."""
    return tuple(dict.fromkeys(service.name for service in services))
