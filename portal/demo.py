"""
The demo's company, in every state: made by running the real jobs over simulated weeks.

Each story says how long ago its last invoice fell due and which test card was on file
then; what follows is what the jobs make of it. Nothing is inserted as a result.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from billing import cards, clock, enrolling, quotes, schedule, settling, subscribing
from billing.batches import Counts, Watch
from billing.brakes import AbnormalRun
from billing.gateways import sandbox_engine
from billing.gateways.sandbox import pages
from billing.models import (
    Account,
    CollectionMethod,
    Contact,
    ExchangeRate,
    Membership,
    Plan,
    Role,
    Seller,
    SettlementPurpose,
    Subscription,
    User,
)

from . import daily

PASSWORD = "paidup demo 2026"  # noqa: S105 - printed for everyone by the demo
LAST_YEAR = 365


@dataclass(frozen=True, slots=True)
class Story:
    """One account: who, what they buy, when their last invoice fell due, and which card they had."""

    company: str
    people: tuple[str, ...]
    plans: tuple[str, ...]
    due_days_ago: int
    card: str
    months: int = 2
    country: str = "NL"
    city: str = "Amsterdam"
    language: str = "en"
    pays_after_days: int | None = None
    by_invoice: bool = False


@dataclass(frozen=True, slots=True)
class Person:
    """Someone who signs in to the demo."""

    email: str
    name: str
    language: str
    shows: str = ""


PEOPLE = (
    Person(
        "emma@example.com",
        "Emma Visser",
        "en",
        "two accounts: a declined card that will stop services, and one in order",
    ),
    Person("bram@example.com", "Bram de Boer", "nl", "stopped services, in Dutch"),
    Person("chloe@example.com", "Chloé Martin", "en", "canceled services, their data about to be deleted"),
    Person("daan@example.com", "Daan Kuiper", "nl", "a refusal from yesterday"),
    Person("fatima@example.com", "Fatima El Idrissi", "en", "paid yesterday with a new card; services are back"),
    Person("greta@example.com", "Greta Lindqvist", "en", "pays by bank transfer, from an invoice"),
    Person("hugo@example.com", "Hugo Peeters", "nl", "the bank asks to approve a payment"),
    Person("iris@example.com", "Iris Bakker", "nl", "may pay, but not manage (payer of Emma's first account)"),
)

STAFF = Person("staff@example.com", "Sam Support", "en")

# name -> (seller, price, currency, tax in parts per million)
PLANS = {
    "Hosting": ("Havenlicht Cloud B.V.", 189_00, "EUR", 210_000),
    "Backup": ("Havenlicht Cloud B.V.", 49_00, "EUR", 210_000),
    "Analytics": ("Lantern Software B.V.", 119_00, "EUR", 210_000),
    "Support desk": ("Lantern Software B.V.", 79_00, "USD", 210_000),
}

STORIES = (
    Story("Noordzee Logistiek B.V.", ("emma", "iris"), ("Hosting", "Analytics"), 16, "insufficient_funds"),
    Story("Tulp & Zonen B.V.", ("emma",), ("Backup",), 6, "good", months=3),
    Story("Blauwdruk Architecten", ("bram",), ("Hosting", "Support desk"), 27, "do_not_honour", language="nl"),
    Story("Kaap Atelier SARL", ("chloe",), ("Analytics",), 137, "stolen", country="FR", city="Lille"),
    Story("Molenwater Advies", ("daan",), ("Hosting", "Backup"), 1, "expired", language="nl"),
    Story("Duinpan Media B.V.", ("fatima",), ("Hosting", "Analytics"), 26, "setup_only", pays_after_days=25),
    Story("Brightwell Ltd", ("greta",), ("Hosting",), 5, "", months=0, country="IE", city="Dublin", by_invoice=True),
    Story("Zilverberg Groep", ("hugo",), ("Support desk",), 1, "three_d_secure", language="nl"),
)


@dataclass
class Cast:
    """The rows the stories share."""

    people: dict[str, User] = field(default_factory=dict)
    plans: dict[str, Plan] = field(default_factory=dict)


def seed(*, at: datetime, watch: Watch) -> Counts:
    """Let the stories happen up to ``at``; returns what the jobs counted."""
    cast = Cast(people=_people(), plans=_plans())
    accounts = [(_open_account(story, cast, at=at), story) for story in STORIES]
    today = clock.local_date(at, accounts[0][0].time_zone)
    first = min(service.started_on for service in Subscription.objects.all())
    for n in range(0, (today - first).days + 1, 7):
        ExchangeRate.objects.create(on=first + timedelta(days=n), base="EUR", quoted="USD", parts_per_million=1_087_600)
    counts: Counts = Counts()
    for n in watch(range((today - first).days + 1)):
        day = first + timedelta(days=n)
        moment = min(clock.noon(day, accounts[0][0].time_zone), at)
        counts += _let_pass(accounts, cast, day, today, moment)
    sandbox_engine().prune_keys()
    for webhook in sandbox_engine().undelivered_webhooks():
        sandbox_engine().mark_delivered(webhook)
    _enrol_staff()
    return counts


def has_begun() -> bool:
    return Account.objects.exists() or User.objects.filter(email=PEOPLE[0].email).exists()


def is_finished() -> bool:
    """Say whether a seed came to its end: staff are enrolled last."""
    return User.objects.filter(email=STAFF.email, is_staff=True).exists()


def _let_pass(accounts: list[tuple[Account, Story]], cast: Cast, day: date, today: date, at: datetime) -> Counts:
    """Let one day pass: people change their cards, then the night runs."""
    for account, story in accounts:
        person = cast.people[story.people[0]]
        days_past_due = (day - today).days + story.due_days_ago
        if story.card and account.subscriptions.filter(started_on=day).exists():
            _change_card(account, person, "good", at=at)
        if story.card and days_past_due == -2:
            _change_card(account, person, story.card, at=at)
        if days_past_due == story.pays_after_days:
            _pay_with_new_card(account, person, at=at)
    try:
        return daily.run(at=at)
    except AbnormalRun as stopped:
        return stopped.counts


def _people() -> dict[str, User]:
    return {person.email.partition("@")[0]: _enrol(person) for person in PEOPLE}


def _enrol_staff() -> None:
    staff = _enrol(STAFF)
    User.objects.filter(pk=staff.pk).update(is_staff=True, is_superuser=True)


def _enrol(person: Person) -> User:
    user = enrolling.enrol(person.email, name=person.name, language=person.language)
    user.set_password(PASSWORD)
    user.save(update_fields=["password"])
    return user


def _plans() -> dict[str, Plan]:
    sellers = {
        "Havenlicht Cloud B.V.": _seller("Havenlicht Cloud B.V.", "HL", "NL91ABNA0417164300", "ABNANL2A"),
        "Lantern Software B.V.": _seller("Lantern Software B.V.", "LS", "NL20INGB0001234567", "INGBNL2A"),
    }
    return {
        name: Plan.objects.create(seller=sellers[seller], name=name, price=price, currency=currency, tax_rate=tax)
        for name, (seller, price, currency, tax) in PLANS.items()
    }


def _seller(name: str, series: str, iban: str, bic: str) -> Seller:
    return Seller.objects.create(
        name=name,
        street="Havenkade 12",
        postal_code="1019 BR",
        city="Amsterdam",
        country="NL",
        vat_id="NL001234567B01",
        register_number="12345678",
        iban=iban,
        bic=bic,
        account_holder=name,
        invoice_series=series,
        gateway_account="main",
    )


def _open_account(story: Story, cast: Cast, *, at: datetime) -> Account:
    account = Account.objects.create(
        legal_name=story.company,
        street="Voorstraat 7",
        postal_code="1012 AB",
        city=story.city,
        country=story.country,
        language=story.language,
        collection_method=CollectionMethod.SEND_INVOICE if story.by_invoice else CollectionMethod.CHARGE_AUTOMATICALLY,
        terms_days=14 if story.by_invoice else 0,
        created_at=at - timedelta(days=LAST_YEAR),
    )
    roles = (Role.ADMINISTRATOR, Role.PAYER)
    for person, role in zip(story.people, roles, strict=False):
        Membership.objects.create(user=cast.people[person], account=account, role=role)
    Contact.objects.create(
        account=account, email=f"finance@{story.company.split()[0].lower()}.example", language=story.language
    )
    for name in story.plans:
        _subscribe(account, cast.plans[name], story, at=at)
    return account


def _subscribe(account: Account, plan: Plan, story: Story, *, at: datetime) -> None:
    issued_on = account.today(at) - timedelta(days=story.due_days_ago + account.terms_days)
    starts_on = schedule.add_months(issued_on, -story.months, anchor_day=issued_on.day)
    started_at = account.moment(starts_on, 0)
    subscribing.subscribe(account, plan, name=plan.name, starts_on=starts_on, at=started_at)


def _change_card(account: Account, person: User, name: str, *, at: datetime) -> None:
    """Go to the card page as a person would, choose a test card, and come back."""
    visit = cards.start(account, settlement=None, by=person, at=at)
    _submit(visit.session_id, name)
    cards.finish(visit, at=at)


def _pay_with_new_card(account: Account, person: User, *, at: datetime) -> None:
    quote = quotes.quote(account, at=at)
    settlement = settling.consent(
        account, purpose=SettlementPurpose.SAVE_AND_PAY, digest=quote.digest, by=person, at=at
    )
    visit = cards.start(account, settlement=settlement, by=person, at=at)
    _submit(visit.session_id, "good_mastercard")
    cards.finish(visit, at=at)


def _submit(session_id: str, name: str) -> None:
    pages.respond(sandbox_engine(), "POST", f"/sessions/{session_id}", {"card": name, "action": "submit"})
