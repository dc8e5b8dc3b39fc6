from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from urllib.parse import urljoin, urlsplit

import pytest

from billing.gateways.base import ChargeRequest, HostedSession, Presence
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


class Receiver(ThreadingHTTPServer):
    """A merchant that notes the types of events it gets, and answers each with ``status``."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), ReceiverHandler)
        self.status = 200
        self.received: list[str] = []
        self.arrived = Event()
        self.url = f"http://127.0.0.1:{self.server_address[1]}/webhooks"


class ReceiverHandler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append(json.loads(body)["type"])
        self.server.arrived.set()
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


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
        defaults = {
            "amount": 238_00,
            "currency": "EUR",
            "description": "Invoice 2026-0001",
            "return_url": RETURN_URL,
            "presence": Presence.OFF_SESSION,
        }
        return ChargeRequest(
            gateway_account=account,
            idempotency_key=key,
            token=engine.store_card(account, card).token if card else token,
            **(defaults | changes),  # type: ignore[arg-type]
        )

    return build


@pytest.fixture
def setup(gateway: SandboxGateway) -> HostedSession:
    return gateway.start_card_setup(gateway_account="acme", idempotency_key="setup", return_url=RETURN_URL)


@pytest.fixture
def paying_setup(gateway: SandboxGateway, request_for: Callable[..., ChargeRequest]) -> HostedSession:
    return gateway.start_card_setup(
        gateway_account="acme", idempotency_key="setup", return_url=RETURN_URL, payment=request_for(key="pay")
    )


@pytest.fixture
def fetch(gateway: SandboxGateway) -> Callable[[HostedSession], HostedSession]:
    return lambda session: gateway.fetch_session(gateway_account="acme", session_id=session.id)
