"""Tell staff each afternoon which services stop tomorrow, while there is time to look at them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings

from . import clock, paused, standing
from .batches import Counts, Watch, unwatched
from .events import record
from .models import Subscription
from .money import Money
from .outlook import sums
from .scope import EVERYONE, Scope
from .states import Incomplete, SubscriptionState

AFTERNOON = 15


@dataclass(frozen=True, slots=True)
class Stop:
    """A service that stops at its announced moment unless someone pays or decides otherwise."""

    service: Subscription
    at: datetime
    owed: list[Money]
    needs_a_person: bool


def run(*, at: datetime, scope: Scope = EVERYONE, watch: Watch = unwatched) -> Counts:
    """Write once a day, from the operator's afternoon on, what stops tomorrow; counts ``stops told``."""
    today = clock.local_date(at, settings.TIME_ZONE)
    if scope != EVERYONE or at < clock.local_moment(today, AFTERNOON, settings.TIME_ZONE):
        return Counter()
    found = stops(at=at)
    if not found:
        return Counter()
    services = [stop.service.pk for stop in found]
    told = record("dunning.stops_tomorrow", at=at, key=f"stops_tomorrow:{today}", services=services)
    return Counter({"stops told": len(found)}) if told else Counter()


def stops(*, at: datetime) -> list[Stop]:
    """Return what stops on the day after ``at`` in the operator's zone, in order of time."""
    tomorrow = clock.local_date(at, settings.TIME_ZONE) + timedelta(days=1)
    first = clock.local_moment(tomorrow, 0, settings.TIME_ZONE)
    last = clock.local_moment(tomorrow + timedelta(days=1), 0, settings.TIME_ZONE)
    announced = Subscription.objects.filter(
        state=SubscriptionState.WARNED, suspend_at__gte=first, suspend_at__lt=last, account__time_zone__in=clock.zones()
    )
    found = [_stop(service, at=at) for service in announced.select_related("account").order_by("suspend_at", "pk")]
    return [stop for stop in found if stop is not None]


def _stop(service: Subscription, *, at: datetime) -> Stop | None:
    """Return the stop of a service, unless all that is owed for it is on hold."""
    if service.suspend_at is None:
        raise Incomplete(service)
    owed = standing.owed_by_service(service, on=service.today(at))
    if not paused.of(service.account).pressing(owed, at=at):
        return None
    return Stop(
        service=service,
        at=service.suspend_at,
        owed=sums(invoice.due_money for invoice in owed),
        needs_a_person=service.account.decide_before_suspension,
    )
