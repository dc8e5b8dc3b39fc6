"""A PostgreSQL server in a folder, to crash and to fill up."""

from __future__ import annotations

import os
import random
import shutil
import socket
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import psycopg

USER = "postgres"
OPTIONS = "-c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=30"
STARTS = 10


def free_port() -> int:
    """
    Find a free port below those that the kernel gives to callers.

    A caller that tries a port of those again and again, while no server is there, may in the
    end be connected with itself, and the server cannot have it back.
    """
    for port in random.sample(range(20_000, 32_000), 50):
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise RuntimeError("no port is free")


def tool(name: str) -> str:
    """Find a program of PostgreSQL, wherever the distribution puts it."""
    newest = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)
    return str(newest[0]) if newest else name


class Cluster:
    """A server on a free port of 127.0.0.1; as root it runs as the user ``postgres``, as it insists."""

    user = USER
    database = "paidup"

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "data"
        self.port = free_port()
        for parent in [folder, *folder.parents]:
            if os.getuid() == 0 and str(parent).startswith("/tmp/"):
                parent.chmod(parent.stat().st_mode | 0o011)
        if os.getuid() == 0:
            shutil.chown(folder, USER, USER)

    def __enter__(self) -> Self:
        self._run("initdb", "-D", self.folder, "-U", USER, "-A", "trust", "--no-sync")
        self.start()
        self.sql(f"CREATE DATABASE {self.database}", database="postgres")
        return self

    def __exit__(self, *_: object) -> None:
        # It may be down already.
        with suppress(subprocess.CalledProcessError):
            self.crash()

    def start(self) -> None:
        """Start; a server that was crashed a moment ago may still hold on to its memory, so try more than once."""
        log = self.folder / "log"
        for left in reversed(range(STARTS)):
            try:
                self._run("pg_ctl", "-D", self.folder, "-w", "-l", log, "-o", f"-p {self.port} {OPTIONS}", "start")
            except subprocess.CalledProcessError:
                if not left:
                    raise
            else:
                return

    def crash(self) -> None:
        """Stop as a power cut would: without a word to anyone and without a checkpoint."""
        self._run("pg_ctl", "-D", self.folder, "-m", "immediate", "stop")

    def sql(self, statement: str, *, database: str = "") -> None:
        with psycopg.connect(
            host="127.0.0.1", port=self.port, user=USER, dbname=database or self.database, autocommit=True
        ) as connection:
            connection.execute(statement)

    def copy_tables(self, source: dict[str, Any]) -> None:
        """Copy a database, tables and rows."""
        place = ["-h", source["HOST"], "-p", str(source["PORT"] or 5432), "-U", source["USER"], source["NAME"]]
        dump = subprocess.run([tool("pg_dump"), "--no-owner", *place], check=True, capture_output=True)
        target = ["-h", "127.0.0.1", "-p", str(self.port), "-U", USER, "-q", self.database]
        subprocess.run([tool("psql"), *target], input=dump.stdout, check=True, capture_output=True)

    def _run(self, name: str, *arguments: object) -> None:
        as_whom: dict[str, Any] = {"user": USER, "group": USER, "extra_groups": []} if os.getuid() == 0 else {}
        # A server keeps what it inherits open, so nothing of it may be a pipe that somebody waits for.
        subprocess.run(
            [tool(name), *map(str, arguments)],
            check=True,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **as_whom,
        )


class FullDisk:
    """Room for the tables of one database, which can be filled to the last byte and be cleared again."""

    megabytes = 48
    pieces = (1_000_000, 100_000, 8_000, 100)

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self.cluster, self.folder = cluster, folder
        self._filled = folder / "filler"

    def fill(self) -> None:
        """Write until nothing more fits, in ever smaller pieces."""
        with self._filled.open("ab", buffering=0) as filler:
            for piece in self.pieces:
                with suppress(OSError):
                    while filler.write(b"x" * piece):
                        pass

    def clear(self) -> None:
        self._filled.unlink()
