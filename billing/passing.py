"""
Trouble of the database that passes: a deadlock, a serialization failure, a lost connection.

An act that is one transaction is done again, three times at most. It must find out by
itself what an earlier commit left behind whose answer was lost.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from django.db import InterfaceError, OperationalError, connection

logger = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

TIMES = 3
# Serialization failure, deadlock, and a server that ends the connection or is starting.
PASSING = ("40001", "40P01", "57P01", "57P02", "57P03")


def tried_again(act: Callable[P, T]) -> Callable[P, T]:
    """Do an act that is a whole transaction again when the database's trouble passes; after three times it raises."""

    @wraps(act)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        for _ in range(TIMES - 1):
            try:
                return act(*args, **kwargs)
            except (OperationalError, InterfaceError) as error:
                if connection.in_atomic_block or not passes(error):
                    raise
                logger.warning("%s is done again: %s", act.__name__, type(error.__cause__).__name__)
                connection.close_if_unusable_or_obsolete()
        return act(*args, **kwargs)

    return call


def passes(error: Exception) -> bool:
    """Say whether the same may go well a moment later; a full disk or a wait that took too long does not."""
    cause = error.__cause__
    code = getattr(cause, "sqlstate", None)
    if code is None:
        # Without a code the server has not spoken: on PostgreSQL the connection is gone.
        return connection.vendor == "postgresql"
    return code in PASSING or str(code).startswith("08")
