"""
A mail server in this process: it keeps what it accepts and misbehaves on demand.

``messages`` are parsed. ``answers`` are given to the next recipients in turn (``"451
try later"``), ``refusals`` to certain recipients always; ``drops`` and ``hangs`` say
how many of the next mails are taken, and then not answered. ``pause`` is how long
each mail takes.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from django.test import override_settings

ACCEPTED = "250 OK"
# The server's own talk would bury what a failing test has to say.
logging.getLogger("mail.log").setLevel(logging.WARNING)


class FreePort(Controller):
    """Takes whatever port is free, and the same one when it is started again."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


class Mailbox:
    """Everything one mail server has taken, and how it shall behave next."""

    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []
        self.answers: deque[str] = deque()
        self.refusals: dict[str, str] = {}
        self.drops = 0
        self.hangs = 0
        self.pause = 0.0
        self.port = 0
        self.server: FreePort | None = None

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        answer = self.refusals.get(address) or (self.answers.popleft() if self.answers else ACCEPTED)
        if answer == ACCEPTED:
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        self.messages.append(message_from_bytes(envelope.content, _class=EmailMessage, policy=policy.default))
        await asyncio.sleep(self.pause)
        if self.drops:
            self.drops -= 1
            server.transport.abort()
        if self.hangs:
            self.hangs -= 1
            await asyncio.sleep(2)
        return ACCEPTED

    def start(self) -> None:
        self.server = FreePort(self, hostname="127.0.0.1", port=self.port)
        self.server.start()
        self.port = self.server.port

    def stop(self) -> None:
        if self.server is not None:
            self.server.stop()
            self.server = None

    def to(self, address: str) -> list[EmailMessage]:
        return [message for message in self.messages if message["To"] == address]


def subject_of(message: EmailMessage) -> str:
    return str(message["Subject"]).strip()


def text_of(message: EmailMessage) -> str:
    return _part(message, "plain")


def html_of(message: EmailMessage) -> str:
    return _part(message, "html")


def one_line(text: str) -> str:
    """Undo the wrapping, to look for a sentence."""
    return " ".join(text.replace("\r\n", "\n").replace("\n", " ").split())


def _part(message: EmailMessage, kind: str) -> str:
    body = message.get_body((kind,))
    assert body is not None, f"the mail has no {kind} part"
    return str(body.get_content())


@contextmanager
def open_mailbox() -> Iterator[Mailbox]:
    """Run a server for a while and make Django's mail go there."""
    mailbox = Mailbox()
    mailbox.start()
    smtp = {"EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend", "EMAIL_HOST": "127.0.0.1"}
    try:
        with override_settings(**smtp, EMAIL_PORT=mailbox.port, EMAIL_TIMEOUT=1):
            yield mailbox
    finally:
        mailbox.stop()


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with open_mailbox() as mailbox:
        yield mailbox
