"""Long lists a page at a time, by key: the hundredth page costs what the first does, and addresses hold no keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from django.core import signing
from django.db.models import Model, QuerySet
from django.http import Http404

PAGE_SIZE = 25
Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """Some rows, newest first; ``older`` is what the address of the next page carries."""

    rows: list[Row]
    older: str
    is_first: bool


def page_of(rows: QuerySet[Row], *, after: str) -> Page[Row]:
    """Return the page that follows the cursor ``after``; a cursor not of our making is a 404."""
    newest_first = rows.order_by("-pk")
    if after:
        newest_first = newest_first.filter(pk__lt=_read(after))
    found = list(newest_first[: PAGE_SIZE + 1])
    shown = found[:PAGE_SIZE]
    older = signing.dumps(shown[-1].pk, salt="paging") if len(found) > PAGE_SIZE else ""
    return Page(shown, older, is_first=not after)


def _read(cursor: str) -> int:
    try:
        return int(signing.loads(cursor, salt="paging"))
    except (signing.BadSignature, ValueError) as error:
        raise Http404 from error
