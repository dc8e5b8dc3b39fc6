"""
The sandbox's own SQLite file.

Every transaction takes the write lock at once, so any number of threads and
processes can share the file and each of them sees a world at rest.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

BUSY_SECONDS = 20

SCHEMA = """
CREATE TABLE IF NOT EXISTS cards (
    token TEXT PRIMARY KEY,
    gateway_account TEXT NOT NULL,
    name TEXT NOT NULL,
    exp_month INTEGER NOT NULL,
    exp_year INTEGER NOT NULL,
    detached INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS sessions (
    id TEXT PRIMARY KEY,
    gateway_account TEXT NOT NULL,
    kind TEXT NOT NULL,
    status TEXT NOT NULL,
    return_url TEXT NOT NULL,
    payment_key TEXT NOT NULL,
    amount INTEGER NOT NULL,
    currency TEXT NOT NULL,
    description TEXT NOT NULL,
    token TEXT NOT NULL DEFAULT '',
    expires_at TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS session_open ON sessions (expires_at) WHERE status = 'open';
CREATE TABLE IF NOT EXISTS charges (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    reference TEXT NOT NULL UNIQUE,
    gateway_account TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    status TEXT NOT NULL,
    amount INTEGER NOT NULL CHECK (amount > 0),
    currency TEXT NOT NULL,
    description TEXT NOT NULL,
    decline_code TEXT NOT NULL,
    session_id TEXT NOT NULL,
    return_url TEXT NOT NULL,
    created_at TEXT NOT NULL,
    changes_at TEXT,
    payout TEXT
);
CREATE INDEX IF NOT EXISTS charge_key ON charges (gateway_account, idempotency_key);
CREATE INDEX IF NOT EXISTS charge_session ON charges (session_id) WHERE session_id != '';
CREATE INDEX IF NOT EXISTS charge_changing ON charges (changes_at) WHERE changes_at IS NOT NULL;
CREATE TABLE IF NOT EXISTS refunds (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    reference TEXT NOT NULL UNIQUE,
    gateway_account TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    charge TEXT NOT NULL,
    status TEXT NOT NULL,
    amount INTEGER NOT NULL,
    currency TEXT NOT NULL,
    created_at TEXT NOT NULL,
    payout TEXT
);
CREATE INDEX IF NOT EXISTS refund_charge ON refunds (charge);
CREATE INDEX IF NOT EXISTS refund_key ON refunds (gateway_account, idempotency_key);
CREATE TABLE IF NOT EXISTS disputes (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    reference TEXT NOT NULL UNIQUE,
    gateway_account TEXT NOT NULL,
    charge TEXT NOT NULL,
    status TEXT NOT NULL,
    amount INTEGER NOT NULL,
    currency TEXT NOT NULL,
    reason TEXT NOT NULL,
    answer TEXT NOT NULL DEFAULT '',
    opened_at TEXT NOT NULL,
    respond_by TEXT NOT NULL,
    payout TEXT
);
CREATE INDEX IF NOT EXISTS dispute_charge ON disputes (charge);
CREATE TABLE IF NOT EXISTS payouts (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    reference TEXT NOT NULL UNIQUE,
    gateway_account TEXT NOT NULL,
    amount INTEGER NOT NULL,
    currency TEXT NOT NULL,
    paid_at TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS idempotency_keys (
    gateway_account TEXT NOT NULL,
    key TEXT NOT NULL,
    parameters TEXT NOT NULL,
    status INTEGER NOT NULL,
    body BLOB NOT NULL,
    created_at TEXT NOT NULL,
    PRIMARY KEY (gateway_account, key)
);
CREATE INDEX IF NOT EXISTS idempotency_key_age ON idempotency_keys (created_at);
CREATE TABLE IF NOT EXISTS webhooks (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    gateway_account TEXT NOT NULL,
    body BLOB NOT NULL,
    delivered INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS webhook_undelivered ON webhooks (number) WHERE NOT delivered;
CREATE TABLE IF NOT EXISTS faults (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    operation TEXT NOT NULL,
    key_prefix TEXT NOT NULL,
    times INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS late_requests (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    request TEXT NOT NULL,
    arrives_at TEXT NOT NULL
);
"""


@dataclass(frozen=True, slots=True)
class Transaction:
    """One transaction and the moment at which it happens."""

    connection: sqlite3.Connection
    now: datetime

    def run(self, sql: str, **values: Any) -> int:
        """Run one statement and return how many rows it touched."""
        return self.connection.execute(sql, values).rowcount

    def rows(self, sql: str, **values: Any) -> list[sqlite3.Row]:
        return self.connection.execute(sql, values).fetchall()

    def row(self, sql: str, **values: Any) -> sqlite3.Row | None:
        found: sqlite3.Row | None = self.connection.execute(sql, values).fetchone()
        return found


class Store:
    """
    A SQLite file with the sandbox's tables in it, made when it is not there.

    The file is first opened by the first transaction, so that one that is of no use
    fails a call and not whoever prepares for it.
    """

    def __init__(self, file: str | Path) -> None:
        self.file = Path(file)
        self._has_tables = False

    @contextmanager
    def transaction(self, *, now: datetime) -> Iterator[Transaction]:
        """Do everything inside or nothing."""
        if not self._has_tables:
            self._make_tables()
        with closing(self._connect()) as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield Transaction(connection, now)
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    def _make_tables(self) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with closing(self._connect()) as connection:
            connection.executescript(f"BEGIN IMMEDIATE; {SCHEMA} COMMIT;")
            connection.execute("PRAGMA journal_mode = WAL")
        self._has_tables = True

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.file, timeout=BUSY_SECONDS, isolation_level=None)
        connection.row_factory = sqlite3.Row
        # Nothing here has to survive a power cut, only a killed process.
        connection.execute("PRAGMA synchronous = OFF")
        return connection


def stamp(moment: datetime) -> str:
    """Write a moment so that its text sorts as it does."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
