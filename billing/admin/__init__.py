"""
The staff's pages, one module a noun.

They show; what they do, they do by calling the functions the portal calls. Acts that
ask the gateway are list actions, which Django runs outside of a transaction. Staff
sign in as everybody does, so that a second step applies.
"""

from __future__ import annotations

from allauth.account.decorators import secure_admin_login
from django.conf import settings
from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from . import (
    accounts,
    corrections,
    dunning,
    erasures,
    events,
    exchange,
    holds,
    invoices,
    ledger,
    money_back,
    payments,
    people,
    sellers,
    staff_tasks,
    subscriptions,
)

__all__ = [
    "accounts",
    "corrections",
    "dunning",
    "erasures",
    "events",
    "exchange",
    "holds",
    "invoices",
    "ledger",
    "money_back",
    "payments",
    "people",
    "sellers",
    "staff_tasks",
    "subscriptions",
]

admin.site.site_header = admin.site.site_title = settings.BRAND_NAME
admin.site.enable_nav_sidebar = False
admin.site.index_title = _("Staff pages")
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]
