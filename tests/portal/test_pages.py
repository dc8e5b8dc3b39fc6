"""The other pages: what they show, what they refuse, and that a strict browser finds nothing to complain of."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

import pytest
from django.core.mail import EmailMultiAlternatives
from django.core.mail.backends.filebased import EmailBackend
from django.test import Client
from django.urls import reverse

from billing import clock, events
from billing.models import Account, Event, Invoice, Membership, Payment, Role
from portal import letterbox, timeline
from portal.checks import (
    demo_is_for_play,
    every_wait_has_an_end,
    missing_limits,
    play_money_is_for_play,
    product_can_ask,
)
from tests.factories import InvoiceFactory, PaymentMethodFactory, SubscriptionFactory

from .conftest import owe

PAGES = ["overview", "settle", "cards", "card_change", "invoices", "services", "profile", "help", "activity"]


@pytest.mark.parametrize("page", PAGES)
def test_every_page_has_a_language_landmarks_one_heading_and_a_title(
    administrator: Client, account: Account, page: str
):
    owe(account)

    html = administrator.get(reverse(page, args=[account.reference])).content.decode()

    assert '<html lang="en">' in html
    assert all(html.count(f"<{landmark}") == 1 for landmark in ("header class", "main ", "footer", "h1"))
    assert re.search(r"<title>\s*\S", html)
    assert 'href="#main"' in html


@pytest.mark.parametrize("page", PAGES)
def test_no_page_has_anything_inline_that_the_policy_forbids(administrator: Client, account: Account, page: str):
    owe(account)

    answer = administrator.get(reverse(page, args=[account.reference]))

    html = answer.content.decode()
    assert not re.search(r"\sstyle=|<style|\son\w+=|<script(?![^>]*\ssrc=)", html)
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert "no-store" in answer.headers["Cache-Control"]


def test_titles_are_unique(administrator: Client, account: Account):
    owe(account)

    pages = [administrator.get(reverse(page, args=[account.reference])).content.decode() for page in PAGES]

    titles = [re.search(r"<title>(.*?)</title>", page, re.S).group(1) for page in pages]  # type: ignore[union-attr]
    assert len(set(titles)) == len(PAGES)


def test_dates_are_in_the_accounts_time_zone(administrator: Client, account: Account):
    Account.objects.filter(pk=account.pk).update(time_zone="Pacific/Auckland")
    late = dt.datetime(2026, 3, 1, 23, 30, tzinfo=dt.UTC)
    events.record("profile.changed", at=late, account=account)

    page = administrator.get(reverse("activity", args=[account.reference])).content.decode()

    assert "2 March 2026 at 12:30" in page


def test_pages_are_in_the_readers_language(administrator: Client, account: Account, membership: Membership):
    membership.user.language = "nl"
    membership.user.save()
    InvoiceFactory(account=account, issued=dt.date(2026, 3, 2))

    page = administrator.get(reverse("invoices", args=[account.reference])).content.decode()

    assert '<html lang="nl">' in page
    assert "2 maart 2026" in page
    assert "€\xa0121,00" in page


class TestInvoices:
    def test_a_page_holds_25_and_leads_to_the_older_ones(self, administrator: Client, account: Account):
        numbers = [InvoiceFactory(account=account).number for _ in range(27)]
        address = reverse("invoices", args=[account.reference])

        first = administrator.get(address).content.decode()
        older = re.search(r'href="(\?after=[^"]+)"', first)
        assert older is not None
        second = administrator.get(address + older.group(1)).content.decode()

        assert [number for number in numbers if f">{number}<" in first] == numbers[2:]
        assert [number for number in numbers if f">{number}<" in second] == numbers[:2]

    def test_a_cursor_that_is_not_ours_is_404(self, administrator: Client, account: Account):
        assert administrator.get(reverse("invoices", args=[account.reference]) + "?after=1").status_code == 404

    @pytest.mark.parametrize(("status", "shown"), [("", 2), ("open", 1), ("overdue", 1), ("paid", 1), ("odd", 2)])
    def test_they_are_filtered_by_status(self, administrator: Client, account: Account, status: str, shown: int):
        InvoiceFactory(account=account)
        paid = InvoiceFactory(account=account)
        paid.move("paid", amount_paid=paid.total, paid_at=clock.now())

        page = administrator.get(reverse("invoices", args=[account.reference]), {"status": status}).content.decode()

        assert page.count('<th scope="row">') == shown

    def test_one_shows_lines_tax_and_where_to_send_the_money(self, administrator: Client, account: Account):
        invoice = InvoiceFactory(account=account)

        page = administrator.get(reverse("invoice", args=[account.reference, invoice.reference])).content.decode()

        assert "Tax 21% over €100.00 (standard rate)" in page
        assert "NL91ABNA0417164300" in page
        assert invoice.creditor_reference in page

    def test_a_draft_is_not_shown(self, administrator: Client, account: Account):
        draft = Invoice.objects.create(
            account=account, seller=SubscriptionFactory().seller, currency="EUR", tax_currency="EUR"
        )

        assert administrator.get(reverse("invoice", args=[account.reference, draft.reference])).status_code == 404


class TestProfile:
    SENT = {
        "form": "account",
        "legal_name": "Fabrikam B.V.",
        "street": "Damrak 1",
        "postal_code": "1012 LG",
        "city": "Amsterdam",
        "country": "NL",
        "vat_id": "nl 1234 56782 b90",
        "purchase_order_number": "PO-7",
        "language": "nl",
    }

    def test_an_administrator_changes_what_stands_on_invoices(self, administrator: Client, account: Account):
        administrator.post(reverse("profile", args=[account.reference]), self.SENT)

        account.refresh_from_db()
        assert (account.legal_name, account.vat_id, account.language) == ("Fabrikam B.V.", "NL123456782B90", "nl")
        event = Event.objects.get(type="profile.changed")
        assert "Fabrikam" not in str(event.codes)
        assert "legal_name" in event.codes["fields"]

    def test_a_mistake_is_said_on_top_and_at_the_field_and_input_is_kept(self, administrator: Client, account: Account):
        sent = self.SENT | {"legal_name": "", "vat_id": "NL000000000B00", "city": "Leiden"}

        page = administrator.post(reverse("profile", args=[account.reference]), sent).content.decode()

        assert "<title>Error: Profile" in " ".join(page.split()).replace("> ", ">")
        assert "There is a problem" in page
        assert '<a href="#id_legal_name">Enter the legal name</a>' in page
        assert 'value="Leiden"' in page
        assert 'aria-invalid="true"' in page
        account.refresh_from_db()
        assert account.legal_name != ""

    @pytest.mark.parametrize(("typed", "kept"), [("Fabri\u200bkam\x1b B.V.", "Fabrikam B.V."), ("\u200b\u2060", None)])
    def test_a_name_is_what_can_be_seen_of_it(
        self, administrator: Client, account: Account, typed: str, kept: str | None
    ):
        before = account.legal_name

        page = administrator.post(reverse("profile", args=[account.reference]), self.SENT | {"legal_name": typed})

        account.refresh_from_db()
        assert account.legal_name == (kept or before)
        assert ("Enter the legal name" in page.content.decode()) == (kept is None)

    def test_everyone_changes_their_own_language(self, account: Account, as_role):
        viewer = as_role(Role.VIEWER)
        sent = {"form": "person", "name": "Vera", "language": "nl"}

        page = viewer.post(reverse("profile", args=[account.reference]), sent, follow=True)

        assert '<html lang="nl">' in page.content.decode()

    def test_it_says_whether_the_address_is_confirmed(self, administrator: Client, account: Account):
        page = administrator.get(reverse("profile", args=[account.reference])).content.decode()

        assert "Confirmed" in page


def test_help_fills_in_the_context(administrator: Client, account: Account):
    owe(account)
    number = account.invoices.get().number

    page = administrator.get(reverse("help", args=[account.reference])).content.decode()

    assert "mailto:support@localhost?subject=" in page
    assert account.reference in page
    assert f"Invoice: {number}" in page


class TestTimeline:
    def test_every_event_of_an_account_is_told_or_left_out_on_purpose(self):
        left_out = {"dunning.opened", "dunning.closed", "dunning.stopped", "dunning.stops_tomorrow"}
        left_out |= {"service.stop_approved", "notice.sent", "notice.failed"}

        assert set(events.TYPES) - set(timeline.TOLD) <= left_out

    @pytest.mark.parametrize("kind", sorted(timeline.TOLD))
    def test_every_kind_has_a_sentence(self, account: Account, kind: str):
        (service,) = owe(account)
        method = account.payment_methods.get()
        payment = Payment(account=account, amount=100, currency="EUR", payment_method=method, reference="PAY-1")
        event = Event(
            type=kind,
            at=clock.now(),
            account=account,
            invoice=account.invoices.get(),
            subscription=service,
            payment=payment,
            payment_method=method,
            codes={"totals": {"EUR": 100}, "delete_on": "2026-03-24", "suspend_at": "2026-03-24T10:00:00+01:00"},
        )

        entry = timeline.told(event)

        assert entry.text.endswith(".")
        assert "%(" not in entry.text + entry.detail

    def test_codes_that_are_missing_do_not_break_it(self, account: Account):
        for kind in timeline.TOLD:
            timeline.told(Event(type=kind, at=clock.now(), account=account))


class TestErrorPages:
    def test_a_missing_page_says_that_nothing_was_charged(self, administrator: Client):
        page = administrator.get("/nowhere/")

        assert page.status_code == 404
        assert "Nothing was changed or charged." in page.content.decode()

    def test_a_failing_page_needs_no_database_to_say_so(self, account: Account, administrator: Client, monkeypatch):
        administrator.raise_request_exception = False
        monkeypatch.setattr("portal.views.overview.outlook", lambda *a, **k: 1 / 0)

        page = administrator.get(reverse("overview", args=[account.reference]))

        assert page.status_code == 500
        assert "Something went wrong with us" in page.content.decode()

    def test_a_form_without_its_token_explains_itself(self, account: Account, membership: Membership):
        client = Client(enforce_csrf_checks=True)
        client.force_login(membership.user)

        page = client.post(reverse("settle", args=[account.reference]), {})

        assert page.status_code == 403
        assert "Please try that again" in page.content.decode()


class TestChecks:
    @pytest.mark.parametrize(
        ("changed", "found"),
        [
            ({"SANDBOX_ALLOWED": False}, ["portal.E001"]),
            ({"SANDBOX_ALLOWED": True}, []),
            ({"SANDBOX_ALLOWED": False, "DEBUG": True}, []),
        ],
    )
    def test_play_money_is_refused_in_production(self, settings, changed: dict[str, object], found: list[str]):
        for name, value in changed.items():
            setattr(settings, name, value)

        assert [message.id for message in play_money_is_for_play()] == found

    @pytest.mark.parametrize(("debug", "found"), [(False, ["portal.E003"]), (True, [])])
    def test_a_demo_is_refused_in_production(self, settings, *, debug: bool, found: list[str]):
        settings.DEMO, settings.DEBUG = True, debug

        assert [message.id for message in demo_is_for_play()] == found

    def test_a_missing_token_is_warned_of(self, settings):
        settings.PRODUCT_API_TOKEN = ""

        assert [message.id for message in product_can_ask()] == ["portal.W001"]

    def test_our_databases_do_not_wait_for_ever(self):
        assert every_wait_has_an_end() == []

    @pytest.mark.parametrize(("engine", "missing"), [("sqlite3", 2), ("postgresql", 3)])
    def test_a_database_that_may_wait_for_ever_is_found(self, engine: str, missing: int):
        assert len(missing_limits({"ENGINE": f"django.db.backends.{engine}"})) == missing


def test_the_letter_box_reads_what_the_file_backend_wrote(tmp_path: Path, settings):
    settings.EMAIL_FILE_PATH = str(tmp_path)
    message = EmailMultiAlternatives("Zaak: € 12", "Hallo\n" + "-" * 79 + "\nDag", to=["bram@example.com"])
    message.attach_alternative("<p>Hallo</p>", "text/html")
    EmailBackend(file_path=str(tmp_path)).send_messages([message])

    letters = letterbox.letters()

    assert (letters[0].subject, letters[0].recipient) == ("Zaak: € 12", "bram@example.com")
    assert letterbox.find("nothing") is None


def test_an_expired_card_is_said_on_the_overview(administrator: Client, account: Account):
    SubscriptionFactory(account=account)
    PaymentMethodFactory(account=account, exp_year=2020, exp_month=1)

    page = administrator.get(reverse("overview", args=[account.reference])).content.decode()

    assert "Visa •••• 4242 has expired." in page
