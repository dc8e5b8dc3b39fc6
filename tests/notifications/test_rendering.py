from __future__ import annotations

import re
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser

import pytest
from babel.dates import get_month_names

from billing.money import Money
from notifications import rendering, samples
from notifications.letters import Letter
from notifications.rendering import Mail
from notifications.rules import RULES

LANGUAGES = ["en", "nl"]
AMOUNT = re.compile(r"(?:€|\$)[\s ]?-?[\d.,]*\d")
MONTHS = "|".join(name for code in ("en", "nl") for name in get_month_names(locale=code).values())
DATE = re.compile(rf"\d{{1,2}} (?:{MONTHS}) \d{{4}}", re.IGNORECASE)
ADDRESS = re.compile(r"https?://[^\s\"<>]+")

each_mail = pytest.mark.parametrize("event_type", RULES)
each_language = pytest.mark.parametrize("language", LANGUAGES)
rich_and_minimal = pytest.mark.parametrize("sample", [samples.rich, samples.minimal])


class Visible(HTMLParser):
    """Collects the text a reader sees and the addresses behind the links."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.links: list[str] = []
        self.hidden = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.hidden += tag in {"style", "title"}
        self.links += [value or "" for name, value in attrs if name == "href"]

    def handle_endtag(self, tag: str) -> None:
        self.hidden -= tag in {"style", "title"}

    def handle_data(self, data: str) -> None:
        if not self.hidden:
            self.words.append(data)


def render(letter: Letter, language: str) -> Mail:
    return rendering.render(letter, language=language)


@each_mail
@each_language
@rich_and_minimal
def test_text_and_html_tell_the_same_amounts_dates_and_addresses(event_type, language, sample):
    mail = render(sample(event_type), language)

    seen = Visible(mail.html)
    html, text = (" ".join(part.split()) for part in (" ".join(seen.words), mail.text))
    assert set(AMOUNT.findall(text)) == set(AMOUNT.findall(html))
    assert set(DATE.findall(text)) == set(DATE.findall(html))
    assert set(ADDRESS.findall(mail.text)) == set(seen.links)


@each_mail
@each_language
@rich_and_minimal
def test_text_fits_the_width_and_every_address_has_a_line_of_its_own(event_type, language, sample):
    mail = render(sample(event_type), language)

    for line in mail.text.splitlines():
        assert len(line) <= 78 or "://" in line
        assert "://" not in line or ADDRESS.fullmatch(line)
    assert "\n\n\n" not in mail.text
    assert "None" not in mail.text
    assert "{" not in mail.text


@each_mail
@each_language
@rich_and_minimal
def test_every_mail_names_the_account_and_fits_the_readers_language(event_type, language, sample):
    mail = render(sample(event_type), language)

    for part in (mail.subject, mail.text, mail.html):
        assert "Contoso B.V." in part
    assert "A-7F3K22QDM4XW0R9T" in mail.text
    assert f'<html lang="{language}"' in mail.html
    assert len(mail.html.encode()) < 100_000


@each_mail
def test_html_needs_no_image_and_has_one_heading_and_only_layout_tables_that_say_so(event_type):
    html = render(samples.rich(event_type), "en").html

    assert "<img" not in html
    assert html.count("<h1") == 1
    assert "prefers-color-scheme: dark" in html
    for table in re.findall(r"<table[^>]*>", html):
        assert 'role="presentation"' in table or "rows" in table
    for size in re.findall(r"font-size:\s*(\d+)px", html):
        assert int(size) >= 16


def test_first_words_of_a_subject_tell_the_mails_apart():
    subjects = [render(letter, "en").subject for letter in samples.every()]

    assert len({tuple(subject.split()[:2]) for subject in subjects}) == len(RULES)


def test_the_mail_of_a_refused_card_opens_with_the_promised_sentence():
    mail = render(samples.rich("payment.failed"), "en")

    assert " ".join(mail.text.split()).startswith(
        "We have been unable to charge your credit card for your subscription. "
        "To prevent any service interruptions, please update your payment information."
    )


def test_a_name_cannot_add_a_header_or_markup():
    letter = replace(samples.rich("payment.failed"), account="Evil\r\nBcc: all@example.com <b>Ltd</b>")

    mail = render(letter, "en")

    assert "\n" not in mail.subject
    assert "\r" not in mail.subject
    assert "<b>Ltd</b>" not in mail.html
    assert "<b>Ltd</b>" in unescape(mail.html)
    assert "<b>Ltd</b>" in mail.text


@each_mail
@each_language
@pytest.mark.parametrize(
    "name", ["A" * 200, "Stichting " * 20, "Bakkerij\nDe Vijf\r\nSterren " * 8], ids=["word", "words", "lines"]
)
def test_a_long_name_leaves_the_subject_one_line_with_its_amount_and_its_date(event_type, language, name):
    letter = samples.rich(event_type)
    short = render(replace(letter, account="Contoso"), language).subject

    subject = render(replace(letter, account=name), language).subject

    assert len(subject) <= 120
    assert subject.isprintable()
    assert name[:8] in subject
    for told in (*AMOUNT.findall(short), *DATE.findall(short)):
        assert told in subject


def test_amounts_of_two_currencies_are_never_added_up():
    letter = replace(samples.rich("dunning.reminded"), totals=(Money(238_00, "EUR"), Money(50_00, "USD")))

    assert "We have not received your payment of €238.00 and US$50.00." in " ".join(render(letter, "en").text.split())


def test_a_contact_is_told_to_pass_the_mail_on():
    member, contact = render(samples.rich("payment.failed"), "en"), render(samples.minimal("payment.failed"), "en")

    assert "because you may pay" in member.text
    assert "please pass it on" not in member.text
    assert "please pass it on" in " ".join(contact.text.split())


def test_dutch_amounts_and_dates_are_written_the_dutch_way():
    mail = render(samples.rich("payment.failed"), "nl")

    assert "€ 238,00" in mail.text.replace("\u00a0", " ")
    assert "3 november 2026" in mail.text


def test_a_reminder_of_one_due_date_names_it_plainly():
    letter = samples.rich("dunning.reminded")

    assert "It was due on 3 November 2026." in " ".join(render(letter, "en").text.split())
