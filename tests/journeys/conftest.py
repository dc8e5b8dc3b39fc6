from __future__ import annotations

from .fixtures import begin, mailbox, refused, world

__all__ = ["begin", "mailbox", "refused", "world"]
