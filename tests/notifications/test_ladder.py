"""Every mail of the long way down, made by the real jobs, one run a day."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from email.message import EmailMessage

import pytest

from billing import charging, dunning, invoicing, retention
from billing.events import record
from billing.models import Account, Event, Subscription
from billing.states import PaymentState
from notifications import delivery
from notifications.models import Delivery, DeliveryState
from notifications.rules import DUNNING, rank, types_of
from tests.factories import MembershipFactory, PaymentFactory, SubscriptionFactory
from tests.mailbox import html_of, one_line, subject_of, text_of

DATE = re.compile(r"\b(\d{1,2} [A-Z][a-z]+ \d{4})\b")
FUTURE_WORDS = re.compile(r"(?:stops?|until|deleted on|expires on|Pay before) ")


@dataclass(frozen=True)
class Received:
    on: date
    message: EmailMessage

    @property
    def subject(self) -> str:
        return subject_of(self.message)

    @property
    def text(self) -> str:
        return one_line(text_of(self.message))

    def dates(self) -> list[date]:
        return [datetime.strptime(found, "%d %B %Y").date() for found in DATE.findall(self.text)]  # noqa: DTZ007


def pass_days(account: Account, at: datetime, mailbox, *, days: int) -> list[Received]:
    """Run every job once a day and return what arrived, with the day it came on."""
    received: list[Received] = []
    for day in range(1, days + 1):
        moment = at + timedelta(days=day)
        for job in (invoicing.run, charging.collect, dunning.run, retention.run, delivery.run):
            job(at=moment)
        received += [Received(account.today(moment), message) for message in mailbox.messages]
        mailbox.messages.clear()
    return received


@pytest.fixture
def fallen(refused, mailbox) -> list[Received]:
    """Everything that arrives when nobody pays for half a year."""
    delivery.run(at=refused.at)
    mailbox.messages.clear()
    return pass_days(refused.account, refused.at, mailbox, days=145)


def test_the_way_down_is_told_step_by_step_and_never_twice(refused, fallen):
    ladder = [received for received in fallen if not received.subject.startswith("Credit note")]
    told = [received.subject.split(":")[0].split(" on ")[0].split(" for ")[0].split(" in ")[0] for received in ladder]

    assert list(dict.fromkeys(told)) == [
        "Reminder",
        "Services will stop",
        "Stopped",
        "Canceled",
        "Data will be deleted",
    ]
    assert Counter(told) == {
        "Reminder": 4,
        "Services will stop": 1,
        "Stopped": 1,
        "Canceled": 1,
        "Data will be deleted": 4,
    }
    assert max(Counter(received.on for received in ladder).values()) == 1
    assert Event.objects.filter(type="service.deletion_due").count() == 2


def test_no_mail_announces_a_date_that_has_passed(refused, fallen):
    for received in fallen:
        for sentence in re.split(r"(?<=[.:]) |- ", received.text):
            if FUTURE_WORDS.search(sentence):
                announced = DATE.findall(sentence)
                assert all(
                    datetime.strptime(found, "%d %B %Y").date() > received.on  # noqa: DTZ007
                    for found in announced
                ), f"{received.on}: {sentence}"


def test_services_stop_on_the_very_day_that_was_announced(refused, fallen):
    warning = next(received for received in fallen if "will stop" in received.subject)
    stopped = Event.objects.filter(type="service.suspended").first()

    assert refused.account.today(stopped.at) == warning.dates()[0]
    assert (warning.dates()[0] - warning.on).days >= 7


def test_text_and_html_of_real_mails_tell_the_same_dates(refused, fallen):
    for received in fallen:
        html = one_line(re.sub(r"<[^>]+>", " ", html_of(received.message)))
        assert set(DATE.findall(received.text)) == set(DATE.findall(html)), received.subject


def test_an_account_that_pays_by_invoice_is_told_where_to_send_the_money(world, mailbox):
    account = world.account
    Account.objects.filter(pk=account.pk).update(collection_method="send_invoice", terms_days=14)
    account.refresh_from_db()
    invoicing.run(at=world.at)
    delivery.run(at=world.at)

    issued = [Received(account.today(world.at), message) for message in mailbox.messages]
    mailbox.messages.clear()
    later = pass_days(account, world.at, mailbox, days=26)

    assert len(issued) == 2
    told = [received.subject.split(" on ")[0].split(" for ")[0].split(" in ")[0] for received in later]
    assert Counter(told) == {"Due": 2, "Due today": 2, "Reminder": 2}
    for received in issued + later:
        assert "NL91 ABNA 0417 1643 00" in received.text
        assert "card" not in received.text.replace("card details", "").replace("Pay by card instead", "")


def test_approvals_and_expiring_cards_are_told_with_their_own_words(world, mailbox):
    payment = PaymentFactory(
        account=world.account,
        seller=world.services[0].seller,
        state=PaymentState.REQUIRES_ACTION,
        payment_method=world.card,
    )
    record("payment.action_required", at=world.at, account=world.account, payment=payment, trigger="cycle")
    record("card.expiring", at=world.at, account=world.account, payment_method=world.card, days=30)

    delivery.run(at=world.at)

    texts = sorted(one_line(text_of(message)) for message in mailbox.messages)
    assert texts[0].startswith("Visa •••• 9995 expires on 31 December")
    assert texts[1].startswith("Your bank asks you to approve a payment to Example Cloud B.V. of €121.00.")


def test_one_person_of_two_accounts_reads_which_one_each_mail_is_about(refused, mailbox):
    other = MembershipFactory(user=refused.administrator).account
    service = SubscriptionFactory(account=other, state="suspended", suspended_at=refused.at)
    record("service.suspended", at=refused.at, account=other, subscription=service)

    delivery.run(at=refused.at)

    for account, message in zip((refused.account, other), mailbox.messages, strict=True):
        assert account.legal_name in subject_of(message)
        assert account.reference in text_of(message)


def test_a_second_dunning_mail_of_a_day_is_always_more_urgent_whatever_the_run_pattern(refused, mailbox):
    for hours in range(0, 24 * 30, 7):
        moment = refused.at + timedelta(hours=hours)
        for job in (invoicing.run, charging.collect, dunning.run, retention.run, delivery.run):
            job(at=moment)

    made = Delivery.objects.filter(event__type__in=types_of(DUNNING), carried_by=None).order_by("pk")
    days = defaultdict(list)
    for mail in made.exclude(state=DeliveryState.CANCELED).select_related("event"):
        days[refused.account.today(mail.created_at)].append(rank(mail.event))
    assert all(ranks == sorted(set(ranks)) for ranks in days.values()), "only something more urgent goes out"
    assert Subscription.objects.get(pk=refused.services[0].pk).state == "suspended"
