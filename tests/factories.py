"""Rows for tests: each factory gives just enough, and a test adds what it speaks about."""

from __future__ import annotations

import datetime as dt
from typing import Any

import factory
from allauth.account.models import EmailAddress

from billing import invoicing, schedule
from billing.gateways import sandbox_engine
from billing.models import (
    Account,
    CollectionMethod,
    Contact,
    ExchangeRate,
    Invoice,
    InvoiceLine,
    Membership,
    Payment,
    PaymentMethod,
    Plan,
    Role,
    Seller,
    Subscription,
    TaxTreatment,
    Trigger,
    User,
)

PASSWORD = "a long enough password"
# A Monday, far enough back that weeks can pass before today.
MONDAY = dt.date(2026, 3, 2)
ZONE = "Europe/Amsterdam"


class EmailAddressFactory(factory.django.DjangoModelFactory[EmailAddress]):
    class Meta:
        model = EmailAddress

    email = factory.LazyAttribute(lambda address: address.user.email)
    primary = True
    verified = True


class UserFactory(factory.django.DjangoModelFactory[User]):
    """A person who can sign in with ``PASSWORD``; ``address__verified=False`` says that they have not confirmed."""

    class Meta:
        model = User
        skip_postgeneration_save = True

    email = factory.Sequence(lambda n: f"person{n}@example.com")
    name = factory.Sequence(lambda n: f"Person {n}")
    language = "en"
    password = factory.django.Password(PASSWORD)
    address = factory.RelatedFactory(EmailAddressFactory, factory_related_name="user")


class AccountFactory(factory.django.DjangoModelFactory[Account]):
    class Meta:
        model = Account

    legal_name = factory.Sequence(lambda n: f"Contoso {n} B.V.")
    street = "Keizersgracht 1"
    postal_code = "1015 CJ"
    city = "Amsterdam"
    country = "NL"
    time_zone = ZONE

    class Params:
        by_invoice = factory.Trait(collection_method=CollectionMethod.SEND_INVOICE, terms_days=14)


class MembershipFactory(factory.django.DjangoModelFactory[Membership]):
    class Meta:
        model = Membership

    user = factory.SubFactory(UserFactory)
    account = factory.SubFactory(AccountFactory)
    role = Role.ADMINISTRATOR


class ContactFactory(factory.django.DjangoModelFactory[Contact]):
    class Meta:
        model = Contact

    account = factory.SubFactory(AccountFactory)
    email = factory.Sequence(lambda n: f"finance{n}@example.com")


class SellerFactory(factory.django.DjangoModelFactory[Seller]):
    class Meta:
        model = Seller

    name = factory.Sequence(lambda n: f"Example Cloud {n} B.V.")
    street = "Herengracht 2"
    postal_code = "1015 BK"
    city = "Amsterdam"
    country = "NL"
    vat_id = "NL001234567B01"
    register_number = "12345678"
    iban = "NL91ABNA0417164300"
    bic = "ABNANL2A"
    account_holder = "Example Cloud B.V."
    invoice_series = factory.Sequence(lambda n: f"EX{n}")
    gateway_account = "main"


class PlanFactory(factory.django.DjangoModelFactory[Plan]):
    class Meta:
        model = Plan

    seller = factory.SubFactory(SellerFactory)
    name = "Compute"
    price = 100_00
    currency = "EUR"
    tax_rate = 210_000


class SubscriptionFactory(factory.django.DjangoModelFactory[Subscription]):
    """A service whose first period starts on ``started_on`` and is not invoiced yet."""

    class Meta:
        model = Subscription

    account = factory.SubFactory(AccountFactory)
    plan = factory.SubFactory(PlanFactory)
    seller = factory.LazyAttribute(lambda service: service.plan.seller)
    name = factory.Sequence(lambda n: f"Production {n}")
    price = factory.LazyAttribute(lambda service: service.plan.price)
    currency = factory.LazyAttribute(lambda service: service.plan.currency)
    tax_rate = factory.LazyAttribute(lambda service: service.plan.tax_rate)
    started_on = MONDAY
    anchor_day = factory.LazyAttribute(lambda service: service.started_on.day)
    next_period_on = factory.LazyAttribute(lambda service: service.started_on)
    next_invoice_at = factory.LazyAttribute(
        lambda service: service.account.moment(service.started_on, schedule.INVOICE_HOUR)
    )


def a_rate(base: str, quoted: str, *, on: dt.date, parts_per_million: int = 900_000) -> ExchangeRate:
    """Publish what one unit of ``base`` is worth on a day, unless it is known."""
    rate, _ = ExchangeRate.objects.get_or_create(
        on=on, base=base, quoted=quoted, defaults={"parts_per_million": parts_per_million}
    )
    return rate


class InvoiceFactory(factory.django.DjangoModelFactory[Invoice]):
    """A finalized invoice of one line, issued at noon of ``issued`` and due by the account's terms."""

    class Meta:
        model = Invoice

    account = factory.SubFactory(AccountFactory)
    seller = factory.SubFactory(SellerFactory)
    currency = "EUR"
    tax_currency = factory.LazyAttribute(lambda invoice: invoice.seller.currency)

    @classmethod
    def _create(cls, model_class: type[Invoice], *args: Any, **kwargs: Any) -> Invoice:
        issued: dt.date = kwargs.pop("issued", MONDAY)
        price: int = kwargs.pop("price", 100_00)
        service: Subscription | None = kwargs.pop("subscription", None)
        if service:
            kwargs |= {"account": service.account, "seller": service.seller, "currency": service.currency}
        invoice = super()._create(model_class, *args, **kwargs)
        if invoice.currency != invoice.seller.currency:
            a_rate(invoice.currency, invoice.seller.currency, on=issued)
        InvoiceLine.objects.create(
            invoice=invoice,
            subscription=service,
            description=service.name if service else "Setup",
            unit_price=price,
            net=price,
            tax_treatment=TaxTreatment.STANDARD,
            tax_rate=210_000,
            tax=price * 21 // 100,
            period_start=issued if service else None,
        )
        return invoicing.finalize(invoice, at=invoice.account.moment(issued, 12))


class PaymentMethodFactory(factory.django.DjangoModelFactory[PaymentMethod]):
    """A named test card, on file with us and with the sandbox; ``card`` is its name there."""

    class Meta:
        model = PaymentMethod

    account = factory.SubFactory(AccountFactory)
    gateway = "sandbox"
    gateway_account = "main"
    is_default = True

    @classmethod
    def _create(cls, model_class: type[PaymentMethod], *args: Any, **kwargs: Any) -> PaymentMethod:
        stored = sandbox_engine().store_card(kwargs["gateway_account"], kwargs.pop("card", "good"))
        shown = {
            name: getattr(stored, name) for name in ("token", "fingerprint", "brand", "last4", "exp_month", "exp_year")
        }
        return super()._create(model_class, *args, **(shown | kwargs))


class PaymentFactory(factory.django.DjangoModelFactory[Payment]):
    """A payment that has begun and not ended."""

    class Meta:
        model = Payment

    account = factory.SubFactory(AccountFactory)
    seller = factory.SubFactory(SellerFactory)
    amount = 121_00
    currency = "EUR"
    trigger = Trigger.CYCLE
    gateway = "sandbox"
    gateway_account = "main"
    created_at = factory.LazyAttribute(lambda payment: payment.account.moment(MONDAY, 12))
