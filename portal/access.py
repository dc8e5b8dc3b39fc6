"""
Who may see and do what: no sign-up, and accounts only for their members.

Every page of an account goes through ``members_only``: another's account and one that
does not exist are the same 404, and dates on the page are in the account's time zone.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.decorators import reauthentication_required
from allauth.account.models import EmailAddress
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db.models import Exists, F, OuterRef, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from billing.models import Account, Membership, Role, User

P = ParamSpec("P")
MemberView = Callable[Concatenate[HttpRequest, Membership, P], HttpResponse]
# Django calls it with the account's reference and whatever else the address names.
AccountView = Callable[..., HttpResponse]


class ClosedSignup(DefaultAccountAdapter):  # type: ignore[misc]
    """People come by invitation; nobody signs up. What their mails link to is here, whatever a request says."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        """Return the address that limits count; a request that did not pass all proxies counts for who sent it."""
        try:
            return str(super().get_client_ip(request))
        except ImproperlyConfigured:
            return str(request.META["REMOTE_ADDR"])

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send a mail of signing in; its links have the host and port of ``BASE_URL``."""
        links = {name: at_base_url(value) for name, value in context.items() if name.endswith("_url") and value}
        super().send_mail(template_prefix, email, context | links)


def at_base_url(address: str) -> str:
    """Return the same page at ``BASE_URL``."""
    return f"{settings.BASE_URL}{urlsplit(address)._replace(scheme='', netloc='').geturl()}"


def reader(request: HttpRequest) -> User:
    """Return the person who is signed in; pages without sign-in do not ask."""
    if not isinstance(request.user, User):
        raise Http404
    return request.user


def memberships(user: User) -> QuerySet[Membership]:
    """What a person is a member of; ``email_verified`` says whether mail may be sent to them."""
    verified = EmailAddress.objects.filter(user=OuterRef("user"), email__iexact=OuterRef("user__email"), verified=True)
    own = Membership.objects.filter(user=user).select_related("account", "user")
    return own.annotate(email_verified=Exists(verified)).order_by("account__legal_name", "pk")


def members_only(view: MemberView[P]) -> AccountView:
    """Give the view the reader's membership of the account that the address names."""

    @wraps(view)
    def guarded(request: HttpRequest, account: str, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        membership = memberships(reader(request)).filter(account__reference=account).first()
        if membership is None:
            raise Http404
        with timezone.override(ZoneInfo(membership.account.time_zone)):
            return view(request, membership, *args, **kwargs)

    return guarded


def payers_only(view: MemberView[P]) -> AccountView:
    """Let in who may pay; tell a viewer who can."""

    @wraps(view)
    def guarded(request: HttpRequest, membership: Membership, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if not membership.may_pay:
            return refuse(request, membership)
        return view(request, membership, *args, **kwargs)

    return members_only(guarded)


def administrators_only(view: MemberView[P]) -> AccountView:
    """Let in who manages the account; tell the others who does."""

    @wraps(view)
    def guarded(request: HttpRequest, membership: Membership, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if not membership.may_manage:
            managers = [person for person in able_to_act(membership.account) if person.may_manage]
            return refuse(request, membership, managers)
        return view(request, membership, *args, **kwargs)

    return members_only(guarded)


def recently_proved(view: AccountView) -> AccountView:
    """Let in who has just given their password or second step once more; whoever has not is asked for it."""
    proved: AccountView = reauthentication_required(view)
    return proved


def refuse(request: HttpRequest, membership: Membership, people: list[Membership] | None = None) -> HttpResponse:
    """Say that the reader may not do this, and who can: who may pay, unless it is for others."""
    people = able_to_act(membership.account) if people is None else people
    context = {"membership": membership, "account": membership.account, "people": people}
    return render(request, "portal/not_allowed.html", context, status=403)


def able_to_act(account: Account) -> list[Membership]:
    """Who may pay for an account, administrators first."""
    able = account.memberships.filter(role__in=(Role.ADMINISTRATOR, Role.PAYER), user__is_active=True)
    return list(able.select_related("user").order_by(F("role").asc(), "pk"))


def is_the_product(request: HttpRequest) -> bool:
    """Whether the request carries the product's token; without a token set, nobody does."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    expected = settings.PRODUCT_API_TOKEN
    same = secrets.compare_digest(token.strip().encode(), expected.encode())
    return bool(expected) and scheme.lower() == "bearer" and same
