"""
All settings, in one file.

Every environment variable stands in the schema below with its type and default;
``docs/configuration.md`` explains each (a test keeps it complete). A value that
cannot be read stops the process with one line and exit code 2.
"""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import gettempdir
from typing import Any

from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from .environment import (
    Environment,
    boolean,
    count,
    mail_address,
    one_line,
    one_of,
    origin,
    path_beside,
    time_zone,
    web_address,
)

BASE_DIR = Path(__file__).resolve().parent.parent
OWN_PATHS = ("accounts", "api", "auth", "demo", "healthz", "help", "i18n", "sandbox", "static", "webhooks")

environment = Environment(
    DEBUG=(boolean, False),
    DEMO=(boolean, False),
    PAST_RUNS=(boolean, False),
    SECRET_KEY=(str, ""),
    SECRET_KEY_FALLBACKS=(list, []),
    ALLOWED_HOSTS=(list, []),
    BASE_URL=(web_address, "http://localhost:8000"),
    BRAND_NAME=(one_line, "Paidup"),
    DATABASE_URL=(str, f"sqlite:///{BASE_DIR / 'var' / 'paidup.sqlite3'}"),
    CACHE_URL=(str, "dbcache://cache"),
    EMAIL_URL=(str, "smtp://localhost:25"),
    DEFAULT_FROM_EMAIL=(mail_address, "billing@localhost"),
    SUPPORT_EMAIL=(mail_address, "support@localhost"),
    SUPPORT_PHONE=(one_line, ""),
    STAFF_EMAIL=(mail_address, "staff@localhost"),
    TIME_ZONE=(time_zone, "Europe/Amsterdam"),
    GATEWAY=(one_of("sandbox"), "sandbox"),
    SANDBOX_URL=(web_address, ""),
    SANDBOX_FILE=(str, str(BASE_DIR / "var" / "sandbox.sqlite3")),
    SANDBOX_SECRET=(str, "sandbox-secret"),
    SANDBOX_ALLOWED=(boolean, False),
    PRODUCT_API_TOKEN=(str, ""),
    ADMIN_PATH=(path_beside(*OWN_PATHS), "admin"),
    BEHIND_TLS_PROXY=(boolean, False),
    TRUSTED_PROXIES=(count, ""),
    SECURE_COOKIES=(boolean, True),
    STATIC_MANIFEST=(boolean, True),
    LOG_LEVEL=(one_of("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"), "INFO"),
)
environment.read_file(BASE_DIR / ".env")
read = environment.read

DEBUG: bool = read("DEBUG")
DEMO: bool = read("DEMO")
PAST_RUNS: bool = read("PAST_RUNS") or DEBUG
SECRET_KEY: str = read("SECRET_KEY") or ("only-for-development" if DEBUG else "")
if not SECRET_KEY:
    raise ImproperlyConfigured("SECRET_KEY: not set; give it 50 or more random characters")
SECRET_KEY_FALLBACKS: list[str] = read("SECRET_KEY_FALLBACKS")
ALLOWED_HOSTS: list[str] = read("ALLOWED_HOSTS")
BASE_URL: str = read("BASE_URL")
BRAND_NAME: str = read("BRAND_NAME")
SUPPORT_EMAIL: str = read("SUPPORT_EMAIL")
SUPPORT_PHONE: str = read("SUPPORT_PHONE")
STAFF_EMAIL: str = read("STAFF_EMAIL")
PRODUCT_API_TOKEN: str = read("PRODUCT_API_TOKEN")
ADMIN_PATH: str = read("ADMIN_PATH")

# Payment gateway
GATEWAY: str = read("GATEWAY")
SANDBOX_URL: str = read("SANDBOX_URL")
SANDBOX_FILE: str = read("SANDBOX_FILE")
SANDBOX_SECRET: str = read("SANDBOX_SECRET")
SANDBOX_ALLOWED: bool = read("SANDBOX_ALLOWED")

INSTALLED_APPS = [
    "portal",
    "notifications",
    "support",
    "billing",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.forms",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "crispy_forms",
    "crispy_bootstrap5",
    "bootstrap",
    "csp",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django_permissions_policy.PermissionsPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "portal.middleware.ReaderLanguageMiddleware",
    "portal.middleware.PrivatePagesMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]

ROOT_URLCONF = "portal.urls"
WSGI_APPLICATION = "portal.wsgi.application"
APPEND_SLASH = True

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "django.template.context_processors.i18n",
                "portal.context_processors.site",
            ],
        },
    }
]
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"
CRISPY_ALLOWED_TEMPLATE_PACKS = "bootstrap5"
CRISPY_TEMPLATE_PACK = "bootstrap5"

# Database: SQLite with one writer at a time, or PostgreSQL. Every wait has an end.
# Test databases are named after the process, so that two runs of the suite do not share one.
DATABASE: dict[str, Any] = environment.database("DATABASE_URL")
if DATABASE["ENGINE"].endswith("sqlite3"):
    DATABASE["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;",
    }
    # A file, not memory: threads, processes and the live server must all see the same rows.
    DATABASE["TEST"] = {"NAME": Path(gettempdir()) / f"paidup-test-{os.getpid()}.sqlite3"}
    (BASE_DIR / "var").mkdir(exist_ok=True)
else:
    DATABASE["OPTIONS"] = {
        "connect_timeout": 5,
        "tcp_user_timeout": 10_000,
        "keepalives_idle": 10,
        "options": "-c statement_timeout=15s -c lock_timeout=5s -c idle_in_transaction_session_timeout=30s",
    }
    # A proxy that pools by transaction gives the next query another session, where the cursor is not.
    DATABASE["DISABLE_SERVER_SIDE_CURSORS"] = True
    DATABASE["CONN_MAX_AGE"] = 60
    DATABASE["TEST"] = {"NAME": f"test_paidup_{os.getpid()}"}
    DATABASE["CONN_HEALTH_CHECKS"] = True
DATABASES = {"default": DATABASE}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

CACHES = {"default": environment.cache("CACHE_URL")}

# People and sign-in
AUTH_USER_MODEL = "billing.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS: list[dict[str, Any]] = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "accounts"
ACCOUNT_ADAPTER = "portal.access.ClosedSignup"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_LOGIN_BY_CODE_ENABLED = True
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = True
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_SESSION_REMEMBER = False
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = BRAND_NAME
SESSION_COOKIE_AGE = 8 * 60 * 60

# Languages and time
LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("nl", _("Dutch"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE: str = read("TIME_ZONE")
USE_TZ = True

# Static files
STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "var" / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if read("STATIC_MANIFEST") and not DEBUG
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}

# Mail
vars().update(environment.email("EMAIL_URL"))
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL: str = read("DEFAULT_FROM_EMAIL")
SERVER_EMAIL = DEFAULT_FROM_EMAIL

# Security
SECURE = read("SECURE_COOKIES") and not DEBUG
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE
SESSION_COOKIE_NAME = "__Host-session" if SECURE else "session"
CSRF_COOKIE_NAME = "__Host-csrf" if SECURE else "csrf"
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SECURE_SSL_REDIRECT = SECURE
SECURE_HSTS_SECONDS = 365 * 24 * 60 * 60 if SECURE else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = SECURE
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
if read("BEHIND_TLS_PROXY"):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
# Limits of signing in count whom the outermost of these proxies saw, not the proxy.
TRUSTED_PROXIES: int | None = read("TRUSTED_PROXIES")
ALLAUTH_TRUSTED_PROXY_COUNT = int(read("BEHIND_TLS_PROXY")) if TRUSTED_PROXIES is None else TRUSTED_PROXIES
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        # A form that leads to the gateway's page is answered by a redirect to its origin.
        "form-action": [SELF, *filter(None, [origin(SANDBOX_URL)])],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    }
}
PERMISSIONS_POLICY: dict[str, list[str]] = {
    "camera": [],
    "geolocation": [],
    "microphone": [],
    "payment": [],
    "usb": [],
}

# Logging: what happened and to which key, never names, addresses or card details.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": read("LOG_LEVEL")},
}
