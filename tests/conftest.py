"""Fixtures every test may use; the gateway is the real sandbox, with a file of its own for each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest

from billing import books
from billing.gateways import sandbox_engine
from billing.gateways.sandbox import Engine
from billing.models import Event, Payment, Refund, RefundDestination
from billing.states import PaymentState, RefundState

# Node ids of tests that may be skipped. Any other skip fails the run: what is not run proves nothing.
MAY_BE_SKIPPED: frozenset[str] = frozenset()


def unexpected_skips(config: pytest.Config) -> list[str]:
    """Return what was skipped and may not be; with several workers only their controller knows."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if reporter else []
    return sorted({report.nodeid for report in skipped} - MAY_BE_SKIPPED)


def pytest_sessionfinish(session: pytest.Session) -> None:
    if unexpected_skips(session.config) and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for nodeid in unexpected_skips(config):
        terminalreporter.write_line(f"SKIPPED and not allowed to be: {nodeid}", red=True)


@pytest.fixture(autouse=True)
def sandbox(settings: object, tmp_path: Path) -> Engine:
    """The gateway's own books, empty."""
    settings.SANDBOX_FILE = str(tmp_path / "sandbox.sqlite3")  # type: ignore[attr-defined]
    return sandbox_engine()


@pytest.fixture(autouse=True)
def quick_passwords(settings: object) -> None:
    """Sign-in is tested, the strength of Argon2 is not."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # type: ignore[attr-defined]


@pytest.fixture
def money_ok(db: None, sandbox: Engine) -> Iterator[None]:
    """After the test, the books must be right and agree with the gateway's own record."""
    yield
    assert_money_ok(sandbox)


def assert_money_ok(sandbox: Engine) -> None:
    """Check I1, I4 and I7 on our books, and I2 and I3 against the charges the gateway has made."""
    last = Event.objects.order_by("-at").first()
    if last is not None:
        assert [line for line in books.check(at=last.at) if not line.startswith("I6")] == []
    taken = [charge for charge in sandbox.charges() if charge.status == "succeeded"]
    charged = {charge.idempotency_key: charge for charge in taken}
    assert len(charged) == len(taken), "two charges under one key"
    received = {p.idempotency_key: p for p in Payment.objects.filter(state=PaymentState.SUCCEEDED)}
    undecided = set(Payment.objects.undecided().values_list("idempotency_key", flat=True))
    assert set(received) <= set(charged)
    assert set(charged) - set(received) <= undecided
    for key, payment in received.items():
        assert (payment.amount, payment.currency) == (charged[key].amount, charged[key].currency)
    _assert_refunds_ok(sandbox)


def _assert_refunds_ok(sandbox: Engine) -> None:
    """I2 and I3 of refunds: each went out once at the gateway, and none there is unknown here."""
    sent = [(r.idempotency_key, r.amount, r.currency) for r in sandbox.refunds() if r.status == "succeeded"]
    by_card = Refund.objects.filter(destination=RefundDestination.ORIGINAL)
    ours = set(by_card.filter(state=RefundState.SUCCEEDED).values_list("idempotency_key", "amount", "currency"))
    undecided = set(by_card.undecided().values_list("idempotency_key", "amount", "currency"))
    assert len(sent) == len(set(sent))
    assert ours <= set(sent) <= ours | undecided


@pytest.fixture
def moments() -> Callable[..., datetime]:
    """Return the moment of a date and hour in Amsterdam."""
    from billing.clock import local_moment

    from .factories import ZONE

    return lambda day, hour=12: local_moment(day, hour, ZONE)
