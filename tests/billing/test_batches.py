"""A poison account costs one account, and staff hear of it."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from datetime import datetime

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection

from billing import charging, invoicing
from billing.batches import Counts, Watch, for_each_account, guarded
from billing.management.base import MomentCommand
from billing.models import Account, Invoice, Payment, PaymentMethod, StaffTask
from billing.scope import Scope
from tests.billing.acting import owing
from tests.factories import MONDAY, AccountFactory, SubscriptionFactory

pytestmark = pytest.mark.django_db

AT = AccountFactory.build().moment(MONDAY, 12)


class Poison(Exception):
    """What one account makes of a job."""


def test_the_others_go_on():
    accounts = [AccountFactory() for _ in range(3)]
    seen = []

    def act(account: Account) -> Counter[str]:
        seen.append(account)
        if account == accounts[1]:
            raise Poison
        return Counter(done=1)

    counts = for_each_account([account.pk for account in accounts], act, job="testing", at=AT)

    assert counts == {"done": 2, "failed": 1}
    assert seen == accounts


def test_what_the_poisoned_account_had_done_is_undone():
    account = AccountFactory()

    def act(account: Account) -> Counter[str]:
        Account.objects.filter(pk=account.pk).update(legal_name="half done")
        raise Poison

    for_each_account([account.pk], act, job="testing", at=AT)

    account.refresh_from_db()
    assert account.legal_name != "half done"


def test_staff_get_one_task_per_account_and_job():
    account = AccountFactory()

    for _ in range(3):
        with guarded(Counter(), account.pk, job="testing", at=AT):
            raise Poison

    task = StaffTask.objects.get()
    assert (task.kind, task.account, task.codes) == ("account_failed", account, {"job": "testing", "error": "Poison"})


def test_once_done_a_task_may_come_back():
    account = AccountFactory()

    for _ in range(2):
        with guarded(Counter(), account.pk, job="testing", at=AT):
            raise Poison
        StaffTask.objects.update(done_at=AT)

    assert StaffTask.objects.count() == 2


def test_a_person_who_interrupts_is_obeyed():
    account = AccountFactory()

    with pytest.raises(KeyboardInterrupt), guarded(Counter(), account.pk, job="testing", at=AT):
        raise KeyboardInterrupt

    assert not StaffTask.objects.exists()


class Losing(MomentCommand):
    """A job whose database goes away while it works on the first account."""

    def run(self, *, at: datetime, scope: Scope, watch: Watch) -> Counts:
        def act(account: Account) -> Counts:
            self.lost.enter_context(connection.execute_wrapper(no_answer))
            account.refresh_from_db()
            return Counter()

        with ExitStack() as self.lost:
            return for_each_account(Account.objects.values_list("pk", flat=True), act, job="testing", at=at)


def no_answer(*_: object) -> None:
    raise OperationalError("server closed the connection unexpectedly\n\tThis probably means")


@pytest.mark.django_db(transaction=True)
def test_a_database_that_goes_away_ends_the_run_in_one_line_and_blames_no_account(caplog):
    AccountFactory.create_batch(2)

    with pytest.raises(CommandError) as ended:
        call_command(Losing())

    assert ended.value.returncode == 1
    assert str(ended.value).endswith(
        "the database failed: server closed the connection unexpectedly; what was done before it stays done"
    )
    assert not [record for record in caplog.records if record.levelname == "ERROR"]
    assert not StaffTask.objects.exists()


def test_one_account_that_cannot_be_invoiced_does_not_stop_the_others():
    poisoned, other = SubscriptionFactory(), SubscriptionFactory()
    Account.objects.filter(pk=poisoned.account_id).update(time_zone="Nowhere/Atlantis")

    counts = invoicing.run(at=AT)

    assert counts == {"issued": 1, "failed": 1}
    assert Invoice.objects.get().account == other.account


@pytest.mark.usefixtures("money_ok")
def test_one_account_that_cannot_be_charged_does_not_stop_the_others():
    poisoned, other = owing("good"), owing("good")
    PaymentMethod.objects.filter(account=poisoned.account).update(gateway="nobody")

    counts = charging.collect(at=AT)

    assert counts == {"charged": 1, "failed": 1}
    assert Payment.objects.get(account=other.account).state == "succeeded"
    assert StaffTask.objects.get().account == poisoned.account


def test_the_watch_sees_every_account():
    accounts = [AccountFactory().pk for _ in range(3)]
    watched = []

    def watch(pks):
        for pk in pks:
            watched.append(pk)
            yield pk

    for_each_account(accounts, lambda account: Counter(), job="testing", at=AT, watch=watch)

    assert watched == accounts
