"""Services: how each stands, since when, what happens when, and until when its data is kept."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from billing.models import Membership

from ..access import members_only
from .account_page import account_page


@require_safe
@members_only
def services(request: HttpRequest, membership: Membership) -> HttpResponse:
    return account_page(request, "portal/services.html", membership)
