"""Why is it still off? What was checked, what is the cause, and what to do about it."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from billing import clock, diagnosing
from billing.models import Membership

from ..access import members_only, reader, refuse
from .account_page import plain_page
from .services import service_of


@require_http_methods(["GET", "HEAD", "POST"])
@members_only
def why(request: HttpRequest, membership: Membership, reference: str) -> HttpResponse:
    service, at = service_of(membership, reference), clock.now()
    if request.method != "POST":
        findings = diagnosing.diagnose(service, at=at, reader=reader(request))
        cause = diagnosing.first_cause(findings)
        return plain_page(
            request, "portal/service_why.html", membership, service=service, findings=findings, cause=cause, at=at
        )
    if not membership.may_pay:
        return refuse(request, membership)
    diagnosing.check_again(service, at=at)
    messages.info(request, _("We have looked again, just now."))
    return redirect("service_why", membership.account.reference, reference)
