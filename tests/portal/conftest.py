"""People with browsers: Django's client, signed in as a member of an account."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.test import Client
from django.utils import translation

from billing import clock
from billing.models import Account, Membership, Role, Subscription, User
from tests.factories import InvoiceFactory, MembershipFactory, PaymentMethodFactory, SubscriptionFactory


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    """A request leaves its language behind in the thread; each test begins in English."""
    with translation.override("en"):
        yield


@pytest.fixture
def membership(db: None) -> Membership:
    """An administrator of an account that owes nothing."""
    return MembershipFactory()


@pytest.fixture
def account(membership: Membership) -> Account:
    return membership.account


@pytest.fixture
def administrator(membership: Membership) -> Client:
    return browser(membership.user)


@pytest.fixture
def as_role(account: Account) -> Callable[[Role], Client]:
    """Return a browser of a member of the account in a role."""
    return lambda role: browser(MembershipFactory(account=account, role=role).user)


def browser(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def owe(account: Account, *, card: str = "good", services: int = 1, invoices: int = 1) -> list[Subscription]:
    """Give the account services, each with invoices that are due, and a named card."""
    today = account.today(clock.now())
    owed = [SubscriptionFactory(account=account, next_invoice_at=None) for _ in range(services)]
    for service in owed:
        InvoiceFactory(subscription=service, issued=today)
        for _ in range(invoices - 1):
            InvoiceFactory(account=account, seller=service.seller, issued=today)
    if card:
        PaymentMethodFactory(account=account, card=card)
    return owed
