from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.mail import get_connection

from billing import charging, clock, dunning, invoicing, quotes, settling
from billing.events import record
from billing.models import Event, Invoice, PaymentMethod, SettlementPurpose, StaffTask, Subscription, TaskKind
from notifications import delivery, dispatching, envelopes
from notifications.models import Delivery, DeliveryState
from notifications.transport import Sender
from tests.factories import ContactFactory, MembershipFactory, PaymentMethodFactory, UserFactory
from tests.mailbox import html_of, one_line, subject_of, text_of

P4 = (
    "We have been unable to charge your credit card for your subscription. "
    "To prevent any service interruptions, please update your payment information."
)


def pay_everything(world) -> None:
    card = PaymentMethodFactory(account=world.account, card="good", is_default=False)
    user, at = world.administrator, world.at
    quote = quotes.quote(world.account, at=at)
    consented = settling.consent(world.account, purpose=SettlementPurpose.PAY, digest=quote.digest, by=user, at=at)
    settling.settle(consented, method=card, by=user, at=at)


def test_refusals_of_two_sellers_arrive_as_one_mail_that_names_both(refused, mailbox):
    delivery.run(at=refused.at)

    (message,) = mailbox.messages
    text = one_line(text_of(message))
    assert text.startswith(P4)
    for invoice in Invoice.objects.all():
        assert invoice.number in text
        assert invoice.number in html_of(message)
    assert "Example Cloud B.V." in text
    assert "Example Post B.V." in text
    assert "€242.00" in text
    assert "Visa •••• 9995" in text
    assert "There was not enough money on the card." in text
    assert f"/accounts/{refused.account.reference}/cards/change/" in text
    assert subject_of(message) == "Payment failed for Contoso B.V.: €242.00 to pay"


def test_headers_say_that_a_machine_wrote_and_where_answers_go(refused, mailbox, settings):
    delivery.run(at=refused.at)

    (message,) = mailbox.messages
    assert message["From"] == settings.DEFAULT_FROM_EMAIL
    assert message["Reply-To"] == settings.SUPPORT_EMAIL
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["X-Auto-Response-Suppress"] == "OOF, AutoReply"
    assert message["Content-Language"] == "en"
    assert refused.account.reference in message["References"]
    assert message["Message-ID"] == Delivery.objects.get(carried_by=None).message_id
    assert [part.get_content_subtype() for part in message.iter_parts()] == ["plain", "html"]


def test_each_recipient_gets_a_mail_in_their_own_language_that_says_who_else_got_it(refused, mailbox):
    payer = UserFactory(email="payer@contoso.example", language="nl")
    MembershipFactory(account=refused.account, user=payer)

    delivery.run(at=refused.at)

    (english,), (dutch,) = mailbox.to("first@contoso.example"), mailbox.to("payer@contoso.example")
    assert "payer@contoso.example" in text_of(english)
    assert "first@contoso.example" in text_of(dutch)
    assert dutch["Content-Language"] == "nl"
    assert "2 maart 2026" in one_line(text_of(dutch))
    assert "2 March 2026" in one_line(text_of(english))


def test_what_the_server_accepted_is_told_on_the_timeline_once_per_event(refused, mailbox):
    delivery.run(at=refused.at)
    delivery.run(at=refused.at)

    sent = Event.objects.filter(type="notice.sent")
    assert {event.regards.type for event in sent} == {"payment.failed"}
    assert sent.count() == 2
    assert len(mailbox.messages) == 1
    mail = Delivery.objects.get(carried_by=None)
    assert mail.state == DeliveryState.ACCEPTED
    assert mail.subject == subject_of(mailbox.messages[0])
    assert one_line(mail.text) == one_line(text_of(mailbox.messages[0]))


def test_nothing_is_mailed_about_a_debt_that_was_paid_before_sending(refused, mailbox):
    dispatching.dispatch(at=refused.at)
    pay_everything(refused)

    counts = delivery.send_due(at=refused.at)

    assert mailbox.messages == []
    assert counts["no longer true"] == 1
    assert set(Delivery.objects.values_list("state", flat=True)) == {DeliveryState.CANCELED}


def test_a_mail_leaves_out_what_is_no_longer_true(refused, mailbox):
    dispatching.dispatch(at=refused.at)
    paid = Invoice.objects.get(seller=refused.services[0].seller)
    Invoice.objects.filter(pk=paid.pk).update(state="paid", amount_paid=paid.total, paid_at=refused.at)

    delivery.send_due(at=refused.at)

    (message,) = mailbox.messages
    assert paid.number not in text_of(message)
    assert "Example Post B.V." in text_of(message)
    assert sorted(Delivery.objects.values_list("state", flat=True)) == ["accepted", "canceled"]
    assert Event.objects.filter(type="notice.sent").count() == 1


def test_every_payment_gets_its_own_receipt_that_names_what_is_on_again(refused, mailbox):
    delivery.run(at=refused.at)
    mailbox.messages.clear()
    hosting = refused.services[0]
    Subscription.objects.filter(pk=hosting.pk).update(
        state="suspended", suspended_at=refused.at, disabled_reasons=["nonpayment"]
    )
    refused.later(hours=1)

    pay_everything(refused)
    delivery.run(at=refused.at)

    cloud, post = sorted(mailbox.messages, key=lambda message: "Post" in text_of(message))
    assert "Hosting is on again." in one_line(text_of(cloud))
    assert "on again" not in text_of(post)
    assert "€121.00" in subject_of(cloud)
    assert "Nothing else is due." in text_of(post)


def test_a_dead_senders_mail_goes_out_again_with_the_same_message_id(refused, mailbox):
    dispatching.dispatch(at=refused.at)
    mail = delivery.claim(at=refused.at)
    delivery._render(mail, delivery.still_true(mail, at=refused.at), at=refused.at)
    with Sender(get_connection()) as sender:
        sender.send(envelopes.message(mail))
    # The process is killed here: the server has the mail, the row does not say so.
    killed_at = clock.now()

    assert delivery.send_due(at=killed_at + timedelta(minutes=4)) == {"waits": 1}
    delivery.send_due(at=killed_at + timedelta(minutes=5))

    first, second = mailbox.messages
    assert first["Message-ID"] == second["Message-ID"]
    assert Delivery.objects.filter(state=DeliveryState.ACCEPTED).count() == 2


def test_what_a_run_for_a_day_long_ago_is_sending_nobody_else_takes(refused, mailbox):
    dispatching.dispatch(at=refused.at)
    delivery.claim(at=refused.at)

    assert delivery.claim(at=clock.now()) is None


def test_a_run_for_a_day_long_ago_leaves_no_lease_behind(refused, mailbox):
    mailbox.answers.append("451 try later")

    assert delivery.run(at=refused.at)["waits"] == 1
    assert delivery.run(at=refused.later(minutes=1)) == {"sent": 1}


def test_mail_waits_while_the_server_is_down_and_goes_out_when_it_is_back(refused, mailbox):
    mailbox.stop()

    counts = delivery.run(at=refused.at)
    assert counts == {"mails made": 1, "failed": 1, "waits": 1}
    assert delivery.run(at=refused.later(seconds=59)) == {"waits": 1}

    mailbox.start()
    assert delivery.run(at=refused.later(seconds=1)) == {"sent": 1}
    assert len(mailbox.messages) == 1


def test_a_server_that_is_down_is_left_alone_after_five_tries(refused, mailbox):
    for _ in range(7):
        MembershipFactory(account=refused.account)
    mailbox.stop()

    counts = delivery.run(at=refused.at)

    assert counts["failed"] == 5
    assert Delivery.objects.filter(attempts=0, carried_by=None).count() == 3


def test_a_temporary_refusal_is_tried_again_after_growing_pauses(refused, mailbox):
    mailbox.answers.extend(["451 try later", "451 try later"])

    delivery.run(at=refused.at)
    delivery.run(at=refused.later(minutes=1))
    assert delivery.run(at=refused.later(minutes=4)) == {"waits": 1}
    assert delivery.run(at=refused.later(minutes=1)) == {"sent": 1}

    assert Delivery.objects.get(carried_by=None).attempts == 3


def test_a_refused_address_fails_is_told_and_reaches_staff_when_nobody_else_got_it(refused, mailbox):
    mailbox.refusals["first@contoso.example"] = "550 no such user"

    delivery.run(at=refused.at)

    mail = Delivery.objects.get(carried_by=None)
    assert mail.state == DeliveryState.FAILED
    assert mail.last_error.startswith("550")
    assert Event.objects.filter(type="notice.failed", regards=mail.event).count() == 1
    assert StaffTask.objects.get().kind == TaskKind.NO_RECIPIENT


def test_a_refused_address_is_nobodys_task_while_another_got_the_mail(refused, mailbox):
    ContactFactory(account=refused.account, email="finance@contoso.example")
    mailbox.refusals["first@contoso.example"] = "550 no such user"

    delivery.run(at=refused.at)

    assert len(mailbox.messages) == 1
    assert not StaffTask.objects.exists()


@pytest.mark.parametrize("trouble", ["drops", "hangs"])
def test_a_server_that_takes_a_mail_and_says_nothing_gets_it_again_under_the_same_id(refused, mailbox, trouble):
    setattr(mailbox, trouble, 1)

    assert delivery.run(at=refused.at)["failed"] == 1
    assert delivery.run(at=refused.later(minutes=2)) == {"sent": 1}

    assert len({message["Message-ID"] for message in mailbox.messages}) == 1
    assert len(mailbox.messages) <= 2


def test_a_mail_that_cannot_be_made_does_not_stop_the_others(refused, mailbox):
    MembershipFactory(account=refused.account, user=UserFactory(email="second@contoso.example"))
    dispatching.dispatch(at=refused.at)
    broken = Delivery.objects.filter(recipient="first@contoso.example", carried_by=None)
    broken.update(message_id="<broken\n@x>")

    counts = delivery.send_due(at=refused.at)

    assert counts == {"sent": 1, "failed": 1, "waits": 1}


def test_what_staff_send_again_goes_out_and_what_they_cancel_does_not(refused, mailbox):
    mailbox.refusals["first@contoso.example"] = "550 no such user"
    delivery.run(at=refused.at)
    mailbox.refusals.clear()
    mail = Delivery.objects.get(carried_by=None)

    delivery.retry(mail, at=refused.at)
    assert delivery.send_due(at=refused.at) == {"sent": 1}

    other = record("service.suspended", at=refused.at, account=refused.account, subscription=refused.services[0])
    dispatching.dispatch(at=refused.later(hours=1))
    delivery.cancel(other.deliveries.get())
    assert delivery.send_due(at=refused.at) == {}


class TestAnnouncedStop:
    """A warning names a date that is far enough ahead, or is not sent at all."""

    @pytest.fixture
    def warned(self, refused, mailbox):
        """The account after two weeks, its services warned and the mail not yet made."""
        delivery.run(at=refused.at)
        mailbox.messages.clear()
        refused.later(days=14)
        invoicing.run(at=refused.at)
        charging.collect(at=refused.at)
        dunning.run(at=refused.at)
        return refused

    def test_names_the_day_and_the_hour_on_which_the_services_stop(self, warned, mailbox):
        delivery.run(at=warned.at)

        (message,) = mailbox.messages
        service = Subscription.objects.get(pk=warned.services[0].pk)
        assert service.state == "warned"
        stop = service.suspend_at.astimezone(warned.at.tzinfo)
        assert f"Hosting and Mail stop on {stop.day} March 2026 at 10:00" in one_line(text_of(message))

    def test_is_canceled_when_it_would_come_too_late(self, warned, mailbox):
        dispatching.dispatch(at=warned.at)

        delivery.send_due(at=warned.later(days=3))

        assert all("stop on" not in one_line(text_of(message)) for message in mailbox.messages)
        assert Delivery.objects.filter(event__type="service.warned", state=DeliveryState.CANCELED).count() == 2
        assert not Event.objects.filter(type="notice.sent", regards__type="service.warned").exists()

    def test_is_not_sent_twice_when_a_newer_one_tells_a_new_date(self, warned, mailbox):
        dispatching.dispatch(at=warned.at)
        for event in Event.objects.filter(type="service.warned"):
            record("service.warned", at=warned.at, account=warned.account, subscription=event.subscription)

        delivery.run(at=warned.later(days=1))
        delivery.run(at=warned.at)

        assert len(mailbox.messages) <= 1


def test_an_account_without_a_card_is_asked_for_one(world, mailbox):
    PaymentMethod.objects.update(removed_at=world.at, is_default=False)
    invoicing.run(at=world.at)
    charging.collect(at=world.at)

    delivery.run(at=world.at)

    (message,) = mailbox.messages
    assert subject_of(message) == "No card to charge for Contoso B.V.: €242.00 to pay"
    assert f"/accounts/{world.account.reference}/cards/change/" in text_of(message)


def test_an_account_that_has_a_card_again_is_not_asked_for_one(world, mailbox):
    PaymentMethod.objects.update(removed_at=world.at, is_default=False)
    invoicing.run(at=world.at)
    charging.collect(at=world.at)
    PaymentMethodFactory(account=world.account, card="good")

    delivery.run(at=world.at)

    assert mailbox.messages == []


def test_a_mail_that_the_server_puts_off_for_five_days_fails(refused, mailbox):
    dispatching.dispatch(at=refused.at)
    mailbox.answers.append("451 try later")

    delivery.send_due(at=refused.later(days=5, minutes=1))

    assert set(Delivery.objects.values_list("state", flat=True)) == {DeliveryState.FAILED}
    assert StaffTask.objects.exists()


def test_a_reminder_tells_why_each_creditors_charge_failed(refused, mailbox):
    record("dunning.reminded", at=refused.at, account=refused.account, invoice=Invoice.objects.first())
    Event.objects.filter(type="payment.failed").update(dispatched_at=refused.at)

    delivery.run(at=refused.at)

    (message,) = mailbox.messages
    assert "charged for Example Cloud B.V. and Example Post B.V.: There was not" in one_line(text_of(message))


def test_who_has_left_the_account_meanwhile_reads_nothing(refused, mailbox):
    dispatching.dispatch(at=refused.at)
    refused.account.memberships.update(role="viewer")

    delivery.send_due(at=refused.at)

    assert mailbox.messages == []
    assert set(Delivery.objects.values_list("state", flat=True)) == {DeliveryState.CANCELED}


def test_a_server_that_is_away_for_a_week_is_waited_for(refused, mailbox):
    dispatching.dispatch(at=refused.at)
    mailbox.stop()

    delivery.send_due(at=refused.later(days=7))
    mailbox.start()

    assert delivery.send_due(at=refused.later(hours=1)) == {"sent": 1}
