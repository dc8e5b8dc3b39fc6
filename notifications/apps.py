from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class NotificationsConfig(AppConfig):
    name = "notifications"
    verbose_name = _("Notifications")

    def ready(self) -> None:
        post_migrate.connect(install, sender=self)


def install(*, using: str, **_kwargs: Any) -> None:
    """Let the staff groups of billing see mail and send it again; runs after every migrate and flush."""
    from django.db import connections

    from billing import defaults

    tables = connections[using].introspection.table_names()
    if not {"notifications_delivery", "auth_permission"} <= set(tables):
        return
    send_again = dict.fromkeys(("Support agent", "Billing agent", "Billing lead"), "view_delivery change_delivery")
    defaults.grant("notifications", send_again | {"Auditor": defaults.EVERY_VIEW})
