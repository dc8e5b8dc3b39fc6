"""
Two ways to reach the API: inside of this process, or over HTTP.

Either returns a whole response or raises ``NoAnswer``; ``NotSent`` when it was never sent.
"""

from __future__ import annotations

import socket
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from ..base import DEADLINE_SECONDS
from . import api
from .engine import Engine
from .messages import Delivery, NoAnswer, NotSent, Request, Response

CONNECT_SECONDS = 3
# With TLS the plain socket is replaced, so both are noted.
CONNECTED = {"connection.connect_tcp.complete", "connection.start_tls.complete"}

Transport = Callable[[Request], Response]


class InProcessTransport:
    """Ask an engine directly; an answer that would not arrive is lost at once, without waiting."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def __call__(self, request: Request) -> Response:
        try:
            response = api.respond(self._engine, request)
        except (sqlite3.Error, OSError) as error:
            raise NoAnswer from error
        if response.delivery is not Delivery.WHOLE:
            raise NoAnswer
        return response


class HttpTransport:
    """Ask over HTTP; the deadline counts from the first byte sent to the last byte received."""

    def __init__(self, url: str, *, deadline: float = DEADLINE_SECONDS) -> None:
        self._url = url.rstrip("/")
        self._deadline = deadline
        self._tls = httpx.create_ssl_context()

    def __call__(self, request: Request) -> Response:
        timeout = httpx.Timeout(self._deadline, connect=min(CONNECT_SECONDS, self._deadline))
        try:
            with (
                _hung_up_after(self._deadline) as trace,
                httpx.Client(timeout=timeout, verify=self._tls, trust_env=False) as client,
            ):
                answer = client.request(
                    request.method,
                    self._url + request.path,
                    content=request.body,
                    headers=dict(request.headers),
                    extensions={"trace": trace},
                )
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise NotSent from error
        except (httpx.HTTPError, OSError) as error:
            raise NoAnswer from error
        return Response(answer.status_code, answer.content, dict(answer.headers))


@contextmanager
def _hung_up_after(seconds: float) -> Iterator[Callable[[str, dict[str, Any]], None]]:
    """
    Yield a trace function that notes the connection, and shut it down when time is up.

    The HTTP library's own timeouts count from byte to byte, so that a slow drip
    would never end.
    """
    lock = threading.Lock()
    connections: list[socket.socket] = []
    over = False

    def hang_up() -> None:
        nonlocal over
        with lock:
            over = True
            for connection in connections:
                _shut_down(connection)

    def trace(event: str, info: dict[str, Any]) -> None:
        if event not in CONNECTED:
            return
        connection = info["return_value"].get_extra_info("socket")
        with lock:
            connections.append(connection)
            if over:
                _shut_down(connection)

    timer = threading.Timer(seconds, hang_up)
    timer.daemon = True
    timer.start()
    try:
        yield trace
    finally:
        timer.cancel()


def _shut_down(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        # It is closed already.
        return
