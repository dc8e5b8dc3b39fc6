"""The sandbox as a process of its own, and the deadline of those who ask it."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import time
from contextlib import closing
from threading import Thread

import httpx
import pytest

from billing.gateways.base import NO_ANSWER, NOT_SENT, ChargeRequest, GatewayUnavailable, SessionStatus, Status
from billing.gateways.sandbox import Engine, Fault, HttpTransport, InProcessTransport, SandboxGateway
from billing.gateways.sandbox.__main__ import main
from billing.gateways.sandbox.server import SandboxServer

SECRET = "sandbox-secret"
DEADLINE = 0.5
PATIENCE = 10


@pytest.fixture
def server(engine):
    with SandboxServer(engine) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def remote(server):
    return gateway_at(server.server_address)


@pytest.fixture
def impatient(server):
    return gateway_at(server.server_address, deadline=DEADLINE)


@pytest.fixture
def steer(server):
    def call(method: str, path: str, **data: object) -> dict:
        headers = {"Authorization": f"Bearer {SECRET}", "Sandbox-Account": "acme"}
        return httpx.request(method, f"{server.url}/v1/test/{path}", headers=headers, content=json.dumps(data)).json()

    return call


def gateway_at(address: tuple[str, int], *, deadline: float = PATIENCE) -> SandboxGateway:
    url = f"http://127.0.0.1:{address[1]}"
    return SandboxGateway(HttpTransport(url, deadline=deadline), base_url=url, secret=SECRET)


def test_charge_and_look_up_are_the_same_over_http(gateway, remote, request_for):
    outcome = remote.charge(request_for("good"))

    assert outcome.status is Status.SUCCEEDED
    assert gateway.look_up(gateway_account="acme", idempotency_key="key") == outcome
    assert remote.look_up(gateway_account="acme", idempotency_key="key") == outcome


def test_origin_is_that_of_the_hosted_pages(gateway, remote, server):
    assert remote.origin == server.url
    assert gateway.origin == "http://localhost:8000"


def test_hosted_page_works_in_a_browser(remote, server):
    visit = remote.start_card_setup(gateway_account="acme", idempotency_key="setup", return_url="http://localhost/back")

    page = httpx.get(visit.url)
    submitted = httpx.post(visit.url, data={"action": "submit", "card": "good"})

    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'self'")
    assert (submitted.status_code, submitted.headers["Location"]) == (303, "http://localhost/back")
    assert remote.fetch_session(gateway_account="acme", session_id=visit.id).status is SessionStatus.COMPLETE
    assert httpx.get(f"{server.url}/style.css").headers["Content-Type"].startswith("text/css")


PASSED_ON = {Fault.WRONG_AMOUNT, Fault.WRONG_CURRENCY, Fault.DUPLICATE_ID}


@pytest.mark.parametrize("fault", sorted(set(Fault) - PASSED_ON))
def test_fault_over_http_is_no_answer(engine, impatient, request_for, fault):
    engine.inject(fault)

    assert impatient.charge(request_for("good")) == NO_ANSWER


@pytest.mark.parametrize("fault", sorted(PASSED_ON))
def test_wrong_answer_over_http_is_passed_on(engine, remote, request_for, fault):
    engine.inject(fault)

    assert remote.charge(request_for("good")).status is Status.SUCCEEDED


def test_answer_that_never_comes_ends_at_the_deadline(engine, impatient, request_for):
    request = request_for("times_out")
    start = time.monotonic()

    assert impatient.charge(request) == NO_ANSWER

    assert DEADLINE <= time.monotonic() - start < PATIENCE
    assert engine.charges() == []


def test_lost_answer_over_http_is_a_charge_that_can_be_looked_up(impatient, remote, request_for):
    assert impatient.charge(request_for("lost_answer")) == NO_ANSWER

    # On a busy machine the request may still be on its way when the caller gives up.
    give_up = time.monotonic() + PATIENCE
    while (found := remote.look_up(gateway_account="acme", idempotency_key="key")) is None:
        assert time.monotonic() < give_up
    assert found.status is Status.SUCCEEDED


@pytest.mark.parametrize("drip", [b"HTTP/1.1 200 OK\r\nX-Slow: ", b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n"])
def test_slow_drip_of_head_or_body_ends_at_the_deadline(request_for, drip):
    request = request_for("good")
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        Thread(target=_drip, args=(listener, drip), daemon=True).start()
        start = time.monotonic()

        assert gateway_at(listener.getsockname(), deadline=DEADLINE).charge(request) == NO_ANSWER

        assert time.monotonic() - start < PATIENCE


def _drip(listener: socket.socket, first: bytes) -> None:
    connection, _ = listener.accept()
    with connection:
        connection.sendall(first)
        try:
            while True:
                connection.sendall(b"x")
                time.sleep(0.02)
        except OSError:
            return


def test_nobody_listening_means_that_nothing_was_sent(request_for):
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        address = listener.getsockname()
    gateway = gateway_at(address)

    assert gateway.charge(request_for("good")) == NOT_SENT
    with pytest.raises(GatewayUnavailable):
        gateway.look_up(gateway_account="acme", idempotency_key="key")


def test_api_steers_a_gateway_in_another_process(engine, remote, request_for, steer):
    token = steer("POST", "cards", name="late_failure")["token"]
    steer("POST", "faults", fault="error_before")
    request = request_for(token=token)

    assert remote.charge(request) == NO_ANSWER
    assert remote.charge(request).status is Status.PENDING
    steer("POST", "advance", seconds=60)
    assert [charge["status"] for charge in steer("GET", "charges")["data"]] == ["failed"]
    assert steer("POST", "prune_keys", seconds=0) == {"pruned": 1}


def test_api_refuses_knobs_that_are_not_there(steer):
    assert steer("POST", "faults", fault="earthquake") == {"error": {"code": "invalid_fault"}}
    assert steer("POST", "cards", name="none") == {"error": {"code": "no_such_named_card"}}
    assert steer("POST", "advance", seconds="soon") == {"error": {"code": "invalid_seconds"}}
    assert steer("DELETE", "faults") == {}


def test_body_that_is_too_large_is_refused(server):
    with closing(socket.create_connection(server.server_address)) as connection:
        connection.sendall(b"POST /v1/charges HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n")

        assert b" 413 " in connection.recv(100)


def test_server_posts_webhooks_soon_after_they_arise(engine, gateway, receiver, request_for):
    with SandboxServer(engine, webhook_url=receiver.url) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        gateway.charge(request_for("good"))

        assert receiver.arrived.wait(5)
        server.shutdown()

    assert receiver.received[0] == "charge.succeeded"


def test_command_serves_and_posts_webhooks(tmp_path, receiver):
    command = [sys.executable, "-m", "billing.gateways.sandbox"]
    options = ["--file", str(tmp_path / "own.sqlite3"), "--secret", SECRET]
    process = subprocess.Popen([*command, "serve", *options], stdout=subprocess.PIPE, text=True)
    try:
        ready = re.fullmatch(r"Sandbox gateway at http://127\.0\.0\.1:(\d+)\n", process.stdout.readline())
        visit = gateway_at(("127.0.0.1", int(ready[1]))).start_card_setup(
            gateway_account="acme", idempotency_key="setup", return_url="http://localhost/back"
        )
        httpx.post(visit.url, data={"action": "submit", "card": "good"})
        posting = subprocess.run(
            [*command, "post-webhooks", *options, "--url", receiver.url, "--copies", "2", "--order", "shuffled"],
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()

    assert (posting.returncode, posting.stdout) == (0, "2 posted, 2 accepted\n")
    assert receiver.received == ["session.completed"] * 2


def test_command_says_when_webhooks_are_refused(tmp_path, capsys, receiver):
    file = tmp_path / "own.sqlite3"
    engine = Engine(file, secret=SECRET)
    gateway = SandboxGateway(InProcessTransport(engine), base_url="http://localhost", secret=SECRET)
    gateway.charge(
        ChargeRequest("acme", "key", 100, "EUR", "Invoice", "", token=engine.store_card("acme", "good").token)
    )
    receiver.status = 500

    code = main(["post-webhooks", "--file", str(file), "--secret", SECRET, "--url", receiver.url])

    assert (code, capsys.readouterr().out) == (1, "1 posted, 0 accepted\n")
