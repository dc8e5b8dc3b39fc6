"""Text that is one line to everyone who sees it: names and addresses, in pages, mails and documents."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Any

from django import forms
from django.db import models

if TYPE_CHECKING:
    CharField = models.CharField[str, str]
else:
    CharField = models.CharField

# Control and format characters, halves of characters, and letters and signs that are drawn as nothing.
UNSEEN = {"Cc", "Cf", "Cs"}
BLANK = set("\u115f\u1160\u2800\u3164\uffa0")


def one_line(text: str) -> str:
    """Return what is seen of a text, with one space between words; ``""`` when there is nothing to see."""
    spaced = (" " if character.isspace() else character for character in text)
    seen = "".join(
        character for character in spaced if character not in BLANK and unicodedata.category(character) not in UNSEEN
    )
    if not any(unicodedata.category(character)[0] in "LNPS" for character in seen):
        return ""
    return " ".join(seen.split())


class LineInput(forms.CharField):
    """An input of one line; what is invisible counts as nothing."""

    def to_python(self, value: Any) -> str:
        return super().to_python(one_line(value) if isinstance(value, str) else value) or ""


class LineField(CharField):
    """Keeps of a text what is seen of it, whichever way it comes in."""

    def to_python(self, value: Any) -> Any:
        return one_line(value) if isinstance(value, str) else super().to_python(value)

    def formfield(self, *args: Any, **kwargs: Any) -> Any:
        return super().formfield(*args, **{"form_class": LineInput, **kwargs})
