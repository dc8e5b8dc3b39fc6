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


def install(**_kwargs: Any) -> None:
    """Let the staff groups of billing look at mail; runs after every migrate and flush."""
    from billing import defaults

    defaults.grant("notifications", {"Support agent": "view_delivery change_delivery", "Auditor": ""})
