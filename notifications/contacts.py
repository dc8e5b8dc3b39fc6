"""Who is told: the people who may pay, and the addresses an account has named. Viewers are told nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import QuerySet

from billing.models import Account, Contact, Membership, Role, User

from .models import Delivery

TOLD_ROLES = (Role.ADMINISTRATOR, Role.PAYER)


@dataclass(frozen=True, slots=True)
class Recipient:
    """An address with the language of the person who reads it; a member may pay, a contact need not sign in."""

    email: str
    language: str
    user: User | None = None
    contact: Contact | None = None
    kinds: frozenset[str] = frozenset()

    def is_told(self, kind: str) -> bool:
        """Say whether the reader gets mail of a kind; mail of no kind goes to everyone."""
        return self.user is not None or not kind or kind in self.kinds


def by_account(accounts: Iterable[Account]) -> dict[int, list[Recipient]]:
    """Return the recipients of each account, one per address; a member comes before a contact of the same address."""
    found: dict[int, dict[str, Recipient]] = {account.pk: {} for account in accounts}
    for membership in _told().filter(account__in=found).select_related("user").order_by("pk"):
        user = membership.user
        _keep(found[membership.account_id], Recipient(email=user.email, language=user.language, user=user))
    for contact in Contact.objects.filter(account__in=found).order_by("pk"):
        recipient = Recipient(
            email=contact.email, language=contact.language, contact=contact, kinds=frozenset(contact.kinds)
        )
        _keep(found[contact.account_id], recipient)
    return {key: list(recipients.values()) for key, recipients in found.items()}


def _keep(recipients: dict[str, Recipient], recipient: Recipient) -> None:
    if recipient.email:
        recipients.setdefault(recipient.email.lower(), recipient)


def is_still_told(mail: Delivery) -> bool:
    """Say whether the reader still belongs to the account; who has left must not read its mail."""
    if mail.user_id is None:
        return True
    return _told().filter(account=mail.account_id, user=mail.user_id).exists()


def _told() -> QuerySet[Membership]:
    return Membership.objects.filter(role__in=TOLD_ROLES, user__is_active=True)
