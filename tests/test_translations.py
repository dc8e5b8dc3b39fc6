"""Dutch is complete: nothing missing, empty, fuzzy, copied or out of step with its placeholders."""

from __future__ import annotations

import re

import polib

from tests import catalog

# The same word in both languages, or a name.
SAME_IN_DUTCH = {
    "Account",
    "Account:",
    "Bank",
    "HTML",
    "Help",
    "ISO 3166-1 alpha-2",
    "Menu",
    "Open",
    "Status",
    "account",
    "accounts",
    "codes",
    "contact",
    "interval",
    "token",
    "type",
}
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%[sd]|\{\w*\}")


def texts(entry: polib.POEntry) -> list[str]:
    return list(entry.msgstr_plural.values()) if entry.msgid_plural else [entry.msgstr]


def test_every_message_of_the_sources_is_in_the_dutch_catalog():
    known = catalog.dutch()

    missing = {key: path for key, path in catalog.asked_for().items() if key not in known}

    assert missing == {}


def test_no_translation_is_empty_or_fuzzy():
    entries = catalog.dutch().values()

    assert [entry.msgid for entry in entries if entry.fuzzy or not all(texts(entry))] == []


def test_no_translation_is_a_copy_of_the_english():
    copied = [entry.msgid for entry in catalog.dutch().values() if entry.msgid in texts(entry)]

    worded = [message for message in copied if re.search(r"[a-z]{3}", PLACEHOLDER.sub("", message))]
    assert sorted(set(worded) - SAME_IN_DUTCH) == []


def test_translations_keep_the_placeholders():
    def placeholders(text: str) -> set[str]:
        return set(PLACEHOLDER.findall(text))

    wrong = [
        entry.msgid
        for entry in catalog.dutch().values()
        for text in texts(entry)
        if placeholders(text) not in (placeholders(entry.msgid), placeholders(entry.msgid_plural or entry.msgid))
    ]

    assert wrong == []


def test_the_compiled_catalog_is_the_one_that_was_written():
    compiled = polib.mofile(str(catalog.DUTCH.with_suffix(".mo")))

    assert {entry.msgid: texts(entry) for entry in compiled} == {
        entry.msgid: texts(entry) for entry in catalog.dutch().values()
    }
