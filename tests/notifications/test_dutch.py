"""A Dutch reader's mail is Dutch from the subject to the foot."""

from __future__ import annotations

import pytest

from notifications import rendering, samples
from notifications.rules import RULES
from tests.english import english_in

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
