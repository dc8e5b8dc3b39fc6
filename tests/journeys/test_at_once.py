"""Several at once: ten clicks, two administrators, and a process that is killed between two charges."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import httpx
from django.conf import settings
from django.db import connection

from billing import clock, quotes, settling
from billing.models import PaymentMethod, SettlementPurpose
from tests.factories import MembershipFactory, PaymentMethodFactory
from tests.journeys import gateway
from tests.journeys.surfer import Surfer
from tests.journeys.world import BOTH, TOTAL, World

CLICKS = 10


def with_a_good_card(world: World) -> PaymentMethod:
    """Put a card on file that pays; the one that was declined stays the default."""
    PaymentMethod.objects.update(is_default=False)
    return PaymentMethodFactory(account=world.account, card="good")


def at_the_last_step(world: World, person: Surfer) -> Surfer:
    person.open(world.page("settle/"))
    person.press("Continue")
    return person


def press_together(people: list[Surfer], times: int) -> list[str]:
    """Let each person press Pay so many times, all at the same moment, and return what they then read."""
    forms = [(person, person.form_of(f"Pay {TOTAL}")) for person in people for _ in range(times)]
    start = Barrier(len(forms))

    def press(person: Surfer, method: str, url: str, data: dict[str, str]) -> str:
        with httpx.Client(cookies=person.client.cookies, follow_redirects=True, trust_env=False, timeout=60) as client:
            start.wait()
            answer = client.request(method, url, data=data)
        assert answer.status_code == 200, f"{answer.url}: {answer.status_code}"
        return str(answer.url)

    with ThreadPoolExecutor(len(forms)) as threads:
        return list(threads.map(lambda form: press(form[0], *form[1]), forms))


def test_ten_clicks_on_pay_are_one_charge_per_seller_and_all_lead_to_the_same_result(refused):
    with_a_good_card(refused)
    person = at_the_last_step(refused, refused.signed_in())

    places = press_together([person], CLICKS)

    assert len(set(places)) == 1
    assert places[0].endswith("/result/")
    assert gateway.charged(refused.engine) == BOTH
    person.open(places[0])
    assert person.read().startswith(f"Payment received {TOTAL}")
    refused.reconcile()
    refused.check_books()


def test_two_administrators_who_pay_at_once_pay_once(refused):
    with_a_good_card(refused)
    second = MembershipFactory(account=refused.account).user
    people = [at_the_last_step(refused, refused.signed_in(user)) for user in (refused.administrator, second)]

    press_together(people, 1)

    assert gateway.charged(refused.engine) == BOTH
    assert refused.states() == ["active", "active"]
    assert refused.account.settlements.filter(consumed_at__isnull=False).count() == 1
    refused.reconcile()
    refused.check_books()


NOTHING, CHARGE = "pass", "charge(gateway, request)"
KILLED_AT_THE_SECOND_CHARGE = """
import os, signal
from datetime import datetime
import django
django.setup()
from billing import settling
from billing.gateways.sandbox import SandboxGateway
from billing.models import PaymentMethod, Settlement

charge, charged = SandboxGateway.charge, []

def dies(gateway, request):
    if charged:
        {last_act}
        os.kill(os.getpid(), signal.SIGKILL)
    charged.append(request)
    return charge(gateway, request)

SandboxGateway.charge = dies
settlement = Settlement.objects.get(reference="{settlement}")
method = PaymentMethod.objects.get(pk={method})
settling.settle(settlement, method=method, by=None, at=datetime.fromisoformat("{at}"))
"""


def database_url() -> str:
    """Return the address of this test's own database."""
    database = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{database['NAME']}"
    return "postgres://{USER}:{PASSWORD}@{HOST}:{PORT}/{NAME}".format(**database)


def settle_and_be_killed(world: World, *, last_act: str) -> None:
    """Let a process of its own settle what is due, a while ago, and kill it after a last act at its second charge."""
    at = clock.now() - settling.QUOTE_LIFE / 1.5
    method = with_a_good_card(world)
    quote = quotes.quote(world.account, at=at)
    settlement = settling.consent(
        world.account, purpose=SettlementPurpose.PAY, digest=quote.digest, by=world.administrator, at=at
    )
    script = KILLED_AT_THE_SECOND_CHARGE.format(
        settlement=settlement.reference, method=method.pk, at=at.isoformat(), last_act=last_act
    )
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "DATABASE_URL": database_url(),
        "SANDBOX_URL": settings.SANDBOX_URL,
        "SANDBOX_SECRET": settings.SANDBOX_SECRET,
    }
    killed = subprocess.run(
        [sys.executable, "-c", script], cwd=settings.BASE_DIR, env=environment, check=False, capture_output=True
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()


def test_a_kill_between_the_first_and_the_second_charge_is_made_good_by_reconcile(refused):
    settle_and_be_killed(refused, last_act=NOTHING)
    assert len(gateway.charged(refused.engine)) == 1

    refused.reconcile()

    assert gateway.charged(refused.engine) == BOTH
    assert refused.states() == ["active", "active"]
    refused.check_books()


def test_a_kill_after_the_second_charge_and_before_it_is_written_down_charges_nothing_again(refused):
    settle_and_be_killed(refused, last_act=CHARGE)
    assert gateway.charged(refused.engine) == BOTH
    assert sorted(refused.states()) == ["active", "past_due"]

    refused.reconcile()

    assert gateway.charged(refused.engine) == BOTH
    assert refused.states() == ["active", "active"]
    refused.check_books()
