"""Faults of a database server are played where there is one: they are collected on PostgreSQL only."""

from __future__ import annotations

from django.conf import settings

collect_ignore = ["postgres"] if settings.DATABASE["ENGINE"].endswith("sqlite3") else []
