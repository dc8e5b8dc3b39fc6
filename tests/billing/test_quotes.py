"""A quote names everything that is due, and a consent holds only for what was seen."""

from __future__ import annotations

from datetime import timedelta

import pytest

from billing import charging, quotes, settling
from billing.models import Event, Invoice, Payment, Settlement, SettlementPurpose, Subscription
from billing.money import Money
from tests.billing.acting import owing
from tests.factories import MONDAY, AccountFactory, InvoiceFactory, PaymentMethodFactory, PlanFactory, UserFactory

pytestmark = pytest.mark.django_db


def noon(service):
    return service.account.moment(MONDAY, 12)


def consented(service, *, at):
    digest = quotes.quote(service.account, at=at).digest
    return settling.consent(service.account, purpose=SettlementPurpose.PAY, digest=digest, by=UserFactory(), at=at)


def test_everything_due_is_quoted_across_services_and_sellers():
    service = owing()
    other = owing("", account=service.account)
    owing("")

    quote = quotes.quote(service.account, at=noon(service))

    assert {line.invoice.account for line in quote.lines} == {service.account}
    assert {group.seller for group in quote.groups} == {service.seller, other.seller}
    assert [group.services for group in quote.groups] == [(service.name,), (other.name,)]
    assert quote.totals == (Money(242_00, "EUR"),)


def test_what_is_not_due_yet_is_left_out():
    service = owing()
    InvoiceFactory(account=service.account, seller=service.seller, issued=MONDAY + timedelta(days=1))

    quote = quotes.quote(service.account, at=noon(service))

    assert len(quote.lines) == 1


def test_currencies_are_never_summed():
    service = owing()
    owing("", account=service.account, plan=PlanFactory(seller=service.seller, currency="USD"))

    quote = quotes.quote(service.account, at=noon(service))

    assert quote.totals == (Money(121_00, "EUR"), Money(121_00, "USD"))
    assert len(quote.groups) == 2


def test_nothing_due_is_said_so():
    account = AccountFactory()

    with pytest.raises(quotes.NothingDue):
        quotes.quote(account, at=account.moment(MONDAY, 12))


def test_the_seller_whose_service_stops_first_comes_first():
    later = owing()
    sooner = owing("", account=later.account)
    at = noon(later)
    Subscription.objects.filter(pk=later.pk).update(suspend_at=at + timedelta(days=9))
    Subscription.objects.filter(pk=sooner.pk).update(suspend_at=at + timedelta(days=2))

    quote = quotes.quote(later.account, at=at)

    assert [group.seller for group in quote.groups] == [sooner.seller, later.seller]


def test_the_oldest_debt_comes_first_when_nothing_stops():
    newer = owing()
    older = owing("", account=newer.account)
    Invoice.objects.filter(seller=older.seller).update(due_on=MONDAY - timedelta(days=5))

    quote = quotes.quote(newer.account, at=noon(newer))

    assert [group.seller for group in quote.groups] == [older.seller, newer.seller]


def test_the_digest_changes_with_anything_that_is_due():
    service = owing()
    at = noon(service)
    seen = {quotes.quote(service.account, at=at).digest}
    invoice = InvoiceFactory(account=service.account, seller=service.seller)
    seen.add(quotes.quote(service.account, at=at).digest)
    Invoice.objects.filter(pk=invoice.pk).update(version=2)
    seen.add(quotes.quote(service.account, at=at).digest)
    Invoice.objects.filter(pk=invoice.pk).update(state="void")
    Invoice.objects.exclude(pk=invoice.pk).update(version=5)
    seen.add(quotes.quote(service.account, at=at).digest)

    assert len(seen) == 4


def test_the_digest_stays_when_nothing_changes():
    service = owing()

    one = quotes.quote(service.account, at=noon(service))
    other = quotes.quote(service.account, at=noon(service) + timedelta(hours=3))

    assert one.digest == other.digest


def test_a_consent_freezes_what_was_seen():
    service = owing()

    settlement = consented(service, at=noon(service))

    assert [(line.invoice, line.amount, line.version) for line in settlement.lines.all()] == [
        (Invoice.objects.get(), 121_00, 1)
    ]
    assert settlement.consent_version == settling.CONSENT_VERSION
    event = Event.objects.get(type="settlement.consented")
    assert (event.settlement, event.actor, event.codes) == (
        settlement,
        settlement.created_by,
        {"totals": {"EUR": 121_00}},
    )


def test_consent_is_refused_when_more_is_due_than_was_seen():
    service = owing()
    at = noon(service)
    digest = quotes.quote(service.account, at=at).digest
    InvoiceFactory(account=service.account, seller=service.seller)

    with pytest.raises(settling.QuoteChanged):
        settling.consent(service.account, purpose=SettlementPurpose.PAY, digest=digest, by=UserFactory(), at=at)

    assert not Settlement.objects.exists()


def test_nothing_is_charged_when_the_debt_grew_between_view_and_click(sandbox):
    service = owing("do_not_honour")
    at = noon(service)
    settlement = consented(service, at=at)
    Invoice.objects.update(version=2)

    with pytest.raises(settling.QuoteChanged):
        settling.settle(settlement, method=service.account.payment_methods.get(), by=None, at=at)

    settlement.refresh_from_db()
    assert settlement.consumed_at is None
    assert not sandbox.charges()


@pytest.mark.parametrize(("minutes", "holds"), [(30, True), (30.01, False)])
def test_a_consent_holds_for_half_an_hour(sandbox, minutes: float, holds):
    service = owing()
    at = noon(service)
    settlement = consented(service, at=at)
    card, later = service.account.payment_methods.get(), at + timedelta(minutes=minutes)

    if holds:
        settling.settle(settlement, method=card, by=None, at=later)
    else:
        with pytest.raises(settling.QuoteChanged):
            settling.settle(settlement, method=card, by=None, at=later)

    assert len(sandbox.charges()) == holds


@pytest.mark.usefixtures("money_ok")
def test_credit_is_used_first_and_the_rest_is_asked_again(sandbox):
    service = owing("good")
    at = noon(service)
    charging.collect(at=at)
    received = Payment.objects.get()
    double = Payment.objects.create(
        account=service.account,
        seller=service.seller,
        amount=50_00,
        currency="EUR",
        trigger="customer",
        payment_method=received.payment_method,
        gateway="sandbox",
        gateway_account="main",
        created_at=at,
    )
    charging.settle(double, charging.ask(double), at=at)
    InvoiceFactory(subscription=service, issued=MONDAY + timedelta(days=1))
    day_after = at + timedelta(days=1)
    card = PaymentMethodFactory(account=service.account, is_default=False)

    with pytest.raises(settling.QuoteChanged):
        consented(service, at=day_after)
    settling.settle(consented(service, at=day_after), method=card, by=None, at=day_after)

    assert [charge.amount for charge in sandbox.charges()] == [121_00, 50_00, 71_00]
    assert not Invoice.objects.open().exists()


def three_invoices():
    """Return a service with an invoice of a week ago, one due today, and one that falls due next week."""
    service = owing()
    due = Invoice.objects.get()
    older = InvoiceFactory(account=service.account, seller=service.seller, issued=MONDAY - timedelta(days=7))
    later = InvoiceFactory(account=service.account, seller=service.seller, issued=MONDAY + timedelta(days=7))
    return service, older, due, later


def chosen(service, *invoices: Invoice, amount: Money | None = None) -> list[tuple[Invoice, int]]:
    choice = quotes.Choice(frozenset(invoice.reference for invoice in invoices), amount)
    quote = quotes.quote(service.account, at=noon(service), choice=choice)
    return [(line.invoice, line.amount.amount) for line in quote.lines]


class TestChoosing:
    def test_only_what_is_ticked_is_quoted(self):
        service, _, due, _ = three_invoices()

        assert chosen(service, due) == [(due, 121_00)]

    def test_what_is_not_due_yet_can_be_paid_in_advance(self):
        service, older, due, later = three_invoices()

        assert chosen(service, older, due, later) == [(older, 121_00), (due, 121_00), (later, 121_00)]

    def test_an_amount_pays_the_oldest_first(self):
        service, older, due, _ = three_invoices()

        assert chosen(service, amount=Money(150_00, "EUR")) == [(older, 121_00), (due, 29_00)]

    def test_an_amount_pays_only_what_is_ticked(self):
        service, _, due, _ = three_invoices()

        assert chosen(service, due, amount=Money(20_00, "EUR")) == [(due, 20_00)]

    def test_less_than_the_least_is_refused(self):
        service, *_ = three_invoices()

        for amount in (4_99, 0, -1):
            with pytest.raises(quotes.TooLittle) as refused:
                chosen(service, amount=Money(amount, "EUR"))
            assert refused.value.smallest == Money(5_00, "EUR")

    def test_a_rest_below_the_least_can_be_paid(self):
        service, older, *_ = three_invoices()
        Invoice.objects.filter(pk=older.pk).update(amount_paid=120_00)

        assert chosen(service, older, amount=Money(1_00, "EUR")) == [(older, 1_00)]

    def test_more_than_is_chosen_is_refused(self):
        service, older, *_ = three_invoices()

        with pytest.raises(quotes.TooMuch) as refused:
            chosen(service, older, amount=Money(121_01, "EUR"))

        assert refused.value.most == Money(121_00, "EUR")

    def test_an_amount_stays_in_its_currency(self):
        service, *_ = three_invoices()
        owing("", account=service.account, plan=PlanFactory(seller=service.seller, currency="USD"))

        assert [invoice.currency for invoice, _ in chosen(service, amount=Money(121_00, "USD"))] == ["USD"]

    def test_another_account_s_invoice_cannot_be_chosen(self):
        service, *_ = three_invoices()
        owing("")
        foreign = Invoice.objects.exclude(account=service.account).get()

        with pytest.raises(quotes.NothingChosen):
            chosen(service, foreign)
