"""Which messages the code and the templates ask for, and what the Dutch catalog says of them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import polib
from babel.messages.extract import DEFAULT_KEYWORDS, extract
from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("portal", "billing", "notifications", "support")
DUTCH = ROOT / "locale" / "nl" / "LC_MESSAGES" / "django.po"
KEYWORDS = DEFAULT_KEYWORDS | {
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext_lazy": (1, 2),
    "pgettext_lazy": ((1, "c"), 2),
    "npgettext_lazy": ((1, "c"), 2, 3),
}

Key = tuple[str, str]


def asked_for() -> dict[Key, str]:
    """Return every ``(context, message)`` in the sources, with the file that asks for it."""
    found: dict[Key, str] = {}
    for path, source in (*_python(), *_templates()):
        for _line, message, _comments, context in extract("python", io.BytesIO(source.encode()), keywords=KEYWORDS):
            singular = message if isinstance(message, str) else message[0]
            found[context or "", singular] = path
    return found


def _python() -> Iterator[tuple[str, str]]:
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            if "migrations" not in path.parts:
                yield str(path.relative_to(ROOT)), path.read_text()


def _templates() -> Iterator[tuple[str, str]]:
    for path in (ROOT / "templates").rglob("*"):
        if path.is_file():
            lines = templatize(path.read_text(), origin=str(path)).splitlines()
            yield str(path.relative_to(ROOT)), "\n".join(line.lstrip() for line in lines)


def dutch() -> dict[Key, polib.POEntry]:
    """Return the catalog's living entries by context and message."""
    entries = polib.pofile(str(DUTCH))
    return {(entry.msgctxt or "", entry.msgid): entry for entry in entries if not entry.obsolete}
