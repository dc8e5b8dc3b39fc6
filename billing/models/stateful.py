"""Rows that move between states by one conditional UPDATE."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from django.db import models

from ..states import InvalidTransition, Transitions


class Stateful(models.Model):
    """A row with a ``state`` and a table of legal moves."""

    TRANSITIONS: ClassVar[Transitions]
    state: Any

    class Meta:
        abstract = True

    def move(self, to: str, **changes: Any) -> Self:
        """
        Move the row to ``to`` in one UPDATE, if its current state allows it.

        The WHERE clause holds the guard, so two workers cannot both win; the loser
        gets ``InvalidTransition``.
        """
        sources = [source for source, targets in self.TRANSITIONS.items() if to in targets]
        row = type(self)._default_manager.filter(pk=self.pk, state__in=sources)
        if not row.update(state=to, **changes):
            raise InvalidTransition(f"{type(self).__name__} {self.pk} cannot move from {self.state} to {to}")
        self.refresh_from_db()
        return self
