from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest

from billing.gateways.base import ChargeRequest, Presence
from billing.gateways.sandbox import Engine, InProcessTransport, SandboxGateway, pages
from billing.gateways.sandbox.messages import Response

BASE_URL = "http://localhost:8000/sandbox"
RETURN_URL = "http://localhost:8000/cards/back?visit=7"
SECRET = "sandbox-secret"


@dataclass
class Clock:
    """A clock that goes on when it is told to."""

    now: datetime = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **duration: int) -> None:
        self.now += timedelta(**duration)


@dataclass
class Browser:
    """A card holder's browser; ``visited`` are the pages outside of the gateway it was sent to."""

    engine: Engine
    visited: list[str] = field(default_factory=list)

    def get(self, url: str) -> Response:
        return self._follow(url, pages.respond(self.engine, "GET", self._path(url), {}))

    def post(self, url: str, **form: str) -> Response:
        return self._follow(url, pages.respond(self.engine, "POST", self._path(url), form))

    def _follow(self, url: str, response: Response) -> Response:
        if response.status != 303:
            return response
        target = urljoin(url, response.headers["Location"])
        if target.startswith(BASE_URL):
            return self.get(target)
        self.visited.append(target)
        return response

    def _path(self, url: str) -> str:
        return urlsplit(url).path.removeprefix("/sandbox")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def engine(tmp_path: Path, clock: Clock) -> Engine:
    return Engine(tmp_path / "sandbox.sqlite3", secret=SECRET, clock=clock)


@pytest.fixture
def gateway(engine: Engine) -> SandboxGateway:
    return SandboxGateway(InProcessTransport(engine), base_url=BASE_URL, secret=SECRET)


@pytest.fixture
def browser(engine: Engine) -> Browser:
    return Browser(engine)


@pytest.fixture
def request_for(engine: Engine) -> Callable[..., ChargeRequest]:
    """Build a request for a charge of a named card, which is put on file for it."""

    def build(card: str = "", *, key: str = "key", token: str = "", **changes: object) -> ChargeRequest:
        account = str(changes.pop("gateway_account", "acme"))
        description = str(changes.pop("description", "Invoice 2026-0001"))
        values = {"amount": 238_00, "currency": "EUR", "presence": Presence.OFF_SESSION} | changes
        return ChargeRequest(
            gateway_account=account,
            idempotency_key=key,
            description=description,
            return_url=RETURN_URL,
            token=engine.store_card(account, card).token if card else token,
            **values,  # type: ignore[arg-type]
        )

    return build
