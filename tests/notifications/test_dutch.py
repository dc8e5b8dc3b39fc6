"""A Dutch reader's mail is Dutch from the subject to the foot."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from allauth.account.adapter import get_adapter
from django.conf import settings
from django.test import RequestFactory
from django.utils import translation

from billing.models import Event
from notifications import rendering, samples, staff
from notifications.models import Delivery
from notifications.rules import RULES
from tests.english import english_in
from tests.factories import UserFactory

TEMPLATES = Path(settings.BASE_DIR) / "templates"
OF_SIGN_IN = sorted(
    str(file.relative_to(TEMPLATES)).removesuffix("_subject.txt") for file in TEMPLATES.glob("*/email/*_subject.txt")
)

PROMISE = (
    "Het is niet gelukt om uw creditcard te belasten voor uw abonnement. Werk uw betalingsgegevens bij om "
    "onderbreking van uw diensten te voorkomen."
)


@pytest.mark.parametrize("sample", [samples.rich, samples.minimal])
@pytest.mark.parametrize("event_type", RULES)
def test_no_mail_has_english(event_type: str, sample):
    mail = rendering.render(sample(event_type), language="nl")

    assert [english_in(mail.subject), english_in(mail.text), english_in(mail.html)] == [[], [], []]


def test_a_refusal_opens_with_the_promised_sentence():
    mail = rendering.render(samples.rich("payment.failed"), language="nl")

    assert " ".join(mail.text.split()).startswith(PROMISE)


@pytest.mark.parametrize("prefix", OF_SIGN_IN)
def test_no_mail_of_signing_in_has_english(prefix: str):
    user = UserFactory.build(language="nl")
    links = dict.fromkeys(("activate_url", "password_reset_url", "signup_url"), "https://pay.example.com/auth/x/")
    facts = {"user": user, "code": "ABC-DEF", "from_email": "a@example.org", "to_email": "b@example.org"}
    request = RequestFactory().get("/")

    with translation.override("nl"):
        mail = get_adapter(request).render_mail(prefix, user.email, {"request": request, **links, **facts})

    assert [english_in(mail.subject), english_in(str(mail.body))] == [[], []]


@pytest.mark.parametrize("event_type", sorted(staff.TYPES))
def test_no_mail_to_staff_has_english(event_type: str):
    event = Event(type=event_type, at=datetime(2026, 3, 2, 11, tzinfo=UTC), codes={"job": "suspending", "wanted": 40})

    mail = staff.render(Delivery(event=event, recipient="staff@example.com", language="nl"))

    assert [english_in(mail.subject), english_in(mail.text), english_in(mail.html)] == [[], [], []]
