"""Tell staff by mail what they must not hear from customers first: a run that stopped itself, and tomorrow's stops."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation

from billing import tomorrow
from billing.models import Event

from . import rendering
from .envelopes import new_message_id
from .models import Delivery

TYPES = ("dunning.stopped", "dunning.stops_tomorrow")


@transaction.atomic
def dispatch(*, at: datetime) -> int:
    """Make one mail to ``STAFF_EMAIL`` for each event that staff must hear of; returns how many."""
    events = Event.objects.undispatched().filter(type__in=TYPES).select_for_update(of=("self",), skip_locked=True)
    mails = [_delivery(event, at=at) for event in events]
    Delivery.objects.bulk_create(mails)
    Event.objects.undispatched().filter(pk__in=[mail.event_id for mail in mails]).update(dispatched_at=at)
    return len(mails)


def _delivery(event: Event, *, at: datetime) -> Delivery:
    return Delivery(
        event=event,
        recipient=settings.STAFF_EMAIL,
        language=settings.LANGUAGE_CODE,
        message_id=new_message_id(),
        next_action_at=at,
        created_at=at,
    )


def is_for_staff(mail: Delivery) -> bool:
    """Say whether a mail is of no account: those go to staff alone."""
    return mail.account_id is None


def render(mail: Delivery) -> rendering.Mail:
    """Render a mail to staff from its event's codes, and from the services that it names."""
    context = {
        "event": mail.event,
        "brand_name": settings.BRAND_NAME,
        "language": mail.language,
        "tasks": settings.BASE_URL + reverse("admin:billing_stafftask_changelist"),
        "stops": _stops(mail.event),
    }
    name = f"emails/staff/{mail.event.type}"
    with translation.override(mail.language):
        subject = render_to_string(f"{name}.subject.txt", context)
        text = render_to_string(f"{name}.txt", context)
        html = render_to_string(f"{name}.html", context)
    return rendering.Mail(rendering.one_line(subject), rendering.wrapped(text), html)


def _stops(event: Event) -> list[dict[str, Any]]:
    """Return the stops of the day after the event that it names and that still lie ahead, with where to look."""
    named = set(event.codes.get("services", ()))
    return [
        {
            "stop": stop,
            "page": settings.BASE_URL + reverse("admin:billing_subscription_change", args=[stop.service.pk]),
        }
        for stop in (tomorrow.stops(at=event.at) if named else [])
        if stop.service.pk in named
    ]
