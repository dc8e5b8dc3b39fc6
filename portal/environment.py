"""Read environment variables strictly: a value that cannot be read names itself and what was expected."""

from __future__ import annotations

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


def boolean(value: str) -> bool:
    """Read yes or no; anything else is an error, not a no."""
    if value.lower() not in TRUE | FALSE:
        raise ValueError("expected true or false")
    return value.lower() in TRUE


def web_address(value: str) -> str:
    """Read an http(s) address without a trailing slash; empty stays empty."""
    parts = urlsplit(value)
    if value and (parts.scheme not in {"http", "https"} or not parts.netloc):
        raise ValueError("expected an address such as https://pay.example.com")
    return value.rstrip("/")


def mail_address(value: str) -> str:
    """Read a mail address, with or without a name before it."""
    if "@" not in parseaddr(value)[1]:
        raise ValueError("expected an address such as billing@example.com")
    return value


def time_zone(value: str) -> str:
    """Read an IANA name of a time zone."""
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        raise ValueError("expected a time zone such as Europe/Amsterdam") from None
    return value


def path_segment(value: str) -> str:
    """Read a path without the slashes around it; it cannot be empty."""
    if not value.strip("/"):
        raise ValueError("expected a path such as admin")
    return value.strip("/")


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
