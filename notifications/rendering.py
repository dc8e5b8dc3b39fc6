"""
Turn a letter into subject, text and HTML in one reader's language.

Every mail is three small files named after its event. Styles are inlined, because mail
programs drop style sheets; only the media query for dark screens stays.
"""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass, replace

import css_inline
from django.conf import settings
from django.template.loader import render_to_string
from django.utils import translation

from .letters import Letter

WIDTH = 76
DATE = re.compile(r"\b(\d{1,2}) ([^\W\d]+) (\d{4})\b")
# Stands for a space that must not become a line break, while lines are broken.
GLUE = "\ue000"
SUBJECT_LENGTH = 120
NAME_LENGTH = 50

INLINER = css_inline.CSSInliner(keep_at_rules=True, load_remote_stylesheets=False)


@dataclass(frozen=True, slots=True)
class Mail:
    """A rendered mail."""

    subject: str
    text: str
    html: str


def render(letter: Letter, *, language: str) -> Mail:
    """Render the mail of ``letter.type`` for a reader of ``language``."""
    context = {
        "letter": letter,
        "language": language,
        "brand_name": settings.BRAND_NAME,
        "support_email": settings.SUPPORT_EMAIL,
    }
    with translation.override(language):
        subject = render_to_string(f"emails/{letter.type}.subject.txt", context | {"letter": in_short(letter)})
        text = render_to_string(f"emails/{letter.type}.txt", context)
        html = render_to_string(f"emails/{letter.type}.html", context)
    return Mail(subject=one_line(subject), text=wrapped(text), html=INLINER.inline(html))


def in_short(letter: Letter) -> Letter:
    """Shorten a long name, so that the subject keeps its amount and its date."""
    return replace(letter, account=one_line(letter.account, NAME_LENGTH))


def one_line(text: str, length: int = SUBJECT_LENGTH) -> str:
    """Make one line of at most ``length`` of a text, so that no name can add a header."""
    printable = "".join(character if character.isprintable() else " " for character in text)
    line = re.sub(r" +", " ", printable).strip()
    if len(line) <= length:
        return line
    cut = line[: length - 1]
    # Between words, unless that leaves next to nothing.
    whole_words = cut.rpartition(" ")[0]
    return f"{whole_words if len(whole_words) > length // 2 else cut}…"


def wrapped(text: str) -> str:
    """Break long lines between words, not within dates; an address keeps its line. Empty lines never come in rows."""
    lines = []
    for line in DATE.sub(rf"\1{GLUE}\2{GLUE}\3", text.strip()).splitlines():
        if len(line) <= WIDTH or "://" in line:
            lines.append(line.rstrip())
            continue
        indent = re.match(r"[ -]*", line)
        hanging = " " * (indent.end() if indent else 0)
        lines += textwrap.wrap(line, WIDTH, subsequent_indent=hanging, break_long_words=False, break_on_hyphens=False)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).replace(GLUE, " ") + "\n"
