"""Mails as their reader understands them: what they announce, and for when."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from email.message import EmailMessage
from zoneinfo import ZoneInfo

from babel.dates import get_month_names

from tests.factories import ZONE
from tests.mailbox import html_of, one_line, subject_of, text_of

MONTHS = [get_month_names(locale=language)[month] for language in ("en", "nl") for month in range(1, 13)]
DATE = rf"(\d{{1,2}}) ({'|'.join(MONTHS)}) (\d{{4}})"
WHEN = rf"{DATE}(?: (?:at|om) (\d\d):(\d\d))?"
# What has been may be told of with its date; what is announced may not lie behind.
TOLD = rf"(?:due(?: on)?|Received on|vervallen(?: op)?|vervaldatum) {DATE}"
STEP = rf"^- {WHEN}\n((?:  \S.*\n?)+)"
KINDS = {
    "Payment failed": "refused",
    "Reminder": "reminded",
    "Services will stop": "warned",
    "Stopped": "suspended",
    "Canceled": "canceled",
    "Data will be deleted": "deletion",
    "Receipt": "receipt",
    "Approval needed": "approval",
}


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail and the moment at which the mail server took it."""

    at: datetime
    to: str
    subject: str
    body: str
    html: str

    @classmethod
    def of(cls, message: EmailMessage, *, at: datetime) -> Letter:
        body = text_of(message).replace("\r\n", "\n").replace("\u00a0", " ").replace("\u202f", " ")
        return cls(at, str(message["To"]), subject_of(message).replace("\u00a0", " "), body, html_of(message))

    @property
    def day(self) -> date:
        return self.at.astimezone(ZoneInfo(ZONE)).date()

    @property
    def kind(self) -> str:
        return next((kind for words, kind in KINDS.items() if self.subject.startswith(words)), self.subject)

    @property
    def text(self) -> str:
        return one_line(self.body)

    @property
    def links(self) -> list[str]:
        return re.findall(r"https?://\S+", self.body)

    def announced(self) -> list[date]:
        """Return every date that the mail names as still to come."""
        ahead = re.sub(TOLD, "", self.text)
        return [_date(*found) for found in re.findall(DATE, ahead)]

    def steps(self) -> dict[str, datetime]:
        """Return what the mail says will happen: ``charge``, ``stop``, ``cancel`` and ``delete``, and when."""
        found = {}
        for day, month, year, hour, minute, words in re.findall(STEP, self.body, flags=re.MULTILINE):
            on = _date(day, month, year)
            found[_act(words)] = datetime(
                on.year, on.month, on.day, int(hour or 0), int(minute or 0), tzinfo=ZoneInfo(ZONE)
            )
        return found


def _date(day: str, month: str, year: str) -> date:
    return date(int(year), MONTHS.index(month) % 12 + 1, int(day))


def _act(words: str) -> str:
    for part, act in (("charge", "charge"), ("stop", "stop"), ("canceled", "cancel"), ("deleted", "delete")):
        if part in words:
            return act
    return one_line(words)
