"""Activity: everything that happened to the account, in plain words, newest first."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from billing.models import Event, Membership

from ..access import members_only
from ..paging import page_of
from ..timeline import RELATED, TOLD, told
from .account_page import account_page


@require_safe
@members_only
def activity(request: HttpRequest, membership: Membership) -> HttpResponse:
    events = Event.objects.for_account(membership.account).filter(type__in=TOLD).select_related(*RELATED)
    page = page_of(events, after=request.GET.get("after", ""))
    return account_page(
        request, "portal/activity.html", membership, page=page, entries=[told(event) for event in page.rows]
    )
