"""One pure function from facts to what a person must know, most urgent first."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

import pytest

from billing.clock import local_moment
from billing.models import Account, Hold, Invoice, Membership, Payment, PaymentMethod, Role, Seller, Subscription, User
from billing.outlook import Outlook, Upcoming
from portal.alerts import alerts
from tests.factories import ZONE

TODAY = dt.date(2026, 11, 23)
NOON = local_moment(TODAY, 12, ZONE)
TOMORROW_TEN = local_moment(dt.date(2026, 11, 24), 10, ZONE)
LATER = local_moment(dt.date(2026, 12, 14), 10, ZONE)


@dataclass
class Facts:
    """An account as it stands; nothing is stored."""

    account: Account = field(default_factory=lambda: Account(reference="A-1", country="NL"))
    due: list[Invoice] = field(default_factory=list)
    coming: list[Invoice] = field(default_factory=list)
    services: list[Subscription] = field(default_factory=lambda: [service()])
    cards: list[PaymentMethod] = field(default_factory=lambda: [card()])
    live: list[Payment] = field(default_factory=list)
    failures: list[Payment] = field(default_factory=list)
    received: list[Payment] = field(default_factory=list)
    upcoming: list[Upcoming] = field(default_factory=list)
    holds: list[Hold] = field(default_factory=list)

    def codes(self, *, role: Role = Role.ADMINISTRATOR, verified: bool = True) -> list[str]:
        return [alert.code for alert in self.alerts(role=role, verified=verified)]

    def alerts(self, *, role: Role = Role.ADMINISTRATOR, verified: bool = True) -> list:
        outlook = Outlook(
            account=self.account,
            at=NOON,
            today=TODAY,
            due=self.due,
            coming=self.coming,
            recent=[],
            services=self.services,
            cards=self.cards,
            live=self.live,
            failures=self.failures,
            received=self.received,
            credits=[],
            upcoming=self.upcoming,
            holds=self.holds,
        )
        member = Membership(user=User(email="emma@example.com"), account=self.account, role=role)
        member.email_verified = verified
        return alerts(outlook, membership=member, at=NOON)


SELLER = Seller(pk=1, name="Example Cloud B.V.")


def invoice(due_on: dt.date, *, amount: int = 119_00, refused: bool = False) -> Invoice:
    refused_at = NOON if refused else None
    return Invoice(
        reference="I-1", state="open", currency="EUR", total=amount, due_on=due_on, refused_at=refused_at, seller=SELLER
    )


def service(name: str = "Hosting", **fields: object) -> Subscription:
    return Subscription(name=name, **fields)


def card(**fields: object) -> PaymentMethod:
    shown = {"brand": "visa", "last4": "4242", "exp_month": 12, "exp_year": 2030, "is_default": True}
    return PaymentMethod(**(shown | fields))


def payment(state: str, **fields: object) -> Payment:
    about = {
        "amount": 119_00,
        "currency": "EUR",
        "seller": SELLER,
        "created_at": NOON,
        "asked_at": NOON,
        "reference": "PAY-1",
    }
    return Payment(state=state, **(about | fields))


OVERDUE = invoice(dt.date(2026, 11, 3))
NOT_PAID = {"disabled_reasons": ["nonpayment"]}


def test_nothing_is_said_when_all_is_well():
    assert Facts().codes() == []


def test_a_refused_charge_says_amount_card_reason_and_the_hour_of_the_stop():
    failure = payment("failed", payment_method=card(), decline_code="insufficient_funds", settled_at=NOON)
    stop = Upcoming(LATER, "stop")
    facts = Facts(due=[invoice(TODAY, refused=True)], failures=[failure], upcoming=[stop])

    (alert,) = facts.alerts()

    assert alert.code == "charge_failed"
    assert "€119.00" in alert.text
    assert "Visa •••• 4242" in alert.text
    assert "There was not enough money on the card." in alert.text
    assert "14 December 2026 at 10:00" in alert.text
    assert (alert.action_url, alert.action_label) == ("/accounts/A-1/settle/", "Pay €119.00")
    assert alert.deadline == LATER


def test_a_card_that_no_longer_works_is_changed_rather_than_tried():
    failure = payment("failed", payment_method=card(), decline_code="stolen_card", settled_at=NOON)
    facts = Facts(due=[OVERDUE], failures=[failure], cards=[card(blocked_reason="stolen_card")])

    (alert,) = facts.alerts()

    assert alert.action_url == "/accounts/A-1/cards/change/"
    assert alert.action_label == "Change card and pay €119.00"


def test_past_due_says_since_when_and_until_when():
    facts = Facts(due=[OVERDUE], services=[service(state="warned", suspend_at=LATER)])

    (alert,) = facts.alerts()

    assert alert.code == "past_due"
    assert alert.text == "€119.00 was due on 3 November 2026. Services stop on 14 December 2026 at 10:00."


def test_a_stop_tomorrow_is_in_the_title_with_its_hour():
    services = [
        service(state="warned", suspend_at=TOMORROW_TEN),
        service("Backup", state="warned", suspend_at=TOMORROW_TEN),
    ]

    (alert,) = Facts(due=[OVERDUE], services=services).alerts()

    assert alert.code == "last_warning"
    assert alert.title == "Your services stop tomorrow, 24 November 2026, at 10:00."


def test_a_stopped_and_a_stopping_service_are_two_alerts():
    services = [service(state="suspended", **NOT_PAID), service("Backup", state="warned", suspend_at=TOMORROW_TEN)]

    stopped, stopping = Facts(due=[OVERDUE], services=services).alerts()

    assert stopped.title == "Hosting has stopped."
    assert "stop" not in stopped.text
    assert stopping.title == "Backup stops tomorrow, 24 November 2026, at 10:00."


def test_all_services_stopped_need_no_names():
    services = [service(state="suspended", **NOT_PAID), service("Backup", state="suspended", **NOT_PAID)]

    (alert,) = Facts(due=[OVERDUE], services=services).alerts()

    assert alert.title == "Your services have stopped."


def test_a_service_that_is_off_for_another_reason_is_not_promised_back():
    services = [service(state="suspended", disabled_reasons=["nonpayment", "staff"])]

    assert "suspended" not in Facts(due=[OVERDUE], services=services).codes()


@pytest.mark.parametrize(("days", "code"), [(61, "canceled"), (60, "deletion_soon"), (1, "deletion_soon")])
def test_deletion_is_announced_sixty_days_before(days: int, code: str):
    canceled = service(state="canceled", delete_on=TODAY + dt.timedelta(days=days), **NOT_PAID)

    assert Facts(due=[OVERDUE], services=[canceled]).codes() == [code]


def test_while_all_of_it_is_checked_nobody_is_asked_to_pay():
    facts = Facts(due=[OVERDUE], live=[payment("unknown")], services=[service(state="warned", suspend_at=LATER)])

    (alert,) = facts.alerts()

    assert alert.code == "checking"
    assert "Please do not pay again." in alert.text


def test_what_is_not_under_way_is_still_asked_for():
    other = Seller(pk=2)
    facts = Facts(due=[OVERDUE], live=[payment("unknown", seller=other)])

    assert facts.codes() == ["checking", "past_due"]


def test_only_what_is_not_under_way_may_be_paid():
    other = Seller(pk=2)
    mine = Invoice(reference="I-2", state="open", currency="EUR", total=50_00, due_on=OVERDUE.due_on, seller=other)

    checking, overdue = Facts(due=[OVERDUE, mine], live=[payment("unknown")]).alerts()

    assert (checking.code, overdue.action_label) == ("checking", "Pay €50.00")
    assert "€50.00 was due" in overdue.text


def test_after_an_hour_without_an_answer_another_way_to_pay_is_offered():
    facts = Facts(due=[OVERDUE], live=[payment("unknown", asked_at=NOON - dt.timedelta(hours=1))])

    checking, overdue = facts.alerts()

    assert (checking.action_url, checking.action_label) == ("/accounts/A-1/settle/", "Pay another way")
    assert "do not pay" not in checking.text
    assert overdue.action_label == "Pay €119.00"


def test_a_stop_whose_moment_has_passed_is_not_named():
    late = service(state="warned", suspend_at=NOON - dt.timedelta(days=7))
    stop = Upcoming(NOON - dt.timedelta(days=7), "stop")

    (alert,) = Facts(due=[OVERDUE], services=[late], upcoming=[stop]).alerts()

    assert alert.text == "€119.00 was due on 3 November 2026. Your services may stop at any time."
    assert alert.deadline is None


def test_whoever_pays_by_transfer_is_not_told_of_a_stop_that_was_called_off():
    late = service(state="warned", suspend_at=NOON - dt.timedelta(days=7))
    by_invoice = Account(reference="A-1", collection_method="send_invoice")

    (alert,) = Facts(account=by_invoice, due=[OVERDUE], services=[late], cards=[]).alerts()

    assert alert.text == "€119.00 was due on 3 November 2026."


def test_a_cancellation_or_deletion_whose_day_has_passed_is_not_named():
    stopped = service(state="suspended", cancel_at=NOON - dt.timedelta(hours=3), **NOT_PAID)
    canceled = service("Backup", state="canceled", delete_on=TODAY - dt.timedelta(days=1), **NOT_PAID)

    deletion, suspended = Facts(due=[OVERDUE], services=[stopped, canceled]).alerts()

    assert deletion.title == "Your data may be deleted at any time."
    assert "cancellation" not in suspended.text


def test_an_approval_leads_to_the_bank():
    waiting = payment("requires_action", action_url="https://bank.example/approve")

    (alert,) = Facts(due=[OVERDUE], live=[waiting]).alerts()

    assert (alert.code, alert.action_url) == ("need_auth", "https://bank.example/approve")


def test_amounts_of_two_currencies_are_never_added():
    dollars = Invoice(reference="I-2", state="open", currency="USD", total=50_00, due_on=OVERDUE.due_on, seller=SELLER)

    (alert,) = Facts(due=[OVERDUE, dollars]).alerts()

    assert alert.action_label == "Pay €119.00 and US$50.00"


@pytest.mark.parametrize(
    ("method", "code"),
    [
        ({"exp_month": 11, "exp_year": 2026}, "card_expiring"),
        ({"exp_month": 10, "exp_year": 2026}, "card_expired"),
        ({"blocked_reason": "stolen_card"}, "card_blocked"),
        ({"exp_month": 1, "exp_year": 2027}, None),
    ],
)
def test_a_card_that_will_fail_is_said_before_it_does(method: dict[str, object], code: str | None):
    assert Facts(cards=[card(**method)]).codes() == ([code] if code else [])


def test_no_card_is_said_to_those_who_pay_by_card():
    assert Facts(cards=[]).codes() == ["no_card"]
    assert Facts(cards=[], account=Account(reference="A-1", collection_method="send_invoice")).codes() == []


@pytest.mark.parametrize(("days", "codes"), [(0, ["due_soon"]), (7, ["due_soon"]), (8, [])])
def test_what_falls_due_within_a_week_is_said(days: int, codes: list[str]):
    soon = invoice(TODAY + dt.timedelta(days=days))
    facts = Facts(due=[soon]) if days == 0 else Facts(coming=[soon])

    assert facts.codes() == codes


def test_whoever_pays_by_transfer_is_led_to_the_invoice():
    by_invoice = Account(reference="A-1", collection_method="send_invoice")

    (alert,) = Facts(account=by_invoice, due=[OVERDUE], cards=[]).alerts()

    assert alert.action_url == "/accounts/A-1/invoices/I-1/#transfer"


def test_a_viewer_is_led_to_who_can_pay():
    (alert,) = Facts(due=[OVERDUE]).alerts(role=Role.VIEWER)

    assert alert.action_url == "/accounts/A-1/profile/#people"


def test_thanks_come_when_nothing_else_is_to_say():
    paid = Facts(received=[payment("succeeded")])

    assert paid.codes() == ["paid"]
    assert paid.alerts()[0].title == "Payment received: €119.00."
    assert Facts(received=[payment("succeeded")], due=[OVERDUE]).codes() == ["past_due"]


def test_an_unconfirmed_address_is_said_last():
    assert Facts(due=[OVERDUE]).codes(verified=False) == ["past_due", "email_unverified"]


def test_every_alert_has_a_word_for_the_chooser():
    for facts in (Facts(due=[OVERDUE]), Facts(cards=[]), Facts(received=[payment("succeeded")])):
        assert all(str(alert.word) for alert in facts.alerts(verified=False))


def held(kind: str) -> Hold:
    return Hold(kind=kind, seller=SELLER, starts_at=NOON, ends_at=LATER)


def test_a_promise_is_told_in_place_of_what_it_holds_up():
    (alert,) = Facts(due=[OVERDUE], holds=[held("promise")]).alerts()

    assert alert.code == "promised"
    assert "by 13 December 2026" in alert.title


def test_another_hold_is_told_with_its_end():
    (alert,) = Facts(due=[OVERDUE], holds=[held("dispute")]).alerts()

    assert (alert.code, alert.deadline) == ("on_hold", LATER)
    assert "until 14 December 2026 at 10:00" in alert.text


def test_a_hold_of_one_invoice_does_not_hide_the_other():
    other = invoice(dt.date(2026, 11, 4))
    other.seller = Seller(pk=2, name="Example Post B.V.")

    (alert,) = Facts(due=[OVERDUE, other], holds=[held("dispute")]).alerts()

    assert alert.code == "past_due"


def test_in_the_grace_a_stopped_service_is_not_said_to_be_off():
    facts = Facts(due=[OVERDUE], services=[service(state="suspended", **NOT_PAID)], holds=[held("grace")])

    (alert,) = facts.alerts()

    assert (alert.code, alert.deadline) == ("grace", LATER)
