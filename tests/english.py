"""Find English in what a Dutch reader gets: any piece of a message that Dutch says otherwise."""

from __future__ import annotations

import html
import re

from tests import catalog
from tests.test_translations import PLACEHOLDER, texts

TAG = re.compile(r"<(script|style)\b.*?</\1>|<[^>]+>", re.DOTALL)
# Shorter pieces ("Pay", "due on") are also Dutch words or parts of names.
LONG_ENOUGH = 12
# Words that no Dutch sentence has: they give away what was never meant to be translated.
GIVEAWAYS = re.compile(r"\b(the|your|you|with|and|from|have|our|this)\b", re.IGNORECASE)


def sentences() -> set[str]:
    """Return the pieces between placeholders of every English message that is not also in its Dutch."""
    found = set()
    for entry in catalog.dutch().values():
        dutch = " ".join(texts(entry))
        for piece in PLACEHOLDER.split(f"{entry.msgid} {entry.msgid_plural}"):
            words = plain(piece)
            if len(words) >= LONG_ENOUGH and " " in words and words not in plain(dutch):
                found.add(words)
    return found


def plain(markup: str) -> str:
    """Return what a reader sees: no tags, entities resolved, one space between words."""
    return " ".join(html.unescape(TAG.sub(" ", markup)).split())


def english_in(markup: str) -> list[str]:
    """Return the English pieces and words that stand in a page or mail."""
    seen = plain(markup)
    pieces = {piece for piece in sentences() if re.search(rf"(?<!\w){re.escape(piece)}(?!\w)", seen)}
    return sorted(pieces | set(GIVEAWAYS.findall(seen)))
