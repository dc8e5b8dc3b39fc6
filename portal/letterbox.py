"""Read the mails that Django's file backend wrote, newest first."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from pathlib import Path

from django.conf import settings

SEPARATOR = b"\n" + b"-" * 79 + b"\n"


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail as its recipient reads it."""

    reference: str
    sent_at: dt.datetime
    recipient: str
    subject: str
    text: str
    html: str


def letters() -> list[Letter]:
    folder = Path(settings.EMAIL_FILE_PATH) if getattr(settings, "EMAIL_FILE_PATH", None) else None
    found = [] if folder is None else [letter for file in folder.glob("*.log") for letter in _read(file)]
    return sorted(found, key=lambda letter: letter.sent_at, reverse=True)


def find(reference: str) -> Letter | None:
    return next((letter for letter in letters() if letter.reference == reference), None)


def _read(file: Path) -> Iterator[Letter]:
    for raw in file.read_bytes().split(SEPARATOR):
        if raw.strip():
            message = message_from_bytes(raw, policy=policy.default)
            assert isinstance(message, EmailMessage)
            yield Letter(
                reference=hashlib.sha256(raw).hexdigest()[:16],
                sent_at=_date(message),
                recipient=str(message.get("To", "")),
                subject=str(message.get("Subject", "")),
                text=_part(message, "plain"),
                html=_part(message, "html"),
            )


def _date(message: EmailMessage) -> dt.datetime:
    try:
        sent_at = parsedate_to_datetime(str(message["Date"]))
    except (TypeError, ValueError):
        return dt.datetime.fromtimestamp(0, dt.UTC)
    # "-0000" says UTC without a place.
    return sent_at if sent_at.tzinfo else sent_at.replace(tzinfo=dt.UTC)


def _part(message: EmailMessage, kind: str) -> str:
    part = message.get_body(preferencelist=(kind,))
    return str(part.get_content()) if part is not None else ""
