"""
Screenshots of every page of the demo, as each person sees it: light and dark, on a phone and on a desk.

``make shots`` runs this with the demo's environment. The demo is seeded when it is empty,
and served on a free port for as long as it takes.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, build_opener

import django
from django.apps import apps
from playwright.sync_api import Browser, Page, ViewportSize

from tests.browser import chromium

if TYPE_CHECKING:
    from billing.models import Account, User

ROOT = Path(__file__).resolve().parent.parent
SHOTS = ROOT / "shots"
SIZES: dict[str, ViewportSize] = {"phone": {"width": 390, "height": 844}, "desktop": {"width": 1280, "height": 900}}
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
SIGNED_OUT = {
    "sign-in": "/auth/login/",
    "code": "/auth/login/code/",
    "reset": "/auth/password/reset/",
    "help": "/help/",
    "mails": "/demo/mail/",
}
OF_PERSON = {
    "password": "/auth/password/change/",
    "e-mail": "/auth/email/",
    "reauthenticate": "/auth/reauthenticate/",
    "two-step": "/auth/2fa/",
    "two-step-on": "/auth/2fa/totp/activate/",
}
OF_ACCOUNT = {
    "overview": "",
    "settle": "settle/",
    "cards": "cards/",
    "card-change": "cards/change/",
    "invoices": "invoices/",
    "services": "services/",
    "profile": "profile/",
    "help": "help/",
    "activity": "activity/",
}
NOT_THERE = "not-there"
STARTS_WITHIN_SECONDS = 30


def main() -> int:
    path = chromium.find()
    if path is None:
        sys.stderr.write("make shots: there is no Chromium on this machine\n")
        return 1
    for command in (["migrate", "--verbosity", "0"], ["createcachetable"], ["seed_demo"]):
        subprocess.run(manage(*command), cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    django.setup()
    with serving() as address:
        # Read before the browser runs: the database is not for its thread.
        visits = list(plan(address))
        with chromium.running(path) as browser:
            taken = sum(visit.take(browser, address) for visit in visits)
    sys.stdout.write(f"{taken} screenshots in {SHOTS.relative_to(ROOT)}/\n")
    return 0


def manage(*arguments: str) -> list[str]:
    return [sys.executable, "manage.py", *arguments]


@contextmanager
def serving() -> Iterator[str]:
    """Serve the demo on a free port and end the server afterwards."""
    address = f"127.0.0.1:{free_port()}"
    environment = os.environ | {"BASE_URL": f"http://{address}"}
    with subprocess.Popen(
        manage("runserver", "--noreload", "--insecure", address),
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as server:
        try:
            wait_for(f"http://{address}/healthz")
            yield f"http://{address}"
        finally:
            server.terminate()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def wait_for(url: str) -> None:
    directly = build_opener(ProxyHandler({}))
    for _ in range(STARTS_WITHIN_SECONDS * 10):
        try:
            directly.open(url, timeout=5).close()
        except URLError:
            time.sleep(0.1)
        else:
            return
    raise TimeoutError(f"the demo does not answer at {url}")


@dataclass(frozen=True, slots=True)
class Visit:
    """One person's round of the pages; a visitor without an address does not sign in."""

    folder: str
    pages: dict[str, str]
    email: str = ""
    password: str = ""
    missing: str = ""

    def take(self, browser: Browser, address: str) -> int:
        """Take each page in every size and scheme; returns how many pictures there are."""
        page = browser.new_context().new_page()
        if self.missing:
            # The demo shows a developer's page for what is not there.
            page.route(self.pages[NOT_THERE], lambda route: route.fulfill(status=404, body=self.missing))
        if self.email:
            self._sign_in(page, address)
        (SHOTS / self.folder).mkdir(parents=True, exist_ok=True)
        for name, url in self.pages.items():
            for size, scheme in product(SIZES, SCHEMES):
                page.set_viewport_size(SIZES[size])
                page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
                page.goto(url)
                page.screenshot(path=SHOTS / self.folder / f"{name}-{size}-{scheme}.png", full_page=True)
        page.context.close()
        sys.stdout.write(f"{self.folder}: {len(self.pages)} pages\n")
        return len(self.pages) * len(SIZES) * len(SCHEMES)

    def _sign_in(self, page: Page, address: str) -> None:
        page.goto(f"{address}/auth/login/")
        page.locator("input[name=login]").fill(self.email)
        self._give_password(page)
        # The page that turns two-step sign-in on asks once more.
        page.goto(f"{address}/auth/reauthenticate/")
        self._give_password(page)

    def _give_password(self, page: Page) -> None:
        page.locator("input[name=password]").fill(self.password)
        with page.expect_navigation():
            page.locator("input[name=password]").press("Enter")


def plan(address: str) -> Iterator[Visit]:
    """Yield everyone's visit: first nobody's, then those of the people of the demo."""
    # Django is set up only now.
    from portal.demo import PASSWORD, PEOPLE
    from portal.letterbox import letters

    opened = SIGNED_OUT | {NOT_THERE: "/nowhere/"}
    for letter in letters()[:1]:
        opened["mail"] = f"/demo/mail/{letter.reference}/html/"
    yield Visit("signed-out", {name: f"{address}{path}" for name, path in opened.items()}, missing=not_found())
    for person in PEOPLE:
        folder = person.email.partition("@")[0]
        yield Visit(folder, dict(pages_of(person.email, address)), person.email, PASSWORD)


def not_found() -> str:
    """Return the page that people get for what is not there."""
    from django.template.loader import render_to_string
    from django.test import RequestFactory

    return render_to_string("404.html", request=RequestFactory().get("/nowhere/"))


def pages_of(email: str, address: str) -> Iterator[tuple[str, str]]:
    """Yield name and address of each page that a person can open."""
    yield "accounts", f"{address}/accounts/"
    for name, path in OF_PERSON.items():
        yield name, f"{address}{path}"
    user = apps.get_model("billing", "User").objects.get(email=email)
    accounts = apps.get_model("billing", "Account").objects.filter(memberships__user__email=email)
    for number, account in enumerate(accounts, start=1):
        base = f"{address}/accounts/{account.reference}"
        for name, path in OF_ACCOUNT.items():
            yield f"{number}-{name}", f"{base}/{path}"
        for invoice in account.invoices.order_by("-pk")[:1]:
            yield f"{number}-invoice", f"{base}/invoices/{invoice.reference}/"
        for card in account.payment_methods.order_by("-pk")[:1]:
            yield f"{number}-card-default", f"{base}/cards/{card.reference}/default/"
            yield f"{number}-card-remove", f"{base}/cards/{card.reference}/remove/"
        for settlement in account.settlements.filter(consumed_at__isnull=False)[:1]:
            yield f"{number}-result", f"{base}/settlements/{settlement.reference}/result/"
        for name, path in steps(account, user):
            yield f"{number}-{name}", f"{address}{path}"


def steps(account: Account, user: User) -> Iterator[tuple[str, str]]:
    """Begin to pay and to add a card, and yield the pages on the way."""
    from billing import cards, clock, quotes, settling
    from billing.models import SettlementPurpose

    at, base = clock.now(), f"/accounts/{account.reference}"
    if account.payment_methods.usable(on=account.today(at)):
        try:
            digest = quotes.quote(account, at=at).digest
        except quotes.NothingDue:
            digest = ""
        if digest:
            settlement = settling.consent(account, purpose=SettlementPurpose.PAY, digest=digest, by=user, at=at)
            yield "settlement", f"{base}/settlements/{settlement.reference}/"
    visit = cards.start(account, settlement=None, by=user, at=at)
    yield "card-page", urlsplit(visit.url).path
    yield "card-waiting", f"{base}/cards/return/{visit.reference}/"


if __name__ == "__main__":
    sys.exit(main())
