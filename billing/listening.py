"""
What the product has asked, and what it was told: it is the product that keeps a service off.

After a service that it was told to keep off is on again, the product should ask within
half an hour; when it has not, staff are told.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Q

from .batches import Counts, Watch, for_each_account, unwatched
from .models import Account, Subscription, TaskKind
from .scope import EVERYONE, Scope
from .staffing import ask_staff

# A product that asks for every request of its own costs one write a minute.
NOTED_EVERY = timedelta(minutes=1)


def note(subscription: Subscription, *, level: str, at: datetime) -> None:
    """Note that the product has asked and what it was told."""
    worth_noting = Q(product_asked_at=None) | Q(product_asked_at__lte=at - NOTED_EVERY)
    worth_noting |= ~Q(product_level=level) | Q(answer_due_at__isnull=False)
    Subscription.objects.filter(worth_noting, pk=subscription.pk).update(
        product_asked_at=at, product_level=level, answer_due_at=None
    )


def run(*, at: datetime, scope: Scope = EVERYONE, watch: Watch = unwatched) -> Counts:
    """Tell staff of every service that is on again without the product having asked; counts ``unheard``."""
    pks = due_accounts(at=at, scope=scope)
    return for_each_account(pks, lambda account: _tell(account, at=at), job="listening", at=at, watch=watch)


def due_accounts(*, at: datetime, scope: Scope = EVERYONE) -> list[int]:
    return scope.account_pks(Subscription.objects.unheard(at=at))


def _tell(account: Account, *, at: datetime) -> Counts:
    unheard = list(Subscription.objects.unheard(at=at).for_account(account))
    for service in unheard:
        ask_staff(
            TaskKind.PRODUCT_SILENT,
            key=f"silent:{service.pk}:{service.answer_due_at:%Y-%m-%dT%H:%M}",
            account=account,
            at=at,
            within=timedelta(hours=1),
            service=service.reference,
        )
        Subscription.objects.filter(pk=service.pk).update(answer_due_at=None)
    return Counts(unheard=len(unheard))
