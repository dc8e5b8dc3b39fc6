"""F19: deadlocks, serialization failures and ended connections pass; three times is enough, then it is said."""

from __future__ import annotations

import pytest
from django.db import OperationalError, connection, transaction

from billing import charging, passing, standing
from billing.models import Account, Event, Payment, StaffTask, TaskKind
from tests.billing.acting import owing, together
from tests.factories import MONDAY, AccountFactory

pytestmark = pytest.mark.django_db(transaction=True)


def end_own_connection() -> None:
    """Let the server end this connection, as a restart does."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")


def test_two_acts_in_opposite_order_both_end_well():
    first, second = AccountFactory(), AccountFactory()
    tries: list[str] = []
    met = [False, False]

    def lock(order: tuple[Account, Account], mine: int) -> None:
        @passing.tried_again
        @transaction.atomic
        def both() -> None:
            tries.append("try")
            Account.objects.locked().get(pk=order[0].pk)
            met[mine] = True
            while not met[1 - mine]:
                pass
            Account.objects.locked().get(pk=order[1].pk)

        both()

    answers = together(lambda: lock((first, second), 0), lambda: lock((second, first), 1))

    assert answers == [None, None]
    assert len(tries) == 3


def test_what_another_wrote_meanwhile_is_read_again():
    account = AccountFactory()
    tries: list[str] = []

    @passing.tried_again
    @transaction.atomic
    def rename() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        tries.append(Account.objects.get(pk=account.pk).legal_name)
        if len(tries) == 1:
            together(lambda: Account.objects.filter(pk=account.pk).update(legal_name="Fabrikam"))
        Account.objects.filter(pk=account.pk).update(city="Utrecht")

    rename()

    assert tries == [account.legal_name, "Fabrikam"]


@pytest.mark.usefixtures("money_ok")
@pytest.mark.parametrize("ended", [1, 2])
def test_a_charge_whose_connection_is_ended_goes_on(sandbox, monkeypatch, ended: int):
    service = owing("good")
    refresh, calls = standing.refresh, []

    def end_some(account: Account, **kwargs: object) -> None:
        calls.append(account)
        if len(calls) <= ended:
            end_own_connection()
        refresh(account, **kwargs)

    monkeypatch.setattr(standing, "refresh", end_some)

    counts = charging.collect(at=service.account.moment(MONDAY, 12))

    assert counts == {"charged": 1}
    assert len(sandbox.charges()) == 1
    assert Event.objects.filter(type="payment.succeeded").count() == 1


@pytest.mark.usefixtures("money_ok")
def test_a_connection_that_is_always_ended_is_given_up_after_three_times_and_told(sandbox, monkeypatch):
    service = owing("good")
    calls = []

    def end_always(account: Account, **_: object) -> None:
        calls.append(account)
        end_own_connection()

    monkeypatch.setattr(standing, "refresh", end_always)

    counts = charging.collect(at=service.account.moment(MONDAY, 12))

    assert len(calls) == passing.TIMES
    assert counts == {"failed": 1}
    assert StaffTask.objects.get().kind == TaskKind.ACCOUNT_FAILED
    assert not Payment.objects.exists()
    assert not sandbox.charges()


def test_a_wait_that_took_too_long_is_not_tried_again():
    calls = []

    @passing.tried_again
    @transaction.atomic
    def wait() -> None:
        calls.append("try")
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = '10ms'; SELECT pg_sleep(5)")

    with pytest.raises(OperationalError):
        wait()

    assert calls == ["try"]
