"""Deleting a service's data before its date: what it means, proof of who asks, and the way to stop it."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from billing import clock, erasing
from billing.models import Membership

from ..access import administrators_only, members_only, reader, recently_proved
from ..wording import moment
from .account_page import plain_page
from .services import service_of


@require_safe
@members_only
def erase(request: HttpRequest, membership: Membership, reference: str) -> HttpResponse:
    """Tell what deleting sooner means, or that it is on its way; every member may look."""
    service = service_of(membership, reference)
    return plain_page(
        request, "portal/service_erase.html", membership, service=service, demand=erasing.demand_of(service)
    )


@require_http_methods(["GET", "HEAD", "POST"])
@recently_proved
@administrators_only
def confirm(request: HttpRequest, membership: Membership, reference: str) -> HttpResponse:
    """Take the demand of an administrator who has just proved who they are."""
    service, at = service_of(membership, reference), clock.now()
    if request.method != "POST":
        return plain_page(
            request, "portal/service_erase_confirm.html", membership, service=service, begins_at=at + erasing.WAIT
        )
    try:
        wanted = erasing.demand(service, by=reader(request), at=at)
    except erasing.AlreadyDemanded:
        messages.info(request, _("The deletion is on its way already."))
    except erasing.NotCanceled:
        messages.error(request, _("Cancel %(service)s first.") % {"service": service.name})
    else:
        words = {"service": service.name, "moment": moment(wanted.due_at)}
        messages.success(request, _("We delete the data of %(service)s from %(moment)s on.") % words)
    return redirect("service_erase", membership.account.reference, reference)


@require_POST
@administrators_only
def stop(request: HttpRequest, membership: Membership, reference: str) -> HttpResponse:
    service = service_of(membership, reference)
    wanted = erasing.demand_of(service)
    try:
        if wanted is None:
            raise erasing.NothingDemanded(service)
        erasing.withdraw(wanted, by=reader(request), at=clock.now())
    except erasing.NothingDemanded:
        messages.info(request, _("There is no deletion that could be stopped."))
    else:
        messages.success(request, _("The deletion is stopped. Nothing was deleted."))
    return redirect("services", membership.account.reference)
