"""Services: how each stands and until when its data is kept; canceling one, and bringing it back."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from billing import clock, leaving
from billing.models import Membership, Subscription

from ..access import administrators_only, members_only, reader
from ..forms import LeaveForm
from ..wording import long_date
from .account_page import account_page, plain_page


@require_safe
@members_only
def services(request: HttpRequest, membership: Membership) -> HttpResponse:
    return account_page(request, "portal/services.html", membership)


@require_http_methods(["GET", "HEAD", "POST"])
@administrators_only
def cancel(request: HttpRequest, membership: Membership, reference: str) -> HttpResponse:
    service, form = service_of(membership, reference), LeaveForm(request.POST or None)
    if not form.is_valid():
        return _ask(request, membership, service)
    act = leaving.cancel_now if form.cleaned_data["when"] == LeaveForm.NOW else leaving.cancel_at_period_end
    try:
        service = act(service, tries=form.chosen_tries(), by=reader(request), at=clock.now())
    except leaving.NothingToCancel:
        messages.info(request, _("%(service)s cannot be canceled any more.") % {"service": service.name})
        return redirect("services", membership.account.reference)
    words = {"service": service.name, "date": long_date(service.delete_on or service.next_period_on)}
    canceled = _("%(service)s is canceled. Its data is kept until %(date)s.")
    text = canceled if service.is_off else _("%(service)s ends on %(date)s. You can change your mind until then.")
    messages.success(request, text % words)
    return redirect("services", membership.account.reference)


def _ask(request: HttpRequest, membership: Membership, service: Subscription) -> HttpResponse:
    at = clock.now()
    today = service.today(at)
    return plain_page(
        request,
        "portal/service_cancel.html",
        membership,
        service=service,
        today=today,
        unpaid=leaving.unpaid(service),
        has_period_ahead=leaving.has_period_ahead(service, at=at) and not service.is_off and not service.leaves_at,
        kept_until=leaving.kept_until(service, left_on=today, at=at),
        kept_until_after_period=leaving.kept_until(service, left_on=service.next_period_on, at=at),
    )


@require_POST
@administrators_only
def stay(request: HttpRequest, membership: Membership, reference: str) -> HttpResponse:
    service = service_of(membership, reference)
    try:
        leaving.stay(service, by=reader(request), at=clock.now())
    except leaving.NotLeaving:
        messages.info(request, _("%(service)s is not about to end.") % {"service": service.name})
    else:
        messages.success(request, _("%(service)s goes on as before.") % {"service": service.name})
    return redirect("services", membership.account.reference)


@require_http_methods(["GET", "HEAD", "POST"])
@administrators_only
def reactivate(request: HttpRequest, membership: Membership, reference: str) -> HttpResponse:
    service, at = service_of(membership, reference), clock.now()
    account = membership.account
    if request.method != "POST":
        return _offer(request, membership, service)
    try:
        leaving.reactivate(service, by=reader(request), at=at)
    except leaving.StillOwed:
        messages.warning(request, _("Pay what is owed for %(service)s first.") % {"service": service.name})
        return redirect("settle", account.reference)
    except leaving.PurgeBegun:
        messages.error(request, _("The data of %(service)s is being deleted. Contact us.") % {"service": service.name})
    except (leaving.NotLeaving, leaving.KeptOff):
        messages.error(request, _("%(service)s cannot be reactivated here.") % {"service": service.name})
    else:
        messages.success(request, _("%(service)s is on again.") % {"service": service.name})
    return redirect("services", account.reference)


def _offer(request: HttpRequest, membership: Membership, service: Subscription) -> HttpResponse:
    at = clock.now()
    return plain_page(
        request,
        "portal/service_reactivate.html",
        membership,
        service=service,
        owed=leaving.owed(service, at=at),
        cost=leaving.cost_of_return(service, at=at),
        is_offered=service.is_canceled_by_customer and not service.is_purging,
    )


def service_of(membership: Membership, reference: str) -> Subscription:
    services = Subscription.objects.for_account(membership.account).select_related("account", "seller")
    return get_object_or_404(services, reference=reference)
