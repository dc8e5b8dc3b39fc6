"""
The gateway's JSON API, free of any framework.

Both transports of the client come through ``respond``. A caller shows the
secret as a bearer token and names its account in a header; it never sees
anything of another account.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from dataclasses import replace
from urllib.parse import parse_qsl, urlsplit

from . import cards, charges, controls, disputes, faults, keys, money_out, passing_time, sessions
from .charges import Charge
from .engine import Engine
from .faults import Fault
from .messages import IDEMPOTENCY_KEY, Refused, Request, Response, as_json, error
from .outbox import ACCOUNT
from .reading import Call, read_body
from .store import stamp

PAGE_SIZE = 100


def respond(engine: Engine, request: Request) -> Response:
    """Answer one request; every answer but a lost one is JSON."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    if not _is_authorized(headers, engine.secret):
        return error("unauthorized", status=401)
    target = urlsplit(request.path)
    try:
        data = read_body(request.body)
        with engine.transaction() as tx:
            account = headers.get(ACCOUNT.lower(), "")
            key = headers.get(IDEMPOTENCY_KEY.lower(), "")
            call = Call(tx, account, key, dict(parse_qsl(target.query)), data)
            if (request.method, target.path) in controls.ROUTES:
                return controls.ROUTES[request.method, target.path](call)
            return _dispatch(call, request.method, target.path)
    except Refused as refusal:
        return error(refusal.code, status=refusal.status)


def _is_authorized(headers: Mapping[str, str], secret: str) -> bool:
    return hmac.compare_digest(headers.get("authorization", "").encode(), f"Bearer {secret}".encode())


def _dispatch(call: Call, method: str, path: str) -> Response:
    if (method, path) not in ROUTES:
        raise Refused("no_such_path", status=404)
    if not call.account:
        raise Refused("no_account")
    operation, handler = ROUTES[method, path]
    fault = faults.take(call.tx, operation=operation, key=call.key)
    if fault in faults.BEFORE:
        if fault is Fault.ARRIVES_LATE:
            passing_time.hold_up(call.tx, call.charge_request())
        return faults.BEFORE[fault]
    response = handler(call)
    if fault is None:
        return response
    spoiled = faults.spoil(response, fault)
    if fault is Fault.SAVED_ERROR:
        keys.overwrite(call.tx, call.account, call.key, spoiled)
    return spoiled


def _charge(call: Call) -> Response:
    return charges.ask(call.tx, call.charge_request())


def _look_up(call: Call) -> Response:
    """Answer the charge of a key; of several (after the key was forgotten) the one that took money."""
    rows = call.tx.rows(
        "SELECT * FROM charges WHERE gateway_account = :account AND idempotency_key = :key"
        " ORDER BY status = 'succeeded' DESC, number LIMIT 1",
        account=call.account,
        key=call.query.get("idempotency_key", ""),
    )
    return as_json({"data": [Charge.from_row(row).public() for row in rows]})


def _list_charges(call: Call) -> Response:
    """Answer one page of charges; the next begins after the last one's number."""
    rows = call.tx.rows(
        "SELECT * FROM charges WHERE gateway_account = :account AND created_at >= :since AND number > :after"
        " ORDER BY number LIMIT :size",
        account=call.account,
        since=stamp(call.since()),
        after=call.after(),
        size=PAGE_SIZE,
    )
    return as_json({"data": [Charge.from_row(row).public() for row in rows], "has_more": len(rows) == PAGE_SIZE})


def _list_payouts(call: Call) -> Response:
    return as_json({"data": money_out.payouts(call.tx, call.account, since=call.since())})


def _look_up_refund(call: Call) -> Response:
    key = call.query.get("idempotency_key", "")
    return as_json({"data": money_out.refund_of_key(call.tx, call.account, key)})


def _list_refunds(call: Call) -> Response:
    """Answer one page of refunds; the next begins after the last one's number."""
    page = money_out.refunds(call.tx, call.account, since=call.since(), after=call.after(), size=PAGE_SIZE)
    return as_json({"data": page, "has_more": len(page) == PAGE_SIZE})


def _fetch_dispute(call: Call) -> Response:
    return as_json(disputes.public(call.tx, call.account, call.query.get("id", "")))


def _answer_dispute(call: Call) -> Response:
    return as_json(disputes.answer(call.tx, call.account, call.text("dispute"), call.text("answer")))


def _refund(call: Call) -> Response:
    reference, amount, currency = call.text("charge"), call.amount(), call.currency()
    return keys.once(
        call.tx,
        call.account,
        call.required_key(),
        {"refund": reference, "amount": amount, "currency": currency},
        lambda: money_out.refund(call.tx, call.account, call.key, reference, amount=amount, currency=currency),
    )


def _start_card_setup(call: Call) -> Response:
    return sessions.start_setup(
        call.tx,
        gateway_account=call.account,
        idempotency_key=call.required_key(),
        return_url=call.return_url(),
        payment=call.payment(),
    )


def _start_payment(call: Call) -> Response:
    return sessions.start_payment(call.tx, replace(call.charge_request(), return_url=call.return_url()))


def _fetch_session(call: Call) -> Response:
    session = sessions.get(call.tx, call.query.get("id", ""))
    if session.gateway_account != call.account:
        raise Refused("no_such_session", status=404)
    return as_json(sessions.public(call.tx, session))


def _detach(call: Call) -> Response:
    cards.detach(call.tx, call.account, call.text("token"))
    return as_json({"detached": True})


ROUTES: dict[tuple[str, str], tuple[str, Callable[[Call], Response]]] = {
    ("POST", "/v1/charges"): ("charge", _charge),
    ("GET", "/v1/charges"): ("list_charges", _list_charges),
    ("GET", "/v1/charges/search"): ("look_up", _look_up),
    ("GET", "/v1/payouts"): ("list_payouts", _list_payouts),
    ("POST", "/v1/refunds"): ("refund", _refund),
    ("GET", "/v1/refunds"): ("list_refunds", _list_refunds),
    ("GET", "/v1/refunds/search"): ("look_up_refund", _look_up_refund),
    ("GET", "/v1/disputes"): ("fetch_dispute", _fetch_dispute),
    ("POST", "/v1/disputes/answers"): ("answer_dispute", _answer_dispute),
    ("POST", "/v1/card_setups"): ("start_card_setup", _start_card_setup),
    ("POST", "/v1/payments"): ("start_payment", _start_payment),
    ("GET", "/v1/sessions"): ("fetch_session", _fetch_session),
    ("POST", "/v1/detachments"): ("detach", _detach),
}
