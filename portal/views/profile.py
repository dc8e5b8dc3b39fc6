"""The profile: what is on the invoices, in which language, whom mail reaches and who may act."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from billing import clock, details
from billing.models import Account, Membership

from ..access import members_only, reader, refuse
from ..forms import AccountForm, PersonForm
from .account_page import account_page


@require_http_methods(["GET", "HEAD", "POST"])
@members_only
def profile(request: HttpRequest, membership: Membership) -> HttpResponse:
    """Everyone edits themselves; only administrators edit the account."""
    if request.method == "POST" and request.POST.get("form") == "person":
        return _save_person(request, membership)
    if request.method == "POST":
        return _save_account(request, membership)
    return _page(request, membership, AccountForm(instance=membership.account), PersonForm(instance=reader(request)))


def _save_person(request: HttpRequest, membership: Membership) -> HttpResponse:
    form = PersonForm(request.POST, instance=reader(request))
    if not form.is_valid():
        return _page(request, membership, AccountForm(instance=membership.account), form)
    with translation.override(form.save().language):
        messages.success(request, _("Your details are saved."))
    return redirect("profile", membership.account.reference)


def _save_account(request: HttpRequest, membership: Membership) -> HttpResponse:
    if not membership.may_manage:
        return refuse(request, membership)
    form = AccountForm(request.POST, instance=Account.objects.get(pk=membership.account_id))
    if not form.is_valid():
        return _page(request, membership, form, PersonForm(instance=reader(request)))
    sent = {name: form.cleaned_data[name] for name in form.changed_data}
    details.change(membership.account, sent, by=reader(request), at=clock.now())
    messages.success(request, _("The account's details are saved."))
    return redirect("profile", membership.account.reference)


def _page(
    request: HttpRequest, membership: Membership, account_form: AccountForm, person_form: PersonForm
) -> HttpResponse:
    people = membership.account.memberships.select_related("user").order_by("role", "pk")
    return account_page(
        request,
        "portal/profile.html",
        membership,
        account_form=account_form,
        person_form=person_form,
        people=people,
        error_forms=[form for form in (account_form, person_form) if form.errors],
    )
