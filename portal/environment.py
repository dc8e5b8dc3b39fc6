"""Read environment variables strictly: a value that cannot be read names itself and what was expected."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from email.utils import parseaddr
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import environ
from django.core.exceptions import ImproperlyConfigured

DATABASES = {"sqlite", "postgres", "postgresql"}
TRUE = {"1", "true", "yes", "on"}
FALSE = {"0", "false", "no", "off", ""}
# Control characters, line and paragraph separators, and halves of characters: none fits in a header of a mail.
NOT_IN_A_LINE = {"Cc", "Cs", "Zl", "Zp"}
# No segment begins with a dot, so none leads upwards; no query, no name and password.
WEB_ADDRESS = re.compile(r"https?://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]+)?(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*/*")
SEGMENTS = re.compile(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*")


def boolean(value: str) -> bool:
    """Read yes or no; anything else is an error, not a no."""
    if value.lower() not in TRUE | FALSE:
        raise ValueError("expected true or false")
    return value.lower() in TRUE


def count(value: str) -> int | None:
    """Read how many; nothing is ``None``."""
    if not re.fullmatch(r"[0-9]{0,2}", value):
        raise ValueError("expected a whole number such as 1")
    return int(value) if value else None


def one_line(value: str) -> str:
    """Read text that a heading or a mail's header can hold."""
    if any(unicodedata.category(character) in NOT_IN_A_LINE for character in value):
        raise ValueError("expected one line of text")
    return value


def web_address(value: str) -> str:
    """Read an http(s) address without a trailing slash, to which paths can be added; empty stays empty."""
    if value and not (WEB_ADDRESS.fullmatch(value) and has_a_port(value)):
        raise ValueError("expected an address such as https://pay.example.com")
    return value.rstrip("/")


def has_a_port(address: str) -> bool:
    """Whether the port is one, be it the scheme's own."""
    try:
        return urlsplit(address).port != 0
    except ValueError:
        return False


def mail_address(value: str) -> str:
    """Read a mail address, with or without a name before it."""
    if "@" not in parseaddr(one_line(value))[1]:
        raise ValueError("expected an address such as billing@example.com")
    return value


def time_zone(value: str) -> str:
    """Read an IANA name of a time zone."""
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        raise ValueError("expected a time zone such as Europe/Amsterdam") from None
    return value


def path_beside(*taken: str) -> Callable[[str], str]:
    """Return a reader of a path without the slashes around it, that does not begin as those that are taken."""

    def read(value: str) -> str:
        path = value.strip("/")
        if not SEGMENTS.fullmatch(path):
            raise ValueError("expected a path such as admin, of letters, digits, - and _")
        if path.partition("/")[0] in taken:
            raise ValueError("expected a path that the portal does not use itself")
        return path

    return read


def one_of(*words: str) -> Callable[[str], str]:
    """Return a reader that takes these words and no others."""

    def read(value: str) -> str:
        if value not in words:
            raise ValueError(f"expected {' or '.join(words)}")
        return value

    return read


def origin(address: str) -> str:
    """Return scheme and host of an address, or ``""``."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""


class Environment:
    """Variables with their types and defaults; ``read`` raises ``ImproperlyConfigured`` with one line."""

    def __init__(self, **schema: tuple[Any, Any]) -> None:
        self.schema = schema
        self.env = environ.Env()

    def read_file(self, path: Path) -> None:
        """Take what the process environment does not set from a ``.env`` file, if there is one."""
        if path.is_file():
            self.env.read_env(path)

    def read(self, name: str) -> Any:
        kind, default = self.schema[name]
        try:
            if kind in (str, list):
                return self.env.get_value(name, cast=kind, default=default)
            return kind(self.env.str(name, default=str(default)))
        except (ValueError, ImproperlyConfigured) as error:
            raise ImproperlyConfigured(f"{name}: {error}") from error

    def database(self, name: str) -> dict[str, Any]:
        if urlsplit(self.read(name)).scheme not in DATABASES:
            raise ImproperlyConfigured(f"{name}: expected sqlite:///file or postgres://user@host/name")
        return self._url(name, self.env.db_url_config)

    def email(self, name: str) -> dict[str, Any]:
        return self._url(name, self.env.email_url_config)

    def cache(self, name: str) -> dict[str, Any]:
        return self._url(name, self.env.cache_url_config)

    def _url(self, name: str, parse: Any) -> dict[str, Any]:
        value = self.read(name)
        try:
            return dict(parse(value))
        except Exception as error:
            # The value is not repeated: it may hold a password.
            raise ImproperlyConfigured(f"{name}: not a usable URL ({type(error).__name__})") from None
