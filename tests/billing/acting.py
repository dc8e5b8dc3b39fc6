"""What time, the mail server, card holders and others at the same moment do in these tests."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

from django.db import connection
from django.db.models import F

from billing import charging, dunning, invoicing, reconciling, retention
from billing.batches import Counts
from billing.events import record
from billing.gateways.sandbox import Engine, pages
from billing.models import Account, CardVisit, Event, Payment, Subscription
from billing.scope import EVERYONE, Scope
from tests.factories import MONDAY, InvoiceFactory, PaymentMethodFactory, SubscriptionFactory


def owing(card: str = "good", **service: Any) -> Subscription:
    """Make a service with one invoice, issued and due on Monday, and a named card on file."""
    subscription = SubscriptionFactory(next_invoice_at=None, **service)
    InvoiceFactory(subscription=subscription, issued=MONDAY)
    if card:
        PaymentMethodFactory(
            account=subscription.account, card=card, gateway_account=subscription.seller.gateway_account
        )
    return subscription


def send_notices(at: dt.datetime) -> None:
    """Stand in for the mail server: everything that waits is accepted at once."""
    for event in Event.objects.undispatched().exclude(type__startswith="notice."):
        Event.objects.filter(pk=event.pk).update(dispatched_at=at)
        record("notice.sent", at=at, regards=event, account=event.account, type=event.type)


def run_jobs(at: dt.datetime, scope: Scope = EVERYONE) -> Counts:
    """Do what the night does, without the mail."""
    jobs = (reconciling.run, invoicing.run, charging.collect, dunning.run, retention.run)
    return sum((job(at=at, scope=scope) for job in jobs), start=Counter())


def live_through(account: Account, first: dt.date, days: int, *, hour: int = 12) -> None:
    """Let the jobs run and the mail go out once on each of a number of days."""
    for n in range(days):
        at = account.moment(first + dt.timedelta(days=n), hour)
        run_jobs(at)
        send_notices(at)


def days_of(event_type: str, account: Account, since: dt.date, **about: object) -> list[int]:
    """Return on which days after a date an event was written."""
    events = Event.objects.filter(type=event_type, account=account, **about).order_by("pk")
    return [(account.today(event.at) - since).days for event in events]


def announced_stops(service: Subscription) -> list[dt.date]:
    """Return the dates on which a stop was announced, in the order of the announcements."""
    events = Event.objects.filter(type="service.warned", subscription=service).order_by("pk")
    return [service.today(dt.datetime.fromisoformat(event.codes["suspend_at"])) for event in events]


def submit_card(sandbox: Engine, visit: CardVisit, card: str) -> None:
    """Choose a named card on the gateway's page."""
    pages.respond(sandbox, "POST", f"/sessions/{visit.session_id}", {"card": card})


def turn_back(sandbox: Engine, visit: CardVisit) -> None:
    """Press cancel on the gateway's page."""
    pages.respond(sandbox, "POST", f"/sessions/{visit.session_id}", {"action": "cancel"})


def answer(sandbox: Engine, payment: Payment, action: str) -> None:
    """Approve or refuse on the bank's page."""
    reference = next(c.reference for c in sandbox.charges() if c.idempotency_key == payment.idempotency_key)
    pages.respond(sandbox, "POST", f"/approvals/{reference}", {"action": action})


def asked_when_begun() -> None:
    """Let the gateway have been asked in the past that a test plays, not by the real clock."""
    Payment.objects.update(asked_at=F("created_at"))


def together(*acts: Callable[[], Any]) -> list[Any]:
    """Call all at the same moment, each in a thread of its own; what was raised stands in the place of a result."""
    barrier = Barrier(len(acts))

    def call(act: Callable[[], Any]) -> Any:
        barrier.wait()
        try:
            return act()
        except Exception as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(call, acts))
