"""Which card is charged automatically, and when one may go."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from billing import cards, charging, clock, default_card, quotes, settling
from billing.gateways.sandbox import Fault
from billing.models import Event, Invoice, Payment, PaymentMethod
from tests.billing.acting import owing, submit_card, together
from tests.billing.test_card_visits import noon, visited
from tests.factories import (
    MONDAY,
    AccountFactory,
    PaymentFactory,
    PaymentMethodFactory,
    SubscriptionFactory,
    UserFactory,
)

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("money_ok")]


def add(sandbox, service, card: str, *, at, saving_only=True) -> PaymentMethod:
    visit = visited(service, at=at, saving_only=saving_only)
    submit_card(sandbox, visit, card)
    method = cards.finish(visit, at=at).payment_method
    method.refresh_from_db()
    return method


def test_the_first_card_is_used_at_once(sandbox):
    service = SubscriptionFactory()

    assert add(sandbox, service, "good", at=noon(service)).is_default


def test_a_card_saved_while_nothing_is_due_takes_over(sandbox):
    service = SubscriptionFactory()
    old = PaymentMethodFactory(account=service.account)

    new = add(sandbox, service, "good_mastercard", at=noon(service))

    old.refresh_from_db()
    assert (new.is_default, old.is_default) == (True, False)


def test_a_card_saved_only_does_not_replace_one_that_works(sandbox):
    service = owing("good")

    assert not add(sandbox, service, "good_mastercard", at=noon(service)).is_default


@pytest.mark.parametrize("useless", [{"blocked_reason": "stolen_card"}, {"exp_year": 2026, "exp_month": 2}])
def test_a_card_saved_only_replaces_one_that_is_of_no_use(sandbox, useless: dict):
    service = owing("")
    PaymentMethodFactory(account=service.account, **useless)

    assert add(sandbox, service, "good", at=noon(service)).is_default


def test_a_card_that_paid_takes_over(sandbox):
    service = owing("insufficient_funds")

    assert add(sandbox, service, "good", at=noon(service), saving_only=False).is_default


@pytest.mark.parametrize("card", ["do_not_honour", "setup_only"])
def test_a_new_card_that_is_declined_too_does_not_take_over(sandbox, card: str):
    service = owing("insufficient_funds")

    new = add(sandbox, service, card, at=noon(service), saving_only=False)

    assert not new.is_default
    assert Invoice.objects.open().count() == 1
    assert Event.objects.filter(type="payment.failed").count() == 1


def test_a_new_card_that_pays_one_of_two_sellers_takes_over(sandbox):
    service = owing("do_not_honour")
    owing("", account=service.account)
    at = noon(service)
    visit = visited(service, at=at)
    sandbox.inject(Fault.HANG)
    submit_card(sandbox, visit, "good")

    cards.finish(visit, at=at)

    assert default_card.of(service.account).last4 == "4242"
    assert Invoice.objects.open().count() == 1


def test_cards_of_two_gateway_accounts_are_default_side_by_side():
    account = AccountFactory()
    one = PaymentMethodFactory(account=account, gateway_account="one")
    two = PaymentMethodFactory(account=account, gateway_account="two", is_default=False)

    cards.make_default(two, by=UserFactory(), at=account.moment(MONDAY, 12))

    one.refresh_from_db()
    assert one.is_default
    assert two.is_default


def test_making_the_default_default_says_nothing():
    card = PaymentMethodFactory()

    cards.make_default(card, by=UserFactory(), at=card.account.moment(MONDAY, 12))

    assert not Event.objects.filter(type="card.made_default").exists()


def test_the_only_card_stays_while_something_is_owed():
    service = owing("good")

    with pytest.raises(cards.CannotRemove) as refused:
        cards.remove(service.account.payment_methods.get(), by=UserFactory(), at=noon(service))

    assert refused.value.reasons == ["only_card_while_owing"]
    assert PaymentMethod.objects.on_file().count() == 1


def test_the_default_stays_while_there_is_another():
    card = PaymentMethodFactory()
    PaymentMethodFactory(account=card.account, card="good_mastercard", is_default=False)

    with pytest.raises(cards.CannotRemove, match="default_card"):
        cards.remove(card, by=UserFactory(), at=card.account.moment(MONDAY, 12))


def test_a_removed_card_is_gone_here_and_at_the_gateway():
    service = owing("good")
    spare = PaymentMethodFactory(account=service.account, card="good_mastercard", is_default=False)
    by = UserFactory()

    cards.remove(spare, by=by, at=noon(service))

    payment = PaymentFactory(account=service.account, seller=service.seller, payment_method=spare, trigger="customer")
    assert charging.ask(payment).decline_code == "no_such_card"
    assert Event.objects.get(type="card.removed").actor == by
    assert spare not in PaymentMethod.objects.on_file()


def test_a_gateway_that_is_away_does_not_undo_the_removal(sandbox):
    service = owing("good")
    spare = PaymentMethodFactory(account=service.account, card="good_mastercard", is_default=False)
    sandbox.inject(Fault.UNAVAILABLE, operation="detach")

    cards.remove(spare, by=UserFactory(), at=noon(service))

    spare.refresh_from_db()
    assert spare.removed_at == noon(service)


@pytest.mark.django_db(transaction=True)
def test_two_defaults_at_once_leave_one():
    account = AccountFactory()
    methods = [PaymentMethodFactory(account=account, card=name, is_default=False) for name in ("good", "do_not_honour")]
    at = account.moment(MONDAY, 12) + timedelta(seconds=1)

    together(*[lambda method=method: cards.make_default(method, by=None, at=at) for method in methods * 3])

    assert PaymentMethod.objects.filter(is_default=True).count() == 1


def late_success(sandbox, service, *, at):
    """Let a new card's charge stay without an answer, and return what then tells that it succeeded."""
    visit = visited(service, at=at)
    sandbox.inject(Fault.DROP_AFTER)
    submit_card(sandbox, visit, "good")
    cards.finish(visit, at=at)
    payment = Payment.objects.get(trigger="card_update")
    return payment.payment_method, lambda: charging.check(payment, at=at + timedelta(minutes=1))


def test_a_card_that_paid_late_and_is_gone_does_not_come_back(sandbox):
    service = owing("insufficient_funds")
    card, comes_in = late_success(sandbox, service, at=noon(service))
    cards.remove(card, by=UserFactory(), at=noon(service))

    comes_in()

    card.refresh_from_db()
    assert (card.removed_at is not None, card.is_default) == (True, False)


def test_a_card_that_paid_late_does_not_undo_a_choice_made_since(sandbox):
    service = owing("insufficient_funds")
    card, comes_in = late_success(sandbox, service, at=noon(service))
    chosen = PaymentMethodFactory(account=service.account, card="good_mastercard", is_default=False)
    cards.make_default(chosen, by=UserFactory(), at=noon(service))

    comes_in()

    card.refresh_from_db()
    assert not card.is_default
    assert default_card.of(service.account) == chosen


@pytest.mark.parametrize("gone", [{"removed_at": clock.now()}, {"blocked_reason": "stolen_card"}])
def test_a_card_that_is_of_no_use_meanwhile_is_not_charged(sandbox, gone: dict):
    service = owing("good")
    account, at = service.account, noon(service)
    card = account.payment_methods.get()
    digest = quotes.quote(account, at=at).digest
    settlement = settling.consent(account, purpose="pay", digest=digest, by=UserFactory(), at=at)
    PaymentMethod.objects.update(**gone)

    with pytest.raises(settling.CannotCharge):
        settling.settle(settlement, method=card, by=None, at=at)

    assert not sandbox.charges()


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"blocked_reason": "stolen_card"}, "blocked"),
        ({"exp_year": 2020}, "expired"),
        ({"removed_at": LONG_AGO}, "removed"),
    ],
)
def test_a_card_that_became_useless_meanwhile_is_not_made_the_default(changed: dict, reason: str):
    service = owing("good")
    second = PaymentMethodFactory(account=service.account, is_default=False)
    PaymentMethod.objects.filter(pk=second.pk).update(**changed)

    with pytest.raises(cards.CannotUse) as refused:
        cards.make_default(second, by=UserFactory(), at=noon(service))

    assert refused.value.reason == reason
    assert PaymentMethod.objects.get(is_default=True) != second


def test_a_card_removed_twice_is_said_once_and_one_made_default_meanwhile_stays():
    account = AccountFactory()
    PaymentMethodFactory(account=account)
    card = PaymentMethodFactory(account=account, is_default=False)
    stale, at = PaymentMethod.objects.get(pk=card.pk), account.moment(MONDAY, 12)
    cards.make_default(card, by=UserFactory(), at=at)

    with pytest.raises(cards.CannotRemove, match="default_card"):
        cards.remove(stale, by=UserFactory(), at=at)
    PaymentMethod.objects.filter(pk=card.pk).update(is_default=False)
    cards.remove(stale, by=UserFactory(), at=at)
    cards.remove(card, by=UserFactory(), at=at)

    assert Event.objects.filter(type="card.removed").count() == 1
