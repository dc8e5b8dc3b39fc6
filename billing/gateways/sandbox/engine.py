"""
The sandbox gateway itself: its file, its secret and its clock.

Any number of engines, in any number of processes, can share one file. What a
merchant may do goes through ``api``, what a card holder may do through
``pages``; the methods here are for seeds, tests and the command line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from ..base import Card, DisputeRecord, DisputeStatus, Payout, RefundRecord
from . import answers, cards, disputes, faults, keys, money_out, outbox, passing_time
from .charges import Charge
from .faults import Fault
from .outbox import Webhook
from .store import Store, Transaction

WEBHOOK_SECONDS = 10


def real_time() -> datetime:
    # The gateway has a clock of its own, as it would at another company.
    return datetime.now(UTC)  # noqa: TID251


@dataclass(frozen=True, slots=True)
class Posted:
    """How many deliveries were made, and how many of them the receiver accepted."""

    deliveries: int
    accepted: int


class Engine:
    """One sandbox gateway; ``secret`` opens its API and signs its webhooks."""

    def __init__(self, file: str | Path, *, secret: str, clock: Callable[[], datetime] = real_time) -> None:
        self.secret = secret
        self.clock = clock
        self._store = Store(file)

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Open a transaction in which everything that was due has happened."""
        with self._store.transaction(now=self.clock()) as tx:
            passing_time.catch_up(tx)
            yield tx

    def store_card(self, gateway_account: str, name: str) -> Card:
        """Put a named card on file."""
        with self.transaction() as tx:
            return cards.store(tx, gateway_account, name).public()

    def charges(self, gateway_account: str | None = None) -> list[Charge]:
        """List every charge in the gateway's record, of one account or of all, oldest first."""
        with self.transaction() as tx:
            rows = tx.rows("SELECT * FROM charges ORDER BY number")
        return [Charge.from_row(row) for row in rows if gateway_account in {None, row["gateway_account"]}]

    def refunds(self, gateway_account: str | None = None) -> list[RefundRecord]:
        """List every refund in the gateway's record, of one account or of all, oldest first."""
        with self.transaction() as tx:
            rows = tx.rows("SELECT * FROM refunds ORDER BY number")
        mine = [row for row in rows if gateway_account in {None, row["gateway_account"]}]
        return [answers.refund_record(money_out.public_refund(row)) for row in mine]

    def open_dispute(self, charge: str, *, amount: int | None = None, reason: str = "fraudulent") -> DisputeRecord:
        """Let a card holder contest a charge."""
        with self.transaction() as tx:
            return answers.dispute_record(disputes.open_one(tx, charge, amount=amount, reason=reason))

    def decide_dispute(self, reference: str, status: DisputeStatus) -> DisputeRecord:
        """Let the card holder's bank decide, won or lost for the merchant."""
        with self.transaction() as tx:
            return answers.dispute_record(disputes.decide(tx, reference, status))

    def advance(self, *, by: timedelta) -> None:
        """Let everything happen that is due within a time from now."""
        with self._store.transaction(now=self.clock() + by) as tx:
            passing_time.catch_up(tx)

    def prune_keys(self, *, older_than: timedelta = keys.KEY_LIFE) -> int:
        """Forget idempotency keys, as the gateway does by itself when their life is over."""
        with self.transaction() as tx:
            return keys.prune(tx, older_than=older_than)

    def inject(self, fault: Fault, *, operation: str = "charge", key_prefix: str = "", times: int = 1) -> None:
        """Let the next calls of an operation go wrong, those whose key begins with ``key_prefix``."""
        with self.transaction() as tx:
            faults.inject(tx, fault, operation=operation, key_prefix=key_prefix, times=times)

    def clear_faults(self) -> None:
        with self.transaction() as tx:
            faults.clear(tx)

    def pay_out(self, gateway_account: str) -> list[Payout]:
        """Send a seller what is there."""
        with self.transaction() as tx:
            return money_out.pay_out(tx, gateway_account)

    def webhooks(self) -> list[Webhook]:
        """Build every event there ever was, signed now, oldest first."""
        with self.transaction() as tx:
            return outbox.everything(tx, secret=self.secret)

    def undelivered_webhooks(self) -> list[Webhook]:
        """Build the events that no receiver has accepted yet, signed now, oldest first."""
        with self.transaction() as tx:
            return outbox.undelivered(tx, secret=self.secret)

    def mark_delivered(self, webhook: Webhook) -> None:
        with self.transaction() as tx:
            outbox.mark_delivered(tx, webhook.id)

    def post_webhooks(
        self, url: str, *, copies: int = 1, order: Callable[[list[Webhook]], Iterable[Webhook]] = iter
    ) -> Posted:
        """Post what is undelivered, each event ``copies`` times, in the order that ``order`` makes of it."""
        deliveries = accepted = 0
        with httpx.Client(timeout=WEBHOOK_SECONDS, trust_env=False) as client:
            for webhook in order(self.undelivered_webhooks() * copies):
                deliveries += 1
                if _accepts(client, url, webhook):
                    accepted += 1
                    self.mark_delivered(webhook)
        return Posted(deliveries, accepted)


def _accepts(client: httpx.Client, url: str, webhook: Webhook) -> bool:
    try:
        return client.post(url, content=webhook.body, headers=dict(webhook.headers)).is_success
    except httpx.HTTPError:
        return False
