"""
A TCP proxy that misbehaves as networks do: it cuts, delays, slows, swallows and resets.

It stands between Django and PostgreSQL; ``manner`` says what it does, and may be changed
while connections are open.
"""

from __future__ import annotations

import socket
import struct
import time
from contextlib import suppress
from enum import StrEnum
from threading import Thread

LATENCY_SECONDS = 2
RESET = struct.pack("ii", 1, 0)
COMMIT = b"COMMIT"


class Manner(StrEnum):
    """What becomes of the bytes."""

    PASS = "passes everything on"
    CUT = "closes the connection at the next byte"
    RESET = "resets the connection at the next byte"
    DELAY = "passes every answer on late"
    DRIP = "passes one byte a second on"
    SWALLOW = "passes nothing on and says nothing"
    LOSE_COMMIT = "passes a COMMIT on, and cuts before its answer"


class Proxy:
    """
    Listens on a free port of 127.0.0.1 and leads to another.

    ``commits_to_pass`` is how many COMMITs go well before the one that is lost; ``lost`` counts those.
    """

    def __init__(self, host: str, port: int) -> None:
        self.target = (host, port)
        self.manner = Manner.PASS
        self.commits_to_pass = 0
        self.lost = 0
        self._is_committing = False
        self._sockets: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        for each in [self._listener, *self._sockets]:
            _end(each)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self.target)
                self._sockets += [client, server]
                for source, target in ((client, server), (server, client)):
                    Thread(target=self._pump, args=(source, target), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        # In short waits: a socket that another thread is reading is not closed before that ends.
        source.settimeout(0.1)
        with suppress(OSError, ValueError):
            while source.fileno() >= 0:
                with suppress(TimeoutError):
                    data = source.recv(65536)
                    if not data or not self._pass_on(data, source, target):
                        break
        _end(target)

    def _pass_on(self, data: bytes, source: socket.socket, target: socket.socket) -> bool:
        match self.manner:
            case Manner.SWALLOW:
                return True
            case Manner.CUT | Manner.RESET:
                for each in (source, target):
                    if self.manner is Manner.RESET:
                        each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                    _end(each, is_reset=self.manner is Manner.RESET)
                return False
            case Manner.DELAY if source.getpeername() == self.target:
                time.sleep(LATENCY_SECONDS)
            case Manner.DRIP:
                for byte in data[:-1]:
                    target.sendall(bytes([byte]))
                    time.sleep(1)
                data = data[-1:]
            case Manner.LOSE_COMMIT if self._is_committing:
                # The server has committed, for it answers; nobody hears of it.
                self.lost += 1
                self.manner, self._is_committing = Manner.PASS, False
                _end(source)
                return False
            case Manner.LOSE_COMMIT if COMMIT in data and self.commits_to_pass:
                self.commits_to_pass -= 1
            case Manner.LOSE_COMMIT:
                self._is_committing = COMMIT in data
            case _:
                pass
        target.sendall(data)
        return True


def _end(each: socket.socket, *, is_reset: bool = False) -> None:
    with suppress(OSError):
        if not is_reset:
            each.shutdown(socket.SHUT_RDWR)
        each.close()
