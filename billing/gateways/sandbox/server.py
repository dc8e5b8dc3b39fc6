"""
The sandbox as a process of its own: hosted pages and API behind one HTTP server.

For tests and demonstrations only.
"""

from __future__ import annotations

import logging
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from . import api, pages
from .engine import Engine
from .messages import Delivery, Request, Response, error

logger = logging.getLogger(__name__)

MAX_BODY_BYTES = 1_000_000
SILENCE_SECONDS = 60
DRIP_SECONDS = 0.05
WEBHOOK_PAUSE_SECONDS = 0.2


class SandboxServer(ThreadingHTTPServer):
    """Serve one engine; with ``webhook_url``, post webhooks soon after they arise."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, engine: Engine, *, host: str = "127.0.0.1", port: int = 0, webhook_url: str = "") -> None:
        super().__init__((host, port), _Handler)
        self.engine = engine
        self.webhook_url = webhook_url
        self.closing = threading.Event()

    @property
    def url(self) -> str:
        host, port = self.server_address[:2]
        return f"http://{host!s}:{port}"

    def serve_forever(self, poll_interval: float = 0.05) -> None:
        if self.webhook_url:
            threading.Thread(target=self._post_webhooks, daemon=True).start()
        super().serve_forever(poll_interval)

    def shutdown(self) -> None:
        """Stop serving and let go of everyone who is kept waiting."""
        self.closing.set()
        super().shutdown()

    def _post_webhooks(self) -> None:
        while not self.closing.wait(WEBHOOK_PAUSE_SECONDS):
            try:
                self.engine.post_webhooks(self.webhook_url)
            except Exception:
                logger.exception("webhooks could not be posted")


class _Handler(BaseHTTPRequestHandler):
    server: SandboxServer
    timeout = SILENCE_SECONDS

    def do_GET(self) -> None:
        self._answer()

    do_HEAD = do_POST = do_DELETE = do_GET

    def log_message(self, format: str, *args: object) -> None:
        logger.debug(format, *args)

    def _answer(self) -> None:
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal() or int(length) > MAX_BODY_BYTES:
            self._deliver(error("invalid_length", status=413))
            return
        self._deliver(self._respond(self.rfile.read(int(length))))

    def _respond(self, body: bytes) -> Response:
        target = urlsplit(self.path)
        try:
            if target.path.startswith("/v1/"):
                headers = dict(self.headers.items())
                return api.respond(self.server.engine, Request(self.command, self.path, headers, body))
            form = dict(parse_qsl(body.decode(errors="replace")))
            return pages.respond(self.server.engine, self.command, target.path, form)
        except Exception:
            logger.exception("%s %s failed", self.command, target.path)
            return error("internal_error", status=500)

    def _deliver(self, response: Response) -> None:
        if response.delivery is Delivery.NEVER:
            self.server.closing.wait(SILENCE_SECONDS)
        if response.delivery in {Delivery.NEVER, Delivery.DROPPED}:
            return
        self.send_response(response.status)
        for name, value in response.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(response.body)))
        self.end_headers()
        if self.command != "HEAD":
            self._write(response)

    def _write(self, response: Response) -> None:
        if response.delivery is Delivery.WHOLE:
            self.wfile.write(response.body)
            return
        for byte in response.body:
            if self.server.closing.wait(DRIP_SECONDS):
                return
            try:
                self.wfile.write(bytes([byte]))
            except OSError:
                # The caller has hung up, as it should.
                return
