"""Settings: what cannot be read stops the process with one line, and what is unsafe is refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.urls import include, path

from billing.models import Role
from portal import urls
from portal.settings import OWN_PATHS, environment
from tests.factories import MembershipFactory
from tests.mutations.tree import copy_to

PRODUCTION = {
    "SECRET_KEY": "only-for-this-test-and-long-enough-to-satisfy-the-deployment-check",
    "ALLOWED_HOSTS": "pay.example.com",
    "BASE_URL": "https://pay.example.com",
    "PRODUCT_API_TOKEN": "a-token-for-this-test-only-of-some-length",
    "SANDBOX_ALLOWED": "true",
    "BEHIND_TLS_PROXY": "true",
}

BAD_VALUES = {
    "DEBUG": "maybe",
    "DEMO": "maybe",
    "PAST_RUNS": "maybe",
    "SECRET_KEY": "",
    "BASE_URL": "pay.example.com",
    "DATABASE_URL": "postgres://user:hidden@host:port/name",
    "CACHE_URL": "nonsense",
    "EMAIL_URL": "smtp://mail.example.com:port",
    "SANDBOX_URL": "localhost",
    "SANDBOX_ALLOWED": "2",
    "BEHIND_TLS_PROXY": "perhaps",
    "SECURE_COOKIES": "maybe",
    "STATIC_MANIFEST": "no way",
    "TIME_ZONE": "Mars/Olympus",
    "LOG_LEVEL": "LOUD",
    "GATEWAY": "paypal",
    "ADMIN_PATH": "/",
    "DEFAULT_FROM_EMAIL": "nobody",
    "SUPPORT_EMAIL": "nobody",
    "STAFF_EMAIL": "nobody",
    "BRAND_NAME": "Example\nCloud",
    "SUPPORT_PHONE": "+31\r\n20",
    "TRUSTED_PROXIES": "one",
}
# Any text will do: names, lists of hosts and keys, a file, secrets.
TAKES_ANYTHING = {
    "SECRET_KEY_FALLBACKS",
    "ALLOWED_HOSTS",
    "SANDBOX_FILE",
    "SANDBOX_SECRET",
    "PRODUCT_API_TOKEN",
}


def broken(request):
    raise RuntimeError("on purpose")


# This module is a URL configuration of its own: the portal's, and a page that breaks.
urlpatterns = [path("broken/", broken), path("", include(urls))]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy without anyone's ``.env``."""
    return copy_to(tmp_path_factory.mktemp("settings") / "tree")


def python(tree: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run Python in the copy with these environment variables and no others."""
    alone = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, *arguments], cwd=tree, env=alone | variables, capture_output=True, text=True, check=False
    )


def read_settings(tree: Path, *names: str, **variables: str) -> list[object]:
    """Return settings as a process with these variables would have them."""
    values = f"[getattr(settings, name) for name in {names!r}]"
    script = f"import json; from portal import settings; print(json.dumps({values}, default=str))"
    done = python(tree, "-c", script, **variables)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_every_variable_is_strict_or_takes_anything():
    assert set(BAD_VALUES) | TAKES_ANYTHING == set(environment.schema)
    assert not set(BAD_VALUES) & TAKES_ANYTHING


@pytest.mark.parametrize("name", BAD_VALUES)
def test_a_bad_value_is_one_line_that_names_the_variable(tree, name):
    done = python(tree, "manage.py", "check", **PRODUCTION | {name: BAD_VALUES[name]})

    assert done.returncode == 2, done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"paidup: settings: {name}: ")
    assert "hidden" not in line


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DEFAULT_FROM_EMAIL", "Example <billing@example.com>\nBcc: all@example.com"),
        ("SUPPORT_EMAIL", "support@example.com\n"),
        ("STAFF_EMAIL", "Staff\u2028 <staff@example.com>"),
        ("BASE_URL", "https://a b/../?x"),
        ("BASE_URL", "https://pay.example.com/../up"),
        ("BASE_URL", "https://pay.example.com/?x"),
        ("BASE_URL", "https://user@pay.example.com"),
        ("BASE_URL", "https://pay.example.com:99999"),
        ("BASE_URL", "https://pay.example.com\n"),
        ("ADMIN_PATH", "back office"),
        ("ADMIN_PATH", "../admin"),
        ("ADMIN_PATH", "<str:any>"),
        ("ADMIN_PATH", "accounts/admin"),
        *(("ADMIN_PATH", path) for path in OWN_PATHS),
        ("TRUSTED_PROXIES", "-1"),
    ],
)
def test_what_would_fail_later_is_refused_at_once(name: str, value: str):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(name, value)
        with pytest.raises(ImproperlyConfigured, match=rf"\A{name}: expected [^\n]+\Z"):
            environment.read(name)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BASE_URL", "http://[::1]:8000"),
        ("BASE_URL", "https://example.com/pay_here/v1.2"),
        ("ADMIN_PATH", "back-office/staff_pages"),
        ("DEFAULT_FROM_EMAIL", "Café & co <billing@example.com>"),
        ("TRUSTED_PROXIES", "0"),
    ],
)
def test_what_is_good_is_taken(name: str, value: str):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(name, value)
        assert str(environment.read(name)) == value


def test_the_admin_can_be_at_none_of_the_portals_own_addresses():
    first_segments = {str(pattern.pattern).partition("/")[0] for pattern in urls.urlpatterns}

    assert first_segments - {"", settings.ADMIN_PATH} <= set(OWN_PATHS)


@pytest.mark.parametrize(
    ("variables", "proxies"),
    [
        ({}, 1),
        ({"BEHIND_TLS_PROXY": "false"}, 0),
        ({"TRUSTED_PROXIES": "2"}, 2),
        ({"BEHIND_TLS_PROXY": "false", "TRUSTED_PROXIES": "1"}, 1),
        ({"TRUSTED_PROXIES": "0"}, 0),
    ],
)
def test_limits_of_sign_in_trust_as_many_proxies_as_there_are(tree, variables: dict[str, str], proxies: int):
    assert read_settings(tree, "ALLAUTH_TRUSTED_PROXY_COUNT", **PRODUCTION | variables) == [proxies]


@pytest.mark.parametrize("url", ["sqlite:///var/paidup.sqlite3", "nonsense", "mysql://localhost/paidup"])
def test_the_database_is_sqlite_or_postgresql(tree, url):
    done = python(tree, "manage.py", "check", **PRODUCTION | {"DATABASE_URL": url})

    assert done.returncode == (0 if url.startswith("sqlite") else 2)
    assert done.returncode == 0 or done.stderr.startswith("paidup: settings: DATABASE_URL: ")


def test_nothing_starts_without_a_secret_key(tree):
    without = {name: value for name, value in PRODUCTION.items() if name != "SECRET_KEY"}

    done = python(tree, "manage.py", "check", **without)

    assert done.returncode == 2
    assert done.stderr == "paidup: settings: SECRET_KEY: not set; give it 50 or more random characters\n"


def test_production_settings_pass_the_deployment_check(tree):
    done = python(tree, "manage.py", "check", "--deploy", "--fail-level", "WARNING", **PRODUCTION)

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("variables", "code"), [({}, 1), ({"SANDBOX_ALLOWED": "true"}, 0), ({"DEBUG": "true"}, 0)])
def test_play_money_is_refused_in_production(tree, variables, code):
    serious = {name: value for name, value in PRODUCTION.items() if name != "SANDBOX_ALLOWED"}

    done = python(tree, "manage.py", "check", **serious | variables)

    assert done.returncode == code
    assert ("portal.E001" in done.stderr) == bool(code)


@pytest.mark.django_db
def test_models_and_migrations_agree():
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)


class TestDatabase:
    def test_sqlite_has_one_writer_at_a_time_and_readers_beside_it(self, tree):
        (databases,) = read_settings(tree, "DATABASES", **PRODUCTION)

        options = databases["default"]["OPTIONS"]
        assert options["transaction_mode"] == "IMMEDIATE"
        assert options["timeout"] == 20
        assert "journal_mode=WAL" in options["init_command"]
        assert "foreign_keys=ON" in options["init_command"]

    def test_postgresql_waits_have_an_end(self, tree):
        url = {"DATABASE_URL": "postgres://paidup@127.0.0.1:5432/paidup"}

        (databases,) = read_settings(tree, "DATABASES", **PRODUCTION | url)

        options = databases["default"]["OPTIONS"]
        assert options["connect_timeout"] == 5
        for limit in ("statement_timeout=15s", "lock_timeout=5s", "idle_in_transaction_session_timeout=30s"):
            assert limit in options["options"]

    def test_postgresql_may_be_behind_a_proxy_that_pools_by_transaction(self, tree):
        url = {"DATABASE_URL": "postgres://paidup@127.0.0.1:5432/paidup"}

        (databases,) = read_settings(tree, "DATABASES", **PRODUCTION | url)

        assert databases["default"]["DISABLE_SERVER_SIDE_CURSORS"] is True
        assert "prepare_threshold" not in databases["default"]["OPTIONS"]

    @pytest.mark.django_db
    def test_the_connection_in_use_is_as_the_settings_say(self):
        expected = {
            "sqlite": {"PRAGMA journal_mode": "wal", "PRAGMA busy_timeout": 20_000, "PRAGMA foreign_keys": 1},
            "postgresql": {"SHOW statement_timeout": "15s", "SHOW lock_timeout": "5s"},
        }

        with connection.cursor() as cursor:
            for question, answer in expected[connection.vendor].items():
                cursor.execute(question)
                assert cursor.fetchone() == (answer,), question


class TestCookies:
    def test_are_for_this_host_over_tls_and_out_of_reach_of_scripts(self, tree):
        script = """
import django, json
django.setup()
from django.test import Client
client = Client(headers={"host": "pay.example.com", "x-forwarded-proto": "https"})
answer = client.get("/auth/login/")
cookies = [cookie.OutputString() for cookie in answer.cookies.values()]
print(json.dumps([answer.status_code, dict(answer.headers), cookies]))
"""
        variables = PRODUCTION | {"DJANGO_SETTINGS_MODULE": "portal.settings", "STATIC_MANIFEST": "false"}

        done = python(tree, "-c", script, **variables)

        assert done.returncode == 0, done.stderr
        status, headers, cookies = json.loads(done.stdout)
        assert status == 200
        assert headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains; preload"
        (csrf,) = cookies
        assert csrf.startswith("__Host-csrf=")
        for attribute in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"):
            assert attribute in csrf
        assert "Domain" not in csrf

    def test_the_session_cookie_is_as_strict(self, tree):
        names = ("NAME", "SECURE", "HTTPONLY", "SAMESITE", "AGE")

        values = read_settings(tree, *(f"SESSION_COOKIE_{name}" for name in names), **PRODUCTION)

        assert values == ["__Host-session", True, True, "Lax", 8 * 60 * 60]


@pytest.mark.django_db
class TestHeaders:
    """Whatever the answer, the browser is told what it may load and do."""

    @pytest.fixture(autouse=True)
    def static_files(self, settings, tmp_path):
        """Serve static files from where they are written, as nothing collects them for a test."""
        settings.STATIC_ROOT = tmp_path
        settings.WHITENOISE_AUTOREFRESH = settings.WHITENOISE_USE_FINDERS = True

    def assert_strict(self, response) -> None:
        policy = response.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "base-uri 'none'" in policy
        assert "unsafe" not in policy
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Referrer-Policy"] in {"same-origin", "no-referrer"}
        response.close()

    @pytest.mark.parametrize(
        ("address", "status"),
        [
            ("/", 302),
            ("/accounts/", 302),
            ("/auth/login/", 200),
            ("/help/", 200),
            ("/healthz", 200),
            ("/webhooks/sandbox/", 405),
            ("/api/v1/access/S-NONE", 401),
            ("/nowhere/", 404),
            ("/static/nothing.css", 404),
            ("/static/portal.css", 200),
            ("/sandbox/nowhere", 404),
        ],
    )
    def test_on_every_answer_to_a_stranger(self, address, status):
        response = Client().get(address)

        # Where sign-in comes first, a stranger is not told what there is.
        assert response.status_code in {status, 302} if status == 404 else response.status_code == status
        self.assert_strict(response)

    def test_on_a_page_that_is_another_accounts_or_not_allowed(self):
        membership, other = MembershipFactory(role=Role.VIEWER), MembershipFactory()
        client = Client()
        client.force_login(membership.user)

        unknown = client.get(f"/accounts/{other.account.reference}/")
        refused = client.get(f"/accounts/{membership.account.reference}/settle/")

        assert (unknown.status_code, refused.status_code) == (404, 403)
        self.assert_strict(unknown)
        self.assert_strict(refused)

    def test_on_a_form_from_elsewhere_and_a_host_that_is_not_ours(self):
        forged = Client(enforce_csrf_checks=True).post("/auth/login/", {"login": "a@example.com", "password": "x"})
        elsewhere = Client(headers={"host": "evil.example"}).get("/auth/login/")

        assert (forged.status_code, elsewhere.status_code) == (403, 400)
        self.assert_strict(forged)
        self.assert_strict(elsewhere)

    def test_on_a_page_that_breaks(self, settings):
        settings.ROOT_URLCONF = __name__
        client = Client(raise_request_exception=False)
        client.force_login(MembershipFactory().user)

        response = client.get("/broken/")

        assert response.status_code == 500
        self.assert_strict(response)

    def test_what_a_signed_in_person_saw_is_in_no_cache(self):
        membership = MembershipFactory()
        client = Client()
        client.force_login(membership.user)

        response = client.get(f"/accounts/{membership.account.reference}/")

        assert "no-store" in response.headers["Cache-Control"]


def test_a_web_server_starts_with_good_settings(tree):
    assert python(tree, "-c", "import portal.wsgi", **PRODUCTION).returncode == 0


@pytest.mark.parametrize(
    ("variables", "named"),
    [({"DEBUG": "maybe"}, "DEBUG"), ({"SANDBOX_ALLOWED": "false"}, "portal.E001"), ({"DEMO": "true"}, "portal.E003")],
)
def test_a_web_server_does_not_start_with_unsafe_settings(tree, variables: dict[str, str], named: str):
    refused = python(tree, "-c", "import portal.wsgi", **PRODUCTION | variables)

    assert refused.returncode == 2
    assert named in refused.stderr
    assert "Traceback" not in refused.stderr
