"""Fill in a form of the admin as a browser does: everything that is on the page goes along."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

from django.http import HttpResponse
from django.test import Client


class FieldReader(HTMLParser):
    """Collects what a browser would send of the inputs and choices of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.fields: dict[str, list[str]] = {}
        self.select = ""

    def handle_starttag(self, tag: str, pairs: list[tuple[str, str | None]]) -> None:
        attributes = dict(pairs)
        if tag == "select":
            self.select = attributes.get("name") or ""
        elif tag == "option" and "selected" in attributes:
            self._add(self.select, attributes)
        elif tag == "input" and attributes.get("type") not in ("submit", "button"):
            chosen = attributes.get("type") not in ("checkbox", "radio") or "checked" in attributes
            if chosen:
                self._add(attributes.get("name") or "", attributes)

    def _add(self, name: str, attributes: dict[str, str | None]) -> None:
        self.fields.setdefault(name, []).append(attributes.get("value") or ("" if "value" in attributes else "on"))


def submit(client: Client, url: str, **changes: Any) -> HttpResponse:
    """Open the page, change some fields and save; ``None`` leaves a field empty or a box unticked."""
    reader = FieldReader()
    reader.feed(client.get(url).content.decode())
    data = {**reader.fields, **changes}
    data.pop("", None)
    return client.post(url, {name: value for name, value in data.items() if value is not None})
