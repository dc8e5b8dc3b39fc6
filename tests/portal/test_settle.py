"""Paying: choose, check, result; and the many ways in which it does not go straight on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from billing import clock, quotes
from billing.gateways.sandbox import Engine
from billing.models import Account, Payment, PaymentMethod, Role, Seller, Settlement, Subscription
from billing.states import InvoiceState, PaymentState, SubscriptionState
from tests.billing.acting import answer, submit_card
from tests.factories import InvoiceFactory, PaymentFactory, PaymentMethodFactory

from .conftest import owe


def digest(account: Account) -> str:
    return quotes.offer(account, at=clock.now()).digest


def everything(account: Account) -> dict[str, object]:
    """Return what the page sends when nothing on it is changed."""
    due = quotes.offer(account, at=clock.now()).due
    return {"digest": digest(account), "invoices": [invoice.reference for invoice in due]}


def consent(client: Client, account: Account) -> Settlement:
    client.post(reverse("settle", args=[account.reference]), everything(account))
    return Settlement.objects.latest("pk")


def check_page(settlement: Settlement) -> str:
    return reverse("settlement", args=[settlement.account.reference, settlement.reference])


def result_page(settlement: Settlement) -> str:
    return reverse("settlement_result", args=[settlement.account.reference, settlement.reference])


def test_the_button_states_the_amount_and_pays_it(administrator: Client, account: Account, money_ok: None):
    owe(account)
    settlement = consent(administrator, account)

    page = administrator.get(check_page(settlement)).content.decode()
    paid = administrator.post(check_page(settlement), follow=True)

    assert "Pay €121.00" in page
    assert paid.redirect_chain == [(result_page(settlement), 302)]
    assert "<h1>Payment received</h1>" in paid.content.decode()
    assert not account.invoices.filter(state=InvoiceState.OPEN).exists()


def test_ten_clicks_are_one_charge_and_all_see_the_result(
    administrator: Client, account: Account, sandbox: Engine, money_ok: None
):
    owe(account)
    settlement = consent(administrator, account)

    answers = [administrator.post(check_page(settlement)) for _ in range(10)]

    assert {each.headers["Location"] for each in answers} == {result_page(settlement)}
    assert len(list(sandbox.charges())) == 1


def test_a_quote_that_changed_is_shown_anew_and_charges_nothing(
    administrator: Client, account: Account, sandbox: Engine
):
    owe(account)
    settlement = consent(administrator, account)
    InvoiceFactory(account=account, issued=account.today(clock.now()))
    Settlement.objects.filter(pk=settlement.pk).update(created_at=clock.now() - timedelta(minutes=31))

    page = administrator.post(check_page(settlement), follow=True).content.decode()

    assert "The amounts have changed" in page
    assert "€242.00" in page
    assert list(sandbox.charges()) == []


def test_a_digest_of_another_day_is_not_consented_to(administrator: Client, account: Account):
    owe(account)

    sent = everything(account) | {"digest": "abc"}

    page = administrator.post(reverse("settle", args=[account.reference]), sent, follow=True)

    assert "The amounts have changed" in page.content.decode()
    assert not Settlement.objects.exists()


@pytest.mark.parametrize("sent", [{"invoices": []}, {"digest": ""}, {"digest": "<script>"}, {"invoices": ["I-1"]}])
def test_a_malformed_consent_shows_the_page_again(administrator: Client, account: Account, sent: dict[str, str]):
    owe(account)

    page = administrator.post(reverse("settle", args=[account.reference]), everything(account) | sent)

    assert page.status_code == 200
    assert not Settlement.objects.exists()


def test_nothing_due_says_so(administrator: Client, account: Account):
    page = administrator.get(reverse("settle", args=[account.reference]), follow=True)

    assert "There is nothing to pay now." in page.content.decode()


def test_while_a_payment_is_in_progress_a_second_is_refused(administrator: Client, account: Account, sandbox: Engine):
    owe(account, card="lost_answer")
    first, second = consent(administrator, account), consent(administrator, account)
    administrator.post(check_page(first))

    page = administrator.post(check_page(second), follow=True)
    anew = administrator.get(reverse("settle", args=[account.reference]), follow=True)

    assert page.redirect_chain[-1][0] == anew.redirect_chain[-1][0] == result_page(first)
    assert "This is being paid already." in page.content.decode()
    assert len(list(sandbox.charges())) == 1


def test_the_sixth_try_of_a_day_is_told_to_wait(administrator: Client, account: Account, sandbox: Engine):
    owe(account, card="insufficient_funds")
    for _ in range(5):
        administrator.post(check_page(consent(administrator, account)))

    page = administrator.post(check_page(consent(administrator, account)), follow=True).content.decode()

    assert "You have tried 5 times today." in page
    assert len(list(sandbox.charges())) == 5


def test_an_unknown_end_is_shown_as_checking_and_asked_about_again(administrator: Client, account: Account):
    owe(account, card="lost_answer")
    settlement = consent(administrator, account)

    checking = administrator.post(check_page(settlement), follow=True).content.decode()
    known = administrator.post(result_page(settlement), follow=True).content.decode()

    assert "We are checking your payment" in checking
    assert "Please do not pay again." in checking
    assert "<h1>Payment received</h1>" in known


def test_a_refusal_says_why_and_what_to_do(administrator: Client, account: Account):
    owe(account, card="insufficient_funds")
    settlement = consent(administrator, account)

    page = administrator.post(check_page(settlement), follow=True).content.decode()

    assert "There was not enough money on the card." in page
    assert reverse("card_change", args=[account.reference]) in page


def test_an_approval_leads_to_the_bank_and_back(administrator: Client, account: Account, sandbox: Engine):
    owe(account, card="three_d_secure")
    settlement = consent(administrator, account)
    waiting = administrator.post(check_page(settlement), follow=True).content.decode()
    payment = Payment.objects.get()

    answer(sandbox, payment, "approve")
    back = reverse("payment_return", args=[account.reference, payment.reference])
    done = administrator.get(back, follow=True)
    again = administrator.get(back, follow=True)

    assert payment.action_url in waiting
    assert "<h1>Payment received</h1>" in done.content.decode()
    assert again.status_code == 200
    assert Payment.objects.get().state == PaymentState.SUCCEEDED


def test_what_waits_for_approval_is_told_apart_from_what_is_paid(
    administrator: Client, account: Account, sandbox: Engine
):
    owe(account, card="three_d_secure", services=2)
    settlement = consent(administrator, account)
    administrator.post(check_page(settlement))
    answer(sandbox, Payment.objects.earliest("pk"), "approve")

    page = administrator.post(result_page(settlement), follow=True).content.decode()

    assert "We received €121.00." in page
    assert "until then that amount is not charged" in page
    assert "nothing is charged" not in page


def test_after_an_hour_without_an_answer_another_way_to_pay_is_offered(administrator: Client, account: Account):
    owe(account, card="lost_answer")
    settlement = consent(administrator, account)
    administrator.post(check_page(settlement))
    Payment.objects.update(created_at=clock.now() - timedelta(hours=1), asked_at=clock.now() - timedelta(hours=1))

    page = administrator.get(result_page(settlement)).content.decode()

    assert "Pay another way" in page
    assert "Please do not pay again" not in page


def test_one_of_two_cards_can_be_chosen(administrator: Client, account: Account):
    owe(account, card="insufficient_funds")
    other = PaymentMethodFactory(account=account, card="good_mastercard", is_default=False)
    settlement = consent(administrator, account)

    wrong = administrator.post(check_page(settlement), {"card": "M-NONE"})
    administrator.post(check_page(settlement), {"card": other.reference})

    assert "Choose a card that is on file" in wrong.content.decode()
    assert "<title>Error: Check your payment" in wrong.content.decode()
    assert Payment.objects.get().payment_method == other


def test_without_a_card_the_way_leads_to_a_new_one(administrator: Client, account: Account):
    owe(account, card="")
    settlement = consent(administrator, account)

    answer_ = administrator.get(check_page(settlement))

    assert answer_.headers["Location"] == reverse("card_change", args=[account.reference])


def test_a_settlement_that_was_never_used_charged_nothing(administrator: Client, account: Account):
    owe(account)
    settlement = consent(administrator, account)

    assert "Nothing was charged" in administrator.get(result_page(settlement)).content.decode()


class TestNewCard:
    @pytest.fixture
    def services(self, account: Account) -> list[Subscription]:
        """Two services of two sellers, refused by the bank."""
        owed = owe(account, card="insufficient_funds", services=2)
        for service in owed:
            service.move(SubscriptionState.PAST_DUE)
        return owed

    def start(self, client: Client, account: Account, action: str) -> str:
        sent = {"action": action, "digest": digest(account)}
        gone = client.post(reverse("card_change", args=[account.reference]), sent)
        assert gone.status_code == 303
        return gone.headers["Location"]

    def come_back(self, client: Client, account: Account) -> str:
        visit = account.card_visits.latest("pk")
        return client.get(
            reverse("card_return", args=[account.reference, visit.reference]), follow=True
        ).content.decode()

    def test_the_button_carries_the_exact_total(self, administrator: Client, account: Account, services: object):
        page = administrator.get(reverse("card_change", args=[account.reference])).content.decode()

        assert "Save and pay €242.00 now" in page
        assert "Save only" in page

    def test_save_and_pay_pays_all_services_at_once(
        self, administrator: Client, account: Account, services: object, sandbox: Engine, money_ok: None
    ):
        self.start(administrator, account, "save_and_pay")
        submit_card(sandbox, account.card_visits.get(), "good")

        page = self.come_back(administrator, account)
        again = self.come_back(administrator, account)

        assert "<h1>Payment received</h1>" in page
        assert "All your services are on." in page
        assert "<h1>Payment received</h1>" in again
        assert len([charge for charge in sandbox.charges() if charge.status == "succeeded"]) == 2

    def test_a_seller_with_another_gateway_account_is_paid_with_a_second_visit(
        self, administrator: Client, account: Account, services: list[Subscription], sandbox: Engine, money_ok: None
    ):
        Seller.objects.filter(pk=services[1].seller_id).update(gateway_account="other", name="Lantern B.V.")
        asked = administrator.get(reverse("card_change", args=[account.reference])).content.decode()
        self.start(administrator, account, "save_and_pay")
        submit_card(sandbox, account.card_visits.get(), "good")

        page = self.come_back(administrator, account)

        assert "Save and pay €121.00 now" in asked
        assert "For Lantern B.V. you are asked for the card once more" in asked
        assert "Add the card for Lantern B.V." in page
        assert [payment.amount for payment in Payment.objects.succeeded()] == [121_00]

    def test_save_only_charges_nothing(
        self, administrator: Client, account: Account, services: object, sandbox: Engine
    ):
        self.start(administrator, account, "save_only")
        submit_card(sandbox, account.card_visits.get(), "good")

        page = self.come_back(administrator, account)

        assert "Visa •••• 4242 is saved." in page
        assert list(sandbox.charges()) == []

    def test_coming_back_too_early_says_that_nothing_is_saved_yet(
        self, administrator: Client, account: Account, services: object
    ):
        self.start(administrator, account, "save_and_pay")

        assert "Your card is not saved yet" in self.come_back(administrator, account)

    def test_a_quote_that_grew_meanwhile_stores_the_card_and_asks_again(
        self, administrator: Client, account: Account, services: object, sandbox: Engine
    ):
        self.start(administrator, account, "save_and_pay")
        Settlement.objects.update(created_at=clock.now() - timedelta(minutes=31))
        submit_card(sandbox, account.card_visits.get(), "good")

        page = self.come_back(administrator, account)

        assert "is saved, but nothing was charged" in page
        assert "€242.00" in page
        assert list(sandbox.charges()) == []

    def test_the_sixth_try_of_a_day_stores_the_card_and_says_what_else_can_be_done(
        self, administrator: Client, account: Account, services: object, sandbox: Engine
    ):
        for _ in range(5):
            self.start(administrator, account, "save_and_pay")
            submit_card(sandbox, account.card_visits.latest("pk"), "insufficient_funds")
            self.come_back(administrator, account)
        tried = len(list(sandbox.charges()))

        self.start(administrator, account, "save_and_pay")
        submit_card(sandbox, account.card_visits.latest("pk"), "good")
        page = self.come_back(administrator, account)

        assert "Visa •••• 4242 is saved, but nothing was charged. You have tried 5 times today." in page
        assert "Try again tomorrow, use bank transfer or contact us." in page
        assert "changed meanwhile" not in page
        assert len(list(sandbox.charges())) == tried

    def test_while_everything_is_checked_the_page_says_so_and_only_saves(self, administrator: Client, account: Account):
        owe(account, card="lost_answer")
        administrator.post(check_page(consent(administrator, account)))

        page = administrator.get(reverse("card_change", args=[account.reference])).content.decode()

        assert "We are checking your payment of €121.00. Please do not pay again." in page
        assert "The new card is only saved now" in page
        assert "Nothing is due now" not in page

    def test_what_waits_for_approval_is_not_said_to_be_checked(self, administrator: Client, account: Account):
        owe(account, card="three_d_secure")
        administrator.post(check_page(consent(administrator, account)))

        page = administrator.get(reverse("card_change", args=[account.reference])).content.decode()
        overview = administrator.get(reverse("overview", args=[account.reference])).content.decode()

        assert "Your payment of €121.00 waits for your approval at the bank." in page
        assert "We are checking" not in page
        assert "This payment waits for your approval." in overview

    def test_paying_needs_what_was_consented_to(self, administrator: Client, account: Account, services: object):
        sent = {"action": "save_and_pay", "digest": ""}

        assert administrator.post(reverse("card_change", args=[account.reference]), sent).status_code == 200
        assert not account.card_visits.exists()


class TestChoosing:
    def test_one_of_two_invoices_is_paid(self, administrator: Client, account: Account, money_ok: None):
        owe(account, invoices=2)
        first, second = account.invoices.order_by("pk")
        address = reverse("settle", args=[account.reference])

        administrator.post(address, everything(account) | {"invoices": [first.reference]})
        page = administrator.get(check_page(Settlement.objects.get())).content.decode()
        administrator.post(check_page(Settlement.objects.get()))

        assert "Pay €121.00" in page
        assert second.number not in page
        assert [invoice.state for invoice in account.invoices.order_by("pk")] == ["paid", "open"]

    def test_a_part_is_paid_and_the_result_says_what_is_left(
        self, administrator: Client, account: Account, money_ok: None
    ):
        owe(account)

        administrator.post(reverse("settle", args=[account.reference]), everything(account) | {"amount": "€ 50,00"})
        check = administrator.get(check_page(Settlement.objects.get())).content.decode()
        page = administrator.post(check_page(Settlement.objects.get()), follow=True).content.decode()

        assert "What you do not pay now stays due" in check
        assert "your services stay on" not in check
        assert "<h1>Payment received</h1>" in page
        assert "Of these invoices €71.00 is still to pay." in page
        assert account.invoices.get().amount_due == 71_00

    @pytest.mark.parametrize(
        ("amount", "error"),
        [
            ("4.99", "Enter at least €5.00"),
            ("121.01", "Enter at most €121.00"),
            ("-5", "Enter at least €5.00"),
            ("ten", "Enter an amount, such as 50.00"),
            ("10.005", "Enter an amount, such as 50.00"),
        ],
    )
    def test_a_wrong_amount_is_said_at_its_field_and_kept(
        self, administrator: Client, account: Account, amount: str, error: str
    ):
        owe(account)

        page = administrator.post(reverse("settle", args=[account.reference]), everything(account) | {"amount": amount})

        assert f'<a href="#id_amount">{error}</a>' in page.content.decode()
        assert f'value="{amount}"' in page.content.decode()
        assert "<title>Error:" in page.content.decode()
        assert not Settlement.objects.exists()

    def test_nothing_ticked_is_said(self, administrator: Client, account: Account):
        owe(account)

        page = administrator.post(reverse("settle", args=[account.reference]), {"digest": digest(account)})

        assert '<a href="#id_invoices">Select at least one invoice</a>' in page.content.decode()

    def test_what_is_not_due_yet_can_be_paid_in_advance(self, administrator: Client, account: Account, money_ok: None):
        PaymentMethodFactory(account=account)
        later = InvoiceFactory(account=account, issued=account.today(clock.now()) + timedelta(days=7))
        address = reverse("settle", args=[account.reference])

        page = administrator.get(address).content.decode()
        administrator.post(address, {"digest": digest(account), "invoices": [later.reference]})
        administrator.post(check_page(Settlement.objects.get()))

        assert "<h1>Pay in advance</h1>" in page
        assert account.invoices.get().state == InvoiceState.PAID


class TestResultStaysTrue:
    def test_a_refusal_that_was_paid_in_another_way_since_asks_for_nothing(
        self, administrator: Client, account: Account
    ):
        owe(account, card="insufficient_funds")
        refused = consent(administrator, account)
        administrator.post(check_page(refused))
        good = PaymentMethodFactory(account=account, card="good_mastercard", is_default=False)
        administrator.post(check_page(consent(administrator, account)), {"card": good.reference})

        page = administrator.get(result_page(refused)).content.decode()

        assert "paid in another way since" in page
        assert "is still to pay" not in page
        assert "Try again" not in page

    def test_a_blocked_card_is_not_said_to_be_charged_from_now_on(self, administrator: Client, account: Account):
        owe(account, card="stolen")
        PaymentMethod.objects.update(blocked_reason="stolen_card")
        good = PaymentMethodFactory(account=account, card="good_mastercard", is_default=False)
        settlement = consent(administrator, account)
        administrator.post(check_page(settlement), {"card": good.reference})

        assert "is charged automatically from now on" not in administrator.get(result_page(settlement)).content.decode()

    def test_a_viewer_is_promised_no_receipt(
        self, administrator: Client, account: Account, as_role: Callable[[Role], Client]
    ):
        owe(account)
        settlement = consent(administrator, account)
        administrator.post(check_page(settlement))

        assert "A receipt is on its way" not in as_role(Role.VIEWER).get(result_page(settlement)).content.decode()
        assert "A receipt is on its way" in administrator.get(result_page(settlement)).content.decode()

    def test_the_check_page_states_only_what_cards_on_file_can_pay(
        self, administrator: Client, account: Account, sandbox: Engine
    ):
        _, other = owe(account, services=2)
        Seller.objects.filter(pk=other.seller_id).update(gateway_account="other", name="Lantern B.V.")
        settlement = consent(administrator, account)

        page = administrator.get(check_page(settlement)).content.decode()
        administrator.post(check_page(settlement))

        assert "Pay €121.00" in page
        assert "For Lantern B.V. you are asked for the card once more" in page
        assert [charge.amount for charge in sandbox.charges()] == [121_00]


def test_many_refusals_do_not_push_out_a_payment_that_is_live(administrator: Client, account: Account):
    (service,) = owe(account, card="good")
    card, now = account.payment_methods.get(), clock.now()
    about = {"account": account, "seller": service.seller, "payment_method": card}
    PaymentFactory(**about, state="unknown", created_at=now)
    for _ in range(60):
        PaymentFactory(**about, state="failed", settled_at=now, created_at=now)

    page = administrator.get(reverse("overview", args=[account.reference])).content.decode()

    assert "We are checking your payment" in page
