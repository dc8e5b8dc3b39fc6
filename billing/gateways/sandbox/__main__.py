"""
Run the sandbox as a process of its own, or post its webhooks once.

    python -m billing.gateways.sandbox serve --file F --secret S
    python -m billing.gateways.sandbox post-webhooks --file F --secret S --url URL
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

from .engine import Engine
from .outbox import Webhook
from .server import SandboxServer


def _shuffled(webhooks: list[Webhook]) -> list[Webhook]:
    return random.sample(webhooks, len(webhooks))


ORDERS: dict[str, Callable[[list[Webhook]], Iterable[Webhook]]] = {
    "oldest-first": iter,
    "newest-first": reversed,
    "shuffled": _shuffled,
}


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    engine = Engine(options.file, secret=options.secret)
    done: int = options.run(engine, options)
    return done


def serve(engine: Engine, options: argparse.Namespace) -> int:
    """Serve until interrupted; the address is printed once connections are accepted."""
    with (
        SandboxServer(engine, host=options.host, port=options.port, webhook_url=options.webhook_url) as server,
        suppress(KeyboardInterrupt),
    ):
        sys.stdout.write(f"Sandbox gateway at {server.url}\n")
        sys.stdout.flush()
        server.serve_forever()
    return 0


def post_webhooks(engine: Engine, options: argparse.Namespace) -> int:
    """Post what is undelivered; 1 when the receiver did not accept everything."""
    posted = engine.post_webhooks(options.url, copies=options.copies, order=ORDERS[options.order])
    sys.stdout.write(f"{posted.deliveries} posted, {posted.accepted} accepted\n")
    return 0 if posted.accepted == posted.deliveries else 1


def _parser() -> argparse.ArgumentParser:
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--file", required=True, help="the sandbox's SQLite file")
    shared.add_argument("--secret", required=True, help="opens the API and signs webhooks")
    parser = argparse.ArgumentParser(
        prog="python -m billing.gateways.sandbox", description="A payment gateway to test with."
    )
    commands = parser.add_subparsers(required=True)

    serving = commands.add_parser("serve", parents=[shared], help="serve pages and API")
    serving.add_argument("--host", default="127.0.0.1")
    serving.add_argument("--port", type=int, default=0, help="0 takes a free one")
    serving.add_argument("--webhook-url", default="", help="post webhooks there by itself")
    serving.set_defaults(run=serve)

    posting = commands.add_parser("post-webhooks", parents=[shared], help="post undelivered webhooks once")
    posting.add_argument("--url", required=True)
    posting.add_argument("--copies", type=int, default=1)
    posting.add_argument("--order", choices=ORDERS, default="oldest-first")
    posting.set_defaults(run=post_webhooks)
    return parser


if __name__ == "__main__":
    sys.exit(main())
