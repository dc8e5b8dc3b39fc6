"""The message around a mail: who it is from, how it threads, and that a machine made it."""

from __future__ import annotations

import uuid
from email.utils import parseaddr

from django.conf import settings
from django.core.mail import EmailMultiAlternatives

from .models import Delivery


def mail_host() -> str:
    """Return the host that mail comes from, for message ids."""
    return parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2] or "localhost"


def new_message_id() -> str:
    """Return a Message-ID (RFC 5322) that no other mail has."""
    return f"<{uuid.uuid4().hex}@{mail_host()}>"


def message(delivery: Delivery) -> EmailMultiAlternatives:
    """Return the message of a rendered delivery; its Message-ID is the same at every attempt."""
    headers = {
        "Message-ID": delivery.message_id,
        "Auto-Submitted": "auto-generated",
        # Not "All": that would also suppress the reports that a mail could not be delivered.
        "X-Auto-Response-Suppress": "OOF, AutoReply",
        "Content-Language": delivery.language,
    }
    if delivery.account is not None:
        headers["References"] = f"<account-{delivery.account.reference}@{mail_host()}>"
    mail = EmailMultiAlternatives(
        subject=delivery.subject,
        body=delivery.text,
        from_email=settings.DEFAULT_FROM_EMAIL,
        to=[delivery.recipient],
        reply_to=[settings.SUPPORT_EMAIL],
        headers=headers,
    )
    mail.attach_alternative(delivery.html, "text/html")
    return mail
