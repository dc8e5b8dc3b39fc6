"""
Where everything is. Public addresses carry unguessable references, never keys or numbers.

What cannot be a reference is not found here, before anything asks a database for it.
"""

from __future__ import annotations

from django.conf import settings
from django.contrib import admin
from django.urls import include, path, register_converter

from .views import (
    access,
    accounts,
    activity,
    card_visits,
    cards,
    credit_notes,
    demo,
    erasure,
    health,
    help,
    invoices,
    language,
    more_time,
    overview,
    profile,
    services,
    settle,
    webhooks,
    why,
)


class Reference:
    """``PREFIX-`` and capitals and digits, as ``billing.models.references`` makes them."""

    regex = "[A-Z]{1,3}-[0-9A-Z]{1,20}"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(Reference, "reference")

account_pages = [
    path("", overview.overview, name="overview"),
    path("settle/", settle.choose, name="settle"),
    path("settlements/<reference:reference>/", settle.check, name="settlement"),
    path("settlements/<reference:reference>/result/", settle.result, name="settlement_result"),
    path("payments/<reference:reference>/return/", settle.came_back, name="payment_return"),
    path("promise/", more_time.promise, name="promise"),
    path("grace/", more_time.grace, name="grace"),
    path("cards/", cards.listing, name="cards"),
    path("cards/change/", card_visits.change, name="card_change"),
    path("cards/return/<reference:reference>/", card_visits.came_back, name="card_return"),
    path("cards/<reference:reference>/default/", cards.make_default, name="card_default"),
    path("cards/<reference:reference>/remove/", cards.remove, name="card_remove"),
    path("invoices/", invoices.listing, name="invoices"),
    path("invoices/<reference:reference>/", invoices.detail, name="invoice"),
    path("credit-notes/<reference:reference>/", credit_notes.detail, name="credit_note"),
    path("services/", services.services, name="services"),
    path("services/<reference:reference>/cancel/", services.cancel, name="service_cancel"),
    path("services/<reference:reference>/stay/", services.stay, name="service_stay"),
    path("services/<reference:reference>/reactivate/", services.reactivate, name="service_reactivate"),
    path("services/<reference:reference>/why/", why.why, name="service_why"),
    path("services/<reference:reference>/erase/", erasure.erase, name="service_erase"),
    path("services/<reference:reference>/erase/confirm/", erasure.confirm, name="service_erase_confirm"),
    path("services/<reference:reference>/erase/stop/", erasure.stop, name="service_erase_stop"),
    path("profile/", profile.profile, name="profile"),
    path("help/", help.for_account, name="help"),
    path("activity/", activity.activity, name="activity"),
]

demo_pages = [
    path("demo/mail/", demo.mails, name="demo_mails"),
    path("demo/mail/<slug:reference>/", demo.mail, name="demo_mail"),
    path("demo/mail/<slug:reference>/html/", demo.mail_html, name="demo_mail_html"),
]
handler500 = "portal.views.errors.went_wrong"

urlpatterns = [
    path("", accounts.start, name="start"),
    path("accounts/", accounts.choose, name="accounts"),
    path("accounts/<reference:account>/", include(account_pages)),
    path("help/", help.public, name="help_public"),
    path("api/v1/access/<reference:reference>", access.access, name="access_api"),
    path("webhooks/<slug:gateway>/", webhooks.webhook, name="webhook"),
    path("healthz", health.healthz, name="healthz"),
    path("i18n/setlang/", language.choose, name="set_language"),
    path("auth/", include("allauth.account.urls")),
    path("auth/2fa/", include("allauth.mfa.urls")),
    path(f"{settings.ADMIN_PATH}/", admin.site.urls),
]
if settings.GATEWAY == "sandbox" and not settings.SANDBOX_URL:
    urlpatterns.append(path("sandbox/", include("billing.gateways.sandbox.urls")))
if settings.DEMO and settings.DEBUG:
    urlpatterns += demo_pages
