"""How hypothesis runs here: a busy machine is slow, which is not a failure."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("paidup", deadline=None)
settings.load_profile("paidup")
