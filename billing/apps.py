from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class BillingConfig(AppConfig):
    name = "billing"
    verbose_name = _("Billing")

    def ready(self) -> None:
        from . import checks  # noqa: F401 - registers the system checks

        post_migrate.connect(install, sender=self)


def install(*, using: str, **_kwargs: Any) -> None:
    """Put triggers and default rows in place; runs after every migrate and flush."""
    from django.db import connections

    from . import append_only, defaults

    tables = connections[using].introspection.table_names()
    if not {"billing_event", "auth_permission"} <= set(tables):
        return
    append_only.install(using)
    defaults.install()
