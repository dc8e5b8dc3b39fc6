"""How an account pays: changing it ends what was planned for the old way, and plans for the new one."""

from __future__ import annotations

from datetime import date, datetime

from django.db import transaction

from . import invoicing, retries, standing
from .events import record
from .models import Account, CollectionMethod, Invoice, User
from .schedule import CHARGE_HOUR
from .states import Incomplete


@transaction.atomic
def change_collection_method(account: Account, to: CollectionMethod, *, by: User, at: datetime) -> Account:
    """
    Let the account pay in another way from now on; the way it pays already changes nothing.

    By invoice, no open invoice is charged automatically any more and no stop is planned. By
    card, each is charged on its due date, or with the next automatic try when that has come.
    """
    account = Account.objects.locked().get(pk=account.pk)
    was = account.collection_method
    if was == to:
        return account
    account.collection_method = to
    account.save(update_fields=["collection_method"])
    _plan_charges(account, at=at)
    _plan_notices(account, on=account.today(at), at=at)
    standing.refresh(account, at=at)
    standing.change_ladder(account, at=at)
    record("account.collection_method_changed", at=at, account=account, actor=by, was=was, to=to)
    return account


def _plan_charges(account: Account, *, at: datetime) -> None:
    open_ones = Invoice.objects.for_account(account).open()
    open_ones.update(next_charge_at=None)
    if not account.pays_by_card:
        return
    for invoice in open_ones.filter(due_on__gt=account.today(at)):
        if invoice.due_on is None:
            raise Incomplete(invoice)
        Invoice.objects.filter(pk=invoice.pk).update(next_charge_at=account.moment(invoice.due_on, CHARGE_HOUR))
    retries.try_again(account, at=at)


def _plan_notices(account: Account, *, on: date, at: datetime) -> None:
    """Plan the notices before the due date that the new way of paying has."""
    for invoice in Invoice.objects.for_account(account).open().filter(due_on__gt=on):
        if invoice.due_on is None:
            raise Incomplete(invoice)
        following = invoicing.next_notice_at(account, invoice.due_on, after=on, at=at)
        Invoice.objects.filter(pk=invoice.pk).update(next_action_at=following)
