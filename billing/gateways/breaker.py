"""
Leave a gateway alone for a moment that does not answer.

After some calls in a row without an answer the next ones are refused at once, provably
not sent, so that a run over many accounts does not wait out every deadline.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Generic, TypeVar

Asked = TypeVar("Asked")
Answered = TypeVar("Answered")

TRIPS_AFTER = 5
OPEN_SECONDS = 30.0


class Breaker(Generic[Asked, Answered]):
    """A call that is refused with ``refusal`` for at most 30 s after five of ``trips_on`` in a row."""

    def __init__(
        self,
        call: Callable[[Asked], Answered],
        *,
        trips_on: type[Exception],
        refusal: type[Exception],
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._call = call
        self._trips_on = trips_on
        self._refusal = refusal
        self._seconds = seconds
        self._failures = 0
        self._closes_at = 0.0

    def __call__(self, request: Asked) -> Answered:
        if self._failures >= TRIPS_AFTER and self._seconds() < self._closes_at:
            raise self._refusal("left alone for a moment")
        try:
            answer = self._call(request)
        except self._trips_on:
            self._failures += 1
            self._closes_at = self._seconds() + OPEN_SECONDS
            raise
        self._failures = 0
        return answer
