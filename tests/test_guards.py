"""
What guards money, notices and data, a fact each.

These are the fast tests that ``tests.mutations`` expects to go red when a guard is taken
away; the whole stories are told beside the modules they are about.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from billing import cards, charging, dunning, invoicing, quotes, retention, settling
from billing.books import check
from billing.gateways.base import Outcome, Status
from billing.gateways.sandbox.client import SandboxGateway
from billing.models import Event, LedgerEntry, PaymentMethod, SettlementPurpose, Subscription
from billing.models.accounts import AccountQuerySet
from billing.outlook import outlook
from billing.schedule import NOTICE_HOUR
from billing.states import InvalidTransition, PaymentState, SubscriptionState
from portal.alerts import alerts
from tests.billing.acting import send_notices, submit_card
from tests.factories import (
    MONDAY,
    InvoiceFactory,
    MembershipFactory,
    PaymentFactory,
    PaymentMethodFactory,
    SubscriptionFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def service() -> Subscription:
    """A service whose first invoice is due today and not charged yet."""
    service = SubscriptionFactory()
    MembershipFactory(account=service.account)
    invoicing.run(at=noon(service))
    return service


def noon(service: Subscription, day: int = 0) -> datetime:
    return service.account.moment(MONDAY + timedelta(days=day), 12)


def put_on_file(service: Subscription, card: str) -> PaymentMethod:
    return PaymentMethodFactory(account=service.account, card=card)


def consent(service: Subscription, purpose: str = SettlementPurpose.PAY):
    at, by = noon(service), service.account.memberships.get().user
    digest = quotes.quote(service.account, at=at).digest
    return settling.consent(service.account, purpose=purpose, digest=digest, by=by, at=at)


def pay(service: Subscription):
    return settling.settle(consent(service), method=service.account.payment_methods.get(), by=None, at=noon(service))


class TestCharges:
    def test_a_debt_has_one_live_payment(self):
        first = PaymentFactory()

        with pytest.raises(IntegrityError):
            PaymentFactory(account=first.account, seller=first.seller, currency=first.currency)

    def test_asking_again_is_the_same_charge(self, service, sandbox):
        put_on_file(service, "good")
        (payment,) = charging.begin(service.account_id, at=noon(service))

        charging.ask(payment)
        charging.ask(payment)

        (charge,) = sandbox.charges()
        assert charge.idempotency_key == payment.idempotency_key

    @pytest.mark.parametrize("act", ["collect", "pay"])
    def test_the_gateway_is_asked_outside_of_transactions(self, service, monkeypatch, act):
        put_on_file(service, "good")
        outside, depths, charge = len(connection.atomic_blocks), [], SandboxGateway.charge

        def watched(gateway, request):
            depths.append(len(connection.atomic_blocks))
            return charge(gateway, request)

        monkeypatch.setattr(SandboxGateway, "charge", watched)
        charging.collect(at=noon(service)) if act == "collect" else pay(service)

        assert depths == [outside]

    def test_the_account_is_locked_before_anything_else_is_read(self, service, monkeypatch):
        put_on_file(service, "good")
        log: list[str] = []
        read = AccountQuerySet._fetch_all

        def watched(accounts):
            if accounts.query.select_for_update:
                log.append("lock")
            return read(accounts)

        def note(execute, sql, *rest):
            log.append(sql.split()[0])
            return execute(sql, *rest)

        def first_of(act, *args, **kwargs):
            log.clear()
            done = act(*args, **kwargs)
            return done, next(entry for entry in log if entry != "SAVEPOINT")

        monkeypatch.setattr(AccountQuerySet, "_fetch_all", watched)
        with connection.execute_wrapper(note):
            (payment,), begun = first_of(charging.begin, service.account_id, at=noon(service))
            _, settled = first_of(charging.settle, payment, Outcome(Status.UNKNOWN), at=noon(service))
            charging.settle(payment, Outcome(Status.FAILED, decline_code="do_not_honour"), at=noon(service))
            method, settlement = service.account.payment_methods.get(), consent(service)
            _, consumed = first_of(settling.begin, settlement, method=method, by=None, at=noon(service))

        assert (begun, settled, consumed) == ("lock", "lock", "lock")

    def test_no_answer_is_neither_yes_nor_no(self, service):
        put_on_file(service, "times_out")

        charging.collect(at=noon(service))

        assert service.account.payments.get().state == PaymentState.UNKNOWN
        assert not Event.objects.filter(type="payment.failed").exists()

    def test_a_second_answer_posts_nothing(self, service):
        put_on_file(service, "good")
        (payment,) = charging.begin(service.account_id, at=noon(service))
        outcome = charging.ask(payment)

        charging.settle(payment, outcome, at=noon(service))
        charging.settle(payment, outcome, at=noon(service))

        assert LedgerEntry.objects.filter(payment=payment).count() == 1
        assert Event.objects.filter(type="payment.succeeded").count() == 1

    def test_a_row_that_has_moved_on_is_left_alone(self):
        payment = PaymentFactory()
        stale = type(payment).objects.get(pk=payment.pk)
        payment.move(PaymentState.FAILED)

        with pytest.raises(InvalidTransition):
            stale.move(PaymentState.SUCCEEDED)

    def test_what_was_not_shown_is_not_consented_to(self, service):
        shown = quotes.quote(service.account, at=noon(service)).digest
        InvoiceFactory(account=service.account, seller=service.seller)

        with pytest.raises(settling.QuoteChanged):
            settling.consent(service.account, purpose=SettlementPurpose.PAY, digest=shown, by=None, at=noon(service))

    def test_a_card_that_pays_nothing_does_not_replace_one_that_works(self, service, sandbox):
        works = put_on_file(service, "good")
        settlement = consent(service, SettlementPurpose.SAVE_AND_PAY)
        by = service.account.memberships.get().user
        visit = cards.start(service.account, settlement=settlement, by=by, at=noon(service))
        submit_card(sandbox, visit, "setup_only")

        cards.finish(visit, at=noon(service))

        assert service.account.payments.get().state == PaymentState.FAILED
        assert service.account.payment_methods.get(is_default=True) == works


def test_who_owes_sees_an_alert(service):
    put_on_file(service, "insufficient_funds")
    charging.collect(at=noon(service))

    seen = alerts(
        outlook(service.account, at=noon(service)),
        membership=service.account.memberships.get(),
        at=noon(service),
    )

    assert [alert.code for alert in seen] == ["charge_failed"]


@pytest.mark.parametrize(
    "change",
    ["UPDATE billing_{0} SET at = '2020-01-01 00:00:00+00'", "DELETE FROM billing_{0}"],
    ids=["update", "delete"],
)
@pytest.mark.parametrize("table", ["event", "ledgerentry", "allocation"])
def test_the_database_itself_refuses_to_rewrite_history(service, table, change):
    put_on_file(service, "good")
    charging.collect(at=noon(service))

    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(change.format(table))

    assert check(at=noon(service)) == []


def test_nothing_stops_before_its_warning_was_out(service):
    put_on_file(service, "insufficient_funds")
    charging.collect(at=noon(service))

    for day in range(14, 45):
        dunning.run(at=noon(service, day))

    service.refresh_from_db()
    assert Event.objects.filter(type="service.warned").exists()
    assert service.state == SubscriptionState.WARNED


def test_data_is_kept_to_the_last_minute(service):
    canceled_at = noon(service, 51)
    Subscription.objects.filter(pk=service.pk).update(
        state=SubscriptionState.CANCELED,
        disabled_reasons=["nonpayment"],
        canceled_at=canceled_at,
        delete_on=service.today(canceled_at) + timedelta(days=90),
        keep_until=canceled_at + timedelta(days=90),
        next_action_at=canceled_at,
    )
    for days_left in (60, 30, 7, 1):
        # At eight, so that the last notice is out for a day before the last minute of the data.
        at = service.account.moment(MONDAY + timedelta(days=51 + 90 - days_left), NOTICE_HOUR)
        retention.run(at=at)
        send_notices(at)
    last_minute = canceled_at + timedelta(days=90, minutes=-1)
    Subscription.objects.filter(pk=service.pk).update(next_action_at=last_minute)

    retention.run(at=last_minute)
    assert not Event.objects.filter(type="service.deletion_due").exists()

    retention.run(at=last_minute + timedelta(minutes=1))
    assert Event.objects.filter(type="service.deletion_due", subscription=service).count() == 1
