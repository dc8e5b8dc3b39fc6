"""Change what stands on an account's next invoices."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from .events import record
from .models import Account, User


@transaction.atomic
def change(account: Account, details: Mapping[str, Any], *, by: User, at: datetime) -> Account:
    """Write these fields of the account and no others, and say so; nothing changed says nothing."""
    account = Account.objects.locked().get(pk=account.pk)
    changed = {name: value for name, value in details.items() if getattr(account, name) != value}
    if "vat_id" in changed:
        changed["vat_id_checked_at"] = None
    if changed:
        Account.objects.filter(pk=account.pk).update(**changed)
        record("profile.changed", at=at, account=account, actor=by, fields=sorted(set(changed) & set(details)))
    account.refresh_from_db()
    return account
