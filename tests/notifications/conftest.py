"""An account whose card was refused for two sellers: what most mails are about."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest

from billing import charging, invoicing
from billing.models import Account, PaymentMethod, Subscription, User
from tests.factories import (
    MONDAY,
    AccountFactory,
    MembershipFactory,
    PaymentMethodFactory,
    PlanFactory,
    SellerFactory,
    SubscriptionFactory,
    UserFactory,
)
from tests.mailbox import Mailbox, mailbox

__all__ = ["Mailbox", "mailbox"]


@dataclass
class World:
    """One account with two services of two sellers, at a moment that moves on."""

    account: Account
    administrator: User
    card: PaymentMethod
    services: list[Subscription]
    at: datetime

    def later(self, **units: float) -> datetime:
        self.at += timedelta(**units)
        return self.at


@pytest.fixture
def world(db: None) -> World:
    """The account before anything is invoiced; its card declines every charge."""
    account = AccountFactory(legal_name="Contoso B.V.")
    membership = MembershipFactory(account=account, user=UserFactory(email="first@contoso.example"))
    sellers = SellerFactory(name="Example Cloud B.V."), SellerFactory(name="Example Post B.V.")
    services = [
        SubscriptionFactory(account=account, name=name, plan=PlanFactory(seller=seller))
        for name, seller in zip(("Hosting", "Mail"), sellers, strict=True)
    ]
    card = PaymentMethodFactory(account=account, card="insufficient_funds")
    return World(account, membership.user, card, services, at=account.moment(MONDAY, 12))


@pytest.fixture
def refused(world: World) -> World:
    """The account after the night in which both charges were refused."""
    invoicing.run(at=world.at)
    charging.collect(at=world.at)
    return world
