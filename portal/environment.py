"""Read environment variables strictly: a value that cannot be read names itself and what was expected."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

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
            if kind is boolean or kind is web_address:
                return kind(self.env.str(name, default=str(default)))
            return self.env.get_value(name, cast=kind, default=default)
        except (ValueError, ImproperlyConfigured) as error:
            raise ImproperlyConfigured(f"{name}: {error}") from error

    def database(self, name: str) -> dict[str, Any]:
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
