"""Where everything is. Public addresses carry unguessable references, never keys or numbers."""

from __future__ import annotations

from django.conf import settings
from django.contrib import admin
from django.urls import include, path

from .views import (
    access,
    accounts,
    activity,
    cards,
    demo,
    health,
    help,
    invoices,
    language,
    overview,
    profile,
    services,
    settle,
    webhooks,
)

account_pages = [
    path("", overview.overview, name="overview"),
    path("settle/", settle.choose, name="settle"),
    path("settlements/<str:reference>/", settle.check, name="settlement"),
    path("settlements/<str:reference>/result/", settle.result, name="settlement_result"),
    path("payments/<str:reference>/return/", settle.came_back, name="payment_return"),
    path("cards/", cards.listing, name="cards"),
    path("cards/change/", cards.change, name="card_change"),
    path("cards/return/<str:reference>/", cards.came_back, name="card_return"),
    path("cards/<str:reference>/default/", cards.make_default, name="card_default"),
    path("cards/<str:reference>/remove/", cards.remove, name="card_remove"),
    path("invoices/", invoices.listing, name="invoices"),
    path("invoices/<str:reference>/", invoices.detail, name="invoice"),
    path("services/", services.services, name="services"),
    path("profile/", profile.profile, name="profile"),
    path("help/", help.for_account, name="help"),
    path("activity/", activity.activity, name="activity"),
]

handler500 = "portal.views.errors.went_wrong"

urlpatterns = [
    path("", accounts.start, name="start"),
    path("accounts/", accounts.choose, name="accounts"),
    path("accounts/<str:account>/", include(account_pages)),
    path("help/", help.public, name="help_public"),
    path("api/v1/access/<str:reference>", access.access, name="access_api"),
    path("webhooks/<str:gateway>/", webhooks.webhook, name="webhook"),
    path("healthz", health.healthz, name="healthz"),
    path("i18n/setlang/", language.choose, name="set_language"),
    path("auth/", include("allauth.account.urls")),
    path("auth/2fa/", include("allauth.mfa.urls")),
    path(f"{settings.ADMIN_PATH}/", admin.site.urls),
]
if settings.GATEWAY == "sandbox" and not settings.SANDBOX_URL:
    urlpatterns.append(path("sandbox/", include("billing.gateways.sandbox.urls")))
if settings.DEMO:
    urlpatterns += [
        path("demo/mail/", demo.mails, name="demo_mails"),
        path("demo/mail/<str:reference>/", demo.mail, name="demo_mail"),
        path("demo/mail/<str:reference>/html/", demo.mail_html, name="demo_mail_html"),
    ]
