"""
Two accounts of one administrator and one of a stranger, and the days that pass over them.

Days pass by the real command; what the mail server takes meanwhile is kept with the
moment at which it came.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field
from io import StringIO
from typing import Any

import httpx
from django.conf import settings
from django.core.management import call_command
from django.db.models import F
from django.test import Client

from billing import clock
from billing.gateways.sandbox import Engine
from billing.models import Account, CardVisit, Event, Payment, Seller, Subscription, User
from tests.factories import (
    ZONE,
    AccountFactory,
    MembershipFactory,
    PaymentMethodFactory,
    PlanFactory,
    SellerFactory,
    SubscriptionFactory,
    UserFactory,
    a_rate,
)
from tests.mailbox import Mailbox

from .letters import Letter
from .surfer import Surfer

CLOUD, POST = "Example Cloud B.V.", "Example Post B.V."
BOTH = [(CLOUD, 121_00, "EUR"), (POST, 95_59, "EUR")]
TOTAL = "€216.59"


@dataclass
class World:
    """Everything a journey speaks about; ``first`` is the day on which the first invoices fall due."""

    address: str
    engine: Engine
    mailbox: Mailbox
    first: dt.date
    account: Account = field(init=False)
    administrator: User = field(init=False)
    services: list[Subscription] = field(init=False)
    sellers: dict[str, Seller] = field(init=False)
    letters: list[Letter] = field(default_factory=list)
    surfers: list[Surfer] = field(default_factory=list)
    read: int = 0

    def __post_init__(self) -> None:
        """Open the account: a service each of two sellers, and a card that the bank declines."""
        self.sellers = {name: SellerFactory(name=name) for name in (CLOUD, POST)}
        self.account = AccountFactory(legal_name="Contoso B.V.")
        self.administrator = UserFactory(email="anna@contoso.example", name="Anna de Wit")
        MembershipFactory(account=self.account, user=self.administrator)
        self.services = [
            self.subscribe(self.account, "Hosting", seller=CLOUD, price=100_00),
            self.subscribe(self.account, "Mail", seller=POST, price=79_00),
        ]
        PaymentMethodFactory(account=self.account, card="insufficient_funds")

    def subscribe(self, account: Account, name: str, *, seller: str, price: int, currency: str = "EUR") -> Subscription:
        plan = PlanFactory(seller=self.sellers[seller], price=price, currency=currency)
        return SubscriptionFactory(account=account, name=name, plan=plan, started_on=self.first)

    def add_neighbours(self) -> Account:
        """Open another account of the same administrator, in two currencies, and one of a stranger who pays."""
        other = AccountFactory(legal_name="Contoso Labs B.V.")
        MembershipFactory(account=other, user=self.administrator)
        self.subscribe(other, "Archive", seller=CLOUD, price=50_00)
        self.subscribe(other, "Search", seller=POST, price=40_00, currency="USD")
        for week in range(30):
            a_rate("USD", "EUR", on=self.first + dt.timedelta(weeks=week))
        PaymentMethodFactory(account=other, card="do_not_honour")
        stranger = MembershipFactory(account=AccountFactory(legal_name="Fabrikam B.V.")).account
        self.subscribe(stranger, "Shop", seller=CLOUD, price=30_00)
        PaymentMethodFactory(account=stranger, card="good")
        return other

    def day(self, days: int) -> dt.date:
        return self.first + dt.timedelta(days=days)

    def run_on(self, day: dt.date) -> None:
        """Let the night of a day run, as at noon."""
        call_command("run_daily", "--on", day.isoformat(), stdout=StringIO())
        self.collect(at=clock.noon(day, ZONE))

    def run_at(self, at: dt.datetime) -> None:
        call_command("run_daily", "--at", at.isoformat(), stdout=StringIO())
        self.collect(at=at)

    def send_mail(self) -> None:
        call_command("send_notifications", stdout=StringIO())
        self.collect(at=clock.now())

    def pass_days(self, days: Iterable[int]) -> None:
        for number in days:
            self.run_on(self.day(number))

    def pass_from(self, day: int) -> None:
        """Let every night from a day until yesterday run."""
        self.pass_days(range(day, (clock.local_date(clock.now(), ZONE) - self.first).days))

    def collect(self, *, at: dt.datetime) -> None:
        """Take in the mail that has come since the last time."""
        self.letters += [Letter.of(message, at=at) for message in self.mailbox.messages[self.read :]]
        self.read = len(self.mailbox.messages)

    def letters_about(self, account: Account) -> list[Letter]:
        return [letter for letter in self.letters if account.reference in letter.body]

    def letter(self, kind: str) -> Letter:
        """Return the one mail of a kind about the account that the journey is of."""
        [letter] = [letter for letter in self.letters_about(self.account) if letter.kind == kind]
        return letter

    def days_of(self, event_type: str) -> list[dt.date]:
        """Return the days on which something happened to the account, each once."""
        events = Event.objects.for_account(self.account).filter(type=event_type).order_by("pk")
        return sorted({self.account.today(event.at) for event in events})

    def states(self) -> list[str]:
        return [service.state for service in Subscription.objects.for_account(self.account)]

    def somebody(self) -> Surfer:
        """Return a browser in which nobody is signed in."""
        self.surfers.append(Surfer(self.address))
        return self.surfers[-1]

    def signed_in(self, user: User | None = None) -> Surfer:
        """Return a browser in which a person, else the administrator, is signed in already."""
        client = Client()
        client.force_login(user or self.administrator)
        self.surfers.append(Surfer(self.address, session=client.cookies[settings.SESSION_COOKIE_NAME].value))
        return self.surfers[-1]

    def close(self) -> None:
        for surfer in self.surfers:
            surfer.close()

    def page(self, name: str) -> str:
        """Return the address of a page of the account, such as ``cards/change/``."""
        return f"{self.address}/accounts/{self.account.reference}/{name}"

    def access(self, service: Subscription) -> dict[str, Any]:
        """Ask as the seller's product does whether a service may run."""
        headers = {"Authorization": f"Bearer {settings.PRODUCT_API_TOKEN}"}
        answer = httpx.get(f"{self.address}/api/v1/access/{service.reference}", headers=headers, trust_env=False)
        assert answer.status_code == 200
        return dict(answer.json())

    def let_pass(self, **time: float) -> None:
        """Let time pass for what waits for an answer, here and at the gateway."""
        passed = dt.timedelta(**time)
        Payment.objects.undecided().update(
            created_at=F("created_at") - passed,
            asked_at=F("asked_at") - passed,
            next_action_at=F("next_action_at") - passed,
        )
        CardVisit.objects.filter(next_action_at__isnull=False).update(next_action_at=F("next_action_at") - passed)
        self.engine.advance(by=passed)

    def post_webhooks(self) -> None:
        posted = self.engine.post_webhooks(f"{self.address}/webhooks/sandbox/")
        assert posted.accepted == posted.deliveries

    def reconcile(self) -> None:
        """Find the truth about every payment; fails when something differs from the gateway's record."""
        call_command("reconcile_payments", stdout=StringIO())

    def check_books(self) -> None:
        call_command("check_books", stdout=StringIO())
