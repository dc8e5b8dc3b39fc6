"""Help: the contact address, with the context filled in for whoever is signed in."""

from __future__ import annotations

from urllib.parse import quote, urlencode

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from billing import clock
from billing.models import Membership
from billing.outlook import outlook

from ..access import members_only
from ..wording import amounts
from .account_page import page_with_outlook


@require_safe
@members_only
def for_account(request: HttpRequest, membership: Membership) -> HttpResponse:
    view = outlook(membership.account, at=clock.now())
    subject = _("Question about %(account)s (%(reference)s)") % {
        "account": membership.account.legal_name,
        "reference": membership.account.reference,
    }
    lines = [_("To pay: %(amount)s") % {"amount": amounts(view.totals)}] if view.totals else []
    lines += [_("Invoice: %(number)s") % {"number": invoice.number} for invoice in view.due[:10]]
    lines += [f"{service.name}: {service.get_state_display()}" for service in view.services[:10]]
    context = "\n".join(lines)
    return page_with_outlook(
        request, "portal/help.html", membership, view, mail_address=mail_address(subject, context), filled_in=context
    )


@login_not_required
@require_safe
def public(request: HttpRequest) -> HttpResponse:
    subject = _("I need help with a payment")
    return render(request, "portal/help_public.html", {"mail_address": mail_address(subject, "")})


def mail_address(subject: str, context: str) -> str:
    """Return a mailto address whose mail is addressed and begun already."""
    fields = {"subject": subject} | ({"body": f"\n\n--\n{context}"} if context else {})
    return f"mailto:{settings.SUPPORT_EMAIL}?{urlencode(fields, quote_via=quote)}"
