"""The words and marks of the hosted pages; everything that comes from outside is escaped."""

from __future__ import annotations

from html import escape

from ..base import SessionStatus
from .cards import NAMED_CARDS, NamedCard
from .charges import Charge
from .sessions import Kind, Session

MINOR_DIGITS = {"BHD": 3, "CLP": 0, "ISK": 0, "JOD": 3, "JPY": 0, "KRW": 0, "KWD": 3, "OMR": 3, "TND": 3, "VND": 0}

LAYOUT = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{title} - Sandbox</title>
<link rel="stylesheet" href="../style.css">
</head>
<body>
<header><p>Sandbox card page: no real money</p></header>
<main>
<h1>{title}</h1>
{content}
</main>
</body>
</html>
"""


def message(title: str, text: str, *, return_url: str = "") -> str:
    """Render a page on which nothing can be done but to go back."""
    back = f'<p><a href="{escape(return_url)}">Back to the merchant</a></p>' if return_url else ""
    return _page(title, f"<p>{escape(text)}</p>\n{back}")


def card_form(session: Session, *, error: str = "") -> str:
    """Render the choice of a test card."""
    amount = money(session.payment.amount, session.payment.currency) if session.payment else ""
    title, button = {
        Kind.PAYMENT: ("Pay by card", f"Pay {amount}"),
        Kind.SETUP: ("Add a card", f"Save card and pay {amount}" if amount else "Save card"),
    }[session.kind]
    summary = _summary(amount, session.payment.description) if session.payment else _nothing_is_charged()
    alert = f'<p class="error" id="error" role="alert">{escape(error)}</p>' if error else ""
    described = ' aria-describedby="error"' if error else ""
    choices = "\n".join(_choice(card) for card in NAMED_CARDS.values())
    return _page(
        title,
        f"""{summary}
{alert}
<form method="post">
<fieldset{described}>
<legend>Choose a test card</legend>
{choices}
</fieldset>
<p class="buttons">
<button name="action" value="submit">{escape(button)}</button>
<button name="action" value="cancel" class="quiet" formnovalidate>Cancel</button>
</p>
</form>""",
    )


def approval_form(charge: Charge) -> str:
    """Render the question of the card holder's bank (3-D Secure)."""
    summary = _summary(money(charge.amount, charge.currency), charge.description)
    return _page(
        "Approve this payment",
        f"""<p>Your bank asks whether you make this payment.</p>
{summary}
<form method="post">
<p class="buttons">
<button name="action" value="approve">Approve</button>
<button name="action" value="refuse" class="quiet">Refuse</button>
</p>
</form>""",
    )


def session_closed(session: Session) -> str:
    """Render the end of a visit."""
    title, text = {
        SessionStatus.COMPLETE: ("Done", "This page has done its work."),
        SessionStatus.CANCELED: ("Canceled", "This page was canceled. No card was saved and nothing was paid."),
        SessionStatus.EXPIRED: ("Expired", "This page has expired. Nothing was paid."),
    }[session.status]
    return message(title, text, return_url=session.return_url)


def money(amount: int, currency: str) -> str:
    """Write an amount of minor units the plain way: ``EUR 1,234.50``."""
    digits = MINOR_DIGITS.get(currency, 2)
    whole, rest = divmod(amount, 10**digits)
    return f"{currency} {whole:,}" + (f".{rest:0{digits}}" if digits else "")


def _page(title: str, content: str) -> str:
    return LAYOUT.format(title=escape(title), content=content)


def _summary(amount: str, description: str) -> str:
    return f'<p class="amount">{escape(amount)}</p>\n<p>{escape(description)}</p>'


def _nothing_is_charged() -> str:
    return "<p>The card is saved, so that it can be charged later.</p>"


def _choice(card: NamedCard) -> str:
    return (
        f'<p><input type="radio" name="card" id="card-{card.name}" value="{card.name}" required>'
        f' <label for="card-{card.name}">{escape(card.label)}'
        f" <small>{card.brand.capitalize()} ending in {card.last4}</small></label></p>"
    )
