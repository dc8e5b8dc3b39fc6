"""Who may act for an account: there is always somebody who may do everything."""

from __future__ import annotations

from .models import Membership, Role


def is_the_last_administrator(membership: Membership) -> bool:
    """Say whether the account would be left without an administrator who can sign in."""
    if membership.role != Role.ADMINISTRATOR:
        return False
    administrators = Membership.objects.filter(
        account=membership.account_id, role=Role.ADMINISTRATOR, user__is_active=True
    )
    return not administrators.exclude(pk=membership.pk).exists()
