"""More time: promise a day to pay, or take the emergency grace, for who cannot pay today."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from billing import asking_for_time, clock
from billing.asking_for_time import is_stopping
from billing.models import Membership
from billing.outlook import outlook

from ..access import administrators_only, reader
from ..forms import PromiseForm
from ..wording import long_date, moment
from .account_page import plain_page


@require_http_methods(["GET", "HEAD", "POST"])
@administrators_only
def promise(request: HttpRequest, membership: Membership) -> HttpResponse:
    """Promise a day; the page says what waits for it and what does not."""
    account, at = membership.account, clock.now()
    if not asking_for_time.may_promise(account, at=at):
        return _no_promise(request, membership)
    form = PromiseForm(request.POST or None, today=account.today(at))
    if not form.is_valid():
        view = outlook(account, at=at)
        return plain_page(request, "portal/promise.html", membership, form=form, outlook=view)
    day = form.cleaned_data["day"]
    try:
        asking_for_time.promise(account, day=day, by=reader(request), at=at)
    except (asking_for_time.NothingOwed, asking_for_time.PromisedBefore):
        return _no_promise(request, membership)
    messages.success(request, _("You promised to pay by %(date)s.") % {"date": long_date(day)})
    return redirect("overview", account.reference)


def _no_promise(request: HttpRequest, membership: Membership) -> HttpResponse:
    view = outlook(membership.account, at=clock.now())
    if not view.owed:
        messages.info(request, _("Nothing is overdue, so there is nothing to promise."))
    else:
        messages.warning(request, _("A day was promised for this already. Pay, or contact us."))
    return redirect("overview", membership.account.reference)


@require_http_methods(["GET", "HEAD", "POST"])
@administrators_only
def grace(request: HttpRequest, membership: Membership) -> HttpResponse:
    """Say what the grace does and that it is there once a year; posting takes it."""
    account, at = membership.account, clock.now()
    if request.method == "POST":
        return _take(request, membership)
    again_at = asking_for_time.grace_again_at(account, at=at)
    view = outlook(account, at=at)
    stopping = [service for service in view.services if is_stopping(service)]
    until = at + asking_for_time.GRACE
    return plain_page(
        request, "portal/grace.html", membership, outlook=view, again_at=again_at, stopping=stopping, until=until
    )


def _take(request: HttpRequest, membership: Membership) -> HttpResponse:
    try:
        hold = asking_for_time.take_grace(membership.account, by=reader(request), at=clock.now())
    except asking_for_time.GraceUsed as refusal:
        words = {"date": long_date(membership.account.today(refusal.again_at))}
        messages.warning(request, _("The emergency grace was taken already. It is there again on %(date)s.") % words)
    except asking_for_time.NothingStops:
        messages.info(request, _("No service has stopped or is about to."))
    else:
        until = moment(hold.ends_at, membership.account.time_zone)
        messages.success(request, _("Your services are on until %(moment)s.") % {"moment": until})
    return redirect("overview", membership.account.reference)
