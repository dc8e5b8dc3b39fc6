"""
The hosted pages, free of any framework.

They stand for another company's site: the card holder is at the gateway here.
GET shows, POST acts; acting again on a page that has done its work only leads
back to the merchant. All links are relative, so that the pages can be mounted
anywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ..base import SessionStatus, Status
from . import charges, html, sessions
from .charges import Charge
from .engine import Engine
from .messages import Refused, Response
from .sessions import Session
from .store import Transaction

STYLE = Path(__file__).with_name("style.css").read_bytes()
HEADERS = {
    "Cache-Control": "no-store",
    # No form-action: browsers apply it to the redirect back to the merchant too.
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
CHOOSE_A_CARD = "Choose a card, or cancel."


def respond(engine: Engine, method: str, path: str, form: Mapping[str, str]) -> Response:
    """Answer a browser; ``path`` begins below the place where the pages are mounted."""
    if path == "/style.css" and method in {"GET", "HEAD"}:
        return Response(200, STYLE, {"Content-Type": "text/css; charset=utf-8", "X-Content-Type-Options": "nosniff"})
    handler = HANDLERS.get((_kind(path), method if method != "HEAD" else "GET"))
    if handler is None:
        return _page(html.message("Not found", "There is no such page."), status=404)
    try:
        with engine.transaction() as tx:
            return handler(tx, path.rpartition("/")[2], form)
    except Refused:
        return _page(html.message("Not found", "There is no such page."), status=404)


def _show_session(tx: Transaction, id: str, form: Mapping[str, str]) -> Response:
    session = sessions.get(tx, id)
    if session.status is not SessionStatus.OPEN:
        return _closed(session)
    return _redirect_to_approval(tx, session) if session.token else _page(html.card_form(session))


def _act_on_session(tx: Transaction, id: str, form: Mapping[str, str]) -> Response:
    session = sessions.get(tx, id)
    if session.status is SessionStatus.EXPIRED:
        return _closed(session)
    if session.status is not SessionStatus.OPEN:
        return _redirect(session.return_url)
    if session.token:
        return _redirect_to_approval(tx, session)
    if form.get("action") == "cancel":
        return _redirect(sessions.cancel(tx, session).return_url)
    try:
        session = sessions.submit(tx, session, card=form.get("card", ""))
    except Refused:
        return _page(html.card_form(session, error=CHOOSE_A_CARD), status=422)
    if session.status is SessionStatus.OPEN:
        return _redirect_to_approval(tx, session)
    return _redirect(session.return_url)


def _show_approval(tx: Transaction, reference: str, form: Mapping[str, str]) -> Response:
    charge = charges.get(tx, reference)
    if charge.status is Status.REQUIRES_ACTION:
        return _page(html.approval_form(charge))
    return _decided(charge)


def _act_on_approval(tx: Transaction, reference: str, form: Mapping[str, str]) -> Response:
    charge = charges.get(tx, reference)
    if charge.status is Status.CANCELED:
        return _decided(charge)
    if charge.status is Status.REQUIRES_ACTION:
        match form.get("action"):
            case "approve":
                charge = charges.move(tx, charge, Status.SUCCEEDED)
            case "refuse":
                charge = charges.move(tx, charge, Status.FAILED, decline_code="authentication_failed")
            case _:
                return _page(html.approval_form(charge), status=422)
        if charge.session_id:
            sessions.follow(tx, charge)
    return _redirect(charge.return_url) if charge.return_url else _decided(charge)


HANDLERS = {
    ("sessions", "GET"): _show_session,
    ("sessions", "POST"): _act_on_session,
    ("approvals", "GET"): _show_approval,
    ("approvals", "POST"): _act_on_approval,
}


def _kind(path: str) -> str:
    kind, _, id = path.removeprefix("/").partition("/")
    return kind if id and "/" not in id else ""


def _closed(session: Session) -> Response:
    return _page(html.session_closed(session), status=410 if session.status is SessionStatus.EXPIRED else 200)


def _decided(charge: Charge) -> Response:
    if charge.status is Status.CANCELED:
        text = "The time to approve this payment is over. Nothing was paid."
        return _page(html.message("Expired", text, return_url=charge.return_url), status=410)
    text = "You have already answered. You may close this page."
    return _page(html.message("Done", text, return_url=charge.return_url))


def _redirect_to_approval(tx: Transaction, session: Session) -> Response:
    charge = charges.of_session(tx, session.id)
    if charge is None:
        raise Refused("no_such_charge", status=404)
    return _redirect(f"../approvals/{charge.reference}")


def _redirect(location: str) -> Response:
    return Response(303, b"", {**HEADERS, "Location": location})


def _page(text: str, *, status: int = 200) -> Response:
    return Response(status, text.encode(), {**HEADERS, "Content-Type": "text/html; charset=utf-8"})
