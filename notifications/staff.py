"""Tell staff by mail that a run stopped itself: customers must not be the first to notice."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation

from billing.models import Event

from . import rendering
from .envelopes import new_message_id
from .models import Delivery

TYPES = ("dunning.stopped",)


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
    """Render a mail to staff from its event's codes."""
    context = {
        "event": mail.event,
        "brand_name": settings.BRAND_NAME,
        "language": mail.language,
        "tasks": settings.BASE_URL + reverse("admin:billing_stafftask_changelist"),
    }
    name = f"emails/staff/{mail.event.type}"
    with translation.override(mail.language):
        subject = render_to_string(f"{name}.subject.txt", context)
        text = render_to_string(f"{name}.txt", context)
        html = render_to_string(f"{name}.html", context)
    return rendering.Mail(rendering.one_line(subject), rendering.wrapped(text), html)
