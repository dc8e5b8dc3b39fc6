"""What the API refuses, and which answers say nothing."""

from __future__ import annotations

import json

import pytest

from billing.gateways.base import NO_ANSWER, GatewayUnavailable
from billing.gateways.sandbox import SandboxGateway, api
from billing.gateways.sandbox.messages import NoAnswer, Request, Response

HEADERS = {"Authorization": "Bearer sandbox-secret", "Sandbox-Account": "acme"}
CHARGE = {
    "reference": "ch_1",
    "status": "succeeded",
    "amount": 100,
    "currency": "EUR",
    "decline_code": "",
    "action_path": "",
}


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b""),
        (200, b"[]"),
        (200, b"[" * 100_000),
        (200, CHARGE | {"status": "unknown"}),
        (200, CHARGE | {"status": "failed"}),
        (402, CHARGE),
        (200, CHARGE | {"amount": "100"}),
        (200, CHARGE | {"reference": ""}),
        (200, CHARGE | {"currency": None}),
        (200, CHARGE | {"status": "requires_action"}),
        (200, CHARGE | {"status": "requires_action", "action_path": "https://localhost/"}),
        (302, CHARGE),
        (409, CHARGE),
        (500, CHARGE),
    ],
)
def test_answer_that_is_not_clear_is_no_answer(request_for, status, body):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    gateway = SandboxGateway(lambda request: Response(status, content), base_url="http://localhost", secret="s")

    assert gateway.charge(request_for("good")) == NO_ANSWER


def test_store_that_cannot_be_read_is_no_answer(gateway, request_for, tmp_path):
    request = request_for("good")
    (tmp_path / "sandbox.sqlite3").write_bytes(b"this is no database" * 100)

    assert gateway.charge(request) == NO_ANSWER


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (Request("GET", "/v1/charges", {}), 401),
        (Request("GET", "/v1/charges", HEADERS | {"Authorization": "Bearer wrong"}), 401),
        (Request("GET", "/v1/charges", {"Authorization": "Bearer sandbox-secret"}), 400),
        (Request("GET", "/v1/none", HEADERS), 404),
        (
            Request("POST", "/v1/charges", HEADERS, b"{"),
            400,
        ),
    ],
)
def test_request_that_is_not_well_formed_is_refused(engine, request_, status):
    assert api.respond(engine, request_).status == status


def test_transport_that_gives_no_answer_raises_for_all_but_a_charge(request_for):
    def silent(request: Request) -> Response:
        raise NoAnswer

    gateway = SandboxGateway(silent, base_url="http://localhost", secret="s")

    assert gateway.charge(request_for("good")) == NO_ANSWER
    with pytest.raises(GatewayUnavailable):
        gateway.look_up(gateway_account="acme", idempotency_key="key")


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("/v1/charges", [], "invalid_json"),
        ("/v1/charges", {}, "invalid_presence"),
        ("/v1/charges", {"presence": "here"}, "invalid_presence"),
        ("/v1/refunds", {"charge": 1}, "invalid_charge"),
        ("/v1/refunds", {"charge": "ch", "amount": True}, "invalid_amount"),
        ("/v1/refunds", {"charge": "ch", "amount": 1, "currency": "EUR"}, "no_idempotency_key"),
        ("/v1/card_setups", {}, "no_idempotency_key"),
        ("/v1/card_setups?", {"payment": "all"}, "no_idempotency_key"),
    ],
)
def test_refusal_says_what_is_wrong(engine, path, body, code):
    response = api.respond(engine, Request("POST", path, HEADERS, json.dumps(body).encode()))

    assert (response.status, json.loads(response.body)) == (400, {"error": {"code": code}})


@pytest.mark.parametrize("payment", ["all", {}, {"idempotency_key": 7}])
def test_payment_inside_a_setup_must_be_whole(engine, payment):
    body = json.dumps({"return_url": "http://localhost/", "payment": payment}).encode()

    response = api.respond(engine, Request("POST", "/v1/card_setups", HEADERS | {"Idempotency-Key": "k"}, body))

    assert response.status == 400


@pytest.mark.parametrize("query", ["", "since=soon", "since=2026-03-02&after=x"])
def test_list_needs_a_moment_and_a_number(engine, query):
    assert api.respond(engine, Request("GET", f"/v1/charges?{query}", HEADERS)).status == 400
    assert api.respond(engine, Request("GET", "/v1/charges?since=2026-03-02", HEADERS)).status == 200


@pytest.mark.parametrize(
    "body",
    [
        {"data": 1},
        {"data": [1]},
        {"data": [{}], "has_more": True},
        {"data": [], "has_more": 1},
        {"data": [CHARGE | {"idempotency_key": "k", "created_at": "soon"}], "has_more": False},
    ],
)
def test_list_that_is_not_clear_is_unavailable(clock, body):
    gateway = SandboxGateway(lambda request: Response(200, json.dumps(body).encode()), base_url="/pages", secret="s")

    with pytest.raises(GatewayUnavailable):
        list(gateway.list_charges(gateway_account="acme", since=clock()))


def test_pages_below_the_portal_itself_have_no_origin():
    assert SandboxGateway(lambda request: Response(200), base_url="/sandbox", secret="s").origin == ""
