"""Cards on file: which is charged, making another the default, taking one away."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from billing import clock, quotes
from billing.models import Account, CollectionMethod, Payment, PaymentMethod
from tests.factories import PaymentMethodFactory

from .conftest import owe


@pytest.fixture
def second(account: Account) -> PaymentMethod:
    """A second card beside the one that is charged automatically."""
    owe(account)
    return PaymentMethodFactory(account=account, card="good_mastercard", is_default=False)


def test_the_page_says_which_card_is_charged(administrator: Client, account: Account, second: PaymentMethod):
    page = administrator.get(reverse("cards", args=[account.reference])).content.decode()

    assert page.count("Charged automatically for 1 service") == 1
    assert "Mastercard •••• 4444" in page


def test_another_default_asks_for_the_same_consent(administrator: Client, account: Account, second: PaymentMethod):
    address = reverse("card_default", args=[account.reference, second.reference])

    page = administrator.get(address).content.decode()
    digest = quotes.quote(account, at=clock.now()).digest
    administrator.post(address, {"action": "save_and_pay", "digest": digest})

    assert "Use this card and pay €121.00 now" in page
    assert Payment.objects.get().payment_method == second
    second.refresh_from_db()
    assert second.is_default


def test_another_default_can_pay_nothing_now(administrator: Client, account: Account, second: PaymentMethod):
    administrator.post(reverse("card_default", args=[account.reference, second.reference]), {"action": "save_only"})

    second.refresh_from_db()
    assert second.is_default
    assert not Payment.objects.exists()


@pytest.mark.parametrize(
    ("useless", "said"),
    [
        ({"blocked_reason": "stolen_card"}, "the bank has refused it for good"),
        ({"exp_year": 2020}, "it has expired"),
    ],
)
def test_a_card_that_cannot_be_charged_is_not_offered_and_refused_with_a_reason(
    administrator: Client, account: Account, second: PaymentMethod, useless: dict[str, object], said: str
):
    PaymentMethod.objects.filter(pk=second.pk).update(**useless)
    address = reverse("card_default", args=[account.reference, second.reference])

    listed = administrator.get(reverse("cards", args=[account.reference])).content.decode()
    opened = administrator.get(address, follow=True)
    sent = administrator.post(address, {"action": "save_only"}, follow=True)

    second.refresh_from_db()
    assert not second.is_default
    assert address not in listed
    assert said in opened.content.decode()
    assert said in sent.content.decode()


def test_a_card_is_removed_after_asking(administrator: Client, account: Account, second: PaymentMethod):
    address = reverse("card_remove", args=[account.reference, second.reference])

    administrator.get(address)
    assert PaymentMethod.objects.on_file().count() == 2
    page = administrator.post(address, follow=True).content.decode()

    assert "Mastercard •••• 4444 is removed." in page
    assert PaymentMethod.objects.on_file().count() == 1


def test_the_card_that_is_charged_stays_and_the_page_says_why(
    administrator: Client, account: Account, second: PaymentMethod
):
    default = PaymentMethod.objects.get(is_default=True)

    page = administrator.post(reverse("card_remove", args=[account.reference, default.reference]), follow=True)

    assert "Visa •••• 4242 stays on file" in page.content.decode()
    assert PaymentMethod.objects.on_file().count() == 2


def test_a_blocked_card_is_not_said_to_be_charged(administrator: Client, account: Account):
    owe(account)
    PaymentMethod.objects.update(blocked_reason="stolen_card")

    listed = administrator.get(reverse("cards", args=[account.reference])).content.decode()
    overview = administrator.get(reverse("overview", args=[account.reference])).content.decode()

    assert "Charged automatically" not in listed
    assert "Refused by the bank for good" in listed
    assert "Refused by the bank for good" in overview


def test_the_list_says_when_the_card_in_use_was_declined(administrator: Client, account: Account):
    owe(account, card="insufficient_funds")
    quoted = quotes.quote(account, at=clock.now()).digest
    default = PaymentMethod.objects.get()
    PaymentMethodFactory(account=account, card="good_mastercard", is_default=False)
    administrator.post(
        reverse("card_default", args=[account.reference, default.reference]),
        {"action": "save_and_pay", "digest": quoted},
    )

    page = administrator.get(reverse("cards", args=[account.reference])).content.decode()

    assert page.count("Declined on") == 1


def test_whoever_pays_by_transfer_is_promised_no_automatic_charge(administrator: Client, account: Account):
    Account.objects.update(collection_method=CollectionMethod.SEND_INVOICE)
    nothing_due = administrator.get(reverse("card_change", args=[account.reference])).content.decode()
    owe(account)
    PaymentMethodFactory(account=account, card="good_mastercard", is_default=False)

    due = administrator.get(reverse("card_change", args=[account.reference])).content.decode()
    listed = administrator.get(reverse("cards", args=[account.reference])).content.decode()

    for page in (nothing_due, due):
        assert "You keep paying your next invoices by bank transfer." in page
        assert "charged automatically" not in page
    assert "Charged automatically" not in listed
    assert "Use automatically" not in listed
