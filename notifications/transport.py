"""Speak to the mail server and say in one word what it answered."""

from __future__ import annotations

import logging
import smtplib
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import Self

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

logger = logging.getLogger(__name__)

PERMANENT = 500


class Verdict(StrEnum):
    """What became of one mail in a drain."""

    ACCEPTED = "sent"
    REFUSED = "refused by the server"
    DEFERRED = "postponed by the server"
    UNREACHABLE = "unreachable"
    BROKEN = "broken"
    UNTRUE = "no longer true"
    PROMOTED = "promoted"


@dataclass(frozen=True, slots=True)
class Answer:
    """The verdict and, when it is not acceptance, a code for staff."""

    verdict: Verdict
    error: str = ""


class Sender:
    """One connection for a drain, opened when first needed and again after trouble."""

    def __init__(self, connection: BaseEmailBackend) -> None:
        self.connection = connection
        self.is_open = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def send(self, message: EmailMessage) -> Answer:
        """Hand over a message; only a clear yes of the server is acceptance."""
        try:
            if not self.is_open:
                self.connection.open()
                self.is_open = True
            self.connection.send_messages([message])
        except (smtplib.SMTPException, OSError) as error:
            self._close()
            return _answer(error)
        return Answer(Verdict.ACCEPTED)

    def _close(self) -> None:
        if self.is_open:
            self.is_open = False
            try:
                self.connection.close()
            except (smtplib.SMTPException, OSError):
                logger.info("the mail server was gone when the connection was closed")


def _answer(error: smtplib.SMTPException | OSError) -> Answer:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, words = next(iter(error.recipients.values()))
        return _refusal(code, words)
    if isinstance(error, smtplib.SMTPDataError):
        return _refusal(error.smtp_code, error.smtp_error)
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return Answer(Verdict.REFUSED, "the server cannot take this address")
    if isinstance(error, smtplib.SMTPResponseException):
        # Greeting, sign-in and sender concern every mail, not this one.
        return Answer(Verdict.UNREACHABLE, _words(error.smtp_code, error.smtp_error))
    return Answer(Verdict.UNREACHABLE, type(error).__name__)


def _refusal(code: int, words: bytes | str) -> Answer:
    verdict = Verdict.REFUSED if code >= PERMANENT else Verdict.DEFERRED
    return Answer(verdict, _words(code, words))


def _words(code: int, words: bytes | str) -> str:
    text = words.decode(errors="replace") if isinstance(words, bytes) else words
    return f"{code} {text}"[:300]
