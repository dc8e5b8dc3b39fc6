"""Whether a notice has been out: what the mail server accepted is written as ``notice.sent``."""

from __future__ import annotations

from datetime import datetime

from .models import Event


def first_out(event: Event) -> datetime | None:
    """Return when the notice of an event was first accepted for any recipient."""
    sent = Event.objects.filter(regards=event, type="notice.sent").order_by("at").first()
    return sent.at if sent else None
