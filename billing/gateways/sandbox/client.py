"""The sandbox as the rest of the product sees it: an implementation of ``Gateway``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

from ..base import (
    NO_ANSWER,
    NOT_SENT,
    ChargeRecord,
    ChargeRequest,
    DisputeRecord,
    GatewayUnavailable,
    GatewayUnreached,
    HostedSession,
    Outcome,
    Payout,
    RefundRecord,
    Status,
    WebhookEvent,
)
from . import answers, outbox
from .answers import Data
from .messages import IDEMPOTENCY_KEY, NoAnswer, NotSent, Request, Response, as_json
from .store import stamp
from .transports import Transport

OK = frozenset({200})
OK_OR_DECLINED = frozenset({200, 402})
CHARGED = frozenset({Status.SUCCEEDED, Status.PENDING, Status.REQUIRES_ACTION})
DECLINED = frozenset({Status.FAILED})


class SandboxGateway:
    """
    A client of the sandbox's API.

    ``base_url`` is where a browser reaches the hosted pages. Each request ends
    within the transport's deadline.
    """

    name = "sandbox"

    def __init__(self, transport: Transport, *, base_url: str, secret: str) -> None:
        self._transport = transport
        self._secret = secret
        self._base_url = base_url.rstrip("/")
        parts = urlsplit(base_url)
        self.origin = f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""

    def start_card_setup(
        self, *, gateway_account: str, idempotency_key: str, return_url: str, payment: ChargeRequest | None = None
    ) -> HostedSession:
        data = {"return_url": return_url, "payment": asdict(payment) if payment else None}
        return self._session(self._post("/v1/card_setups", gateway_account, data, key=idempotency_key))

    def start_payment(self, payment: ChargeRequest) -> HostedSession:
        return self._session(
            self._post("/v1/payments", payment.gateway_account, asdict(payment), key=payment.idempotency_key)
        )

    def fetch_session(self, *, gateway_account: str, session_id: str) -> HostedSession:
        return self._session(self._get("/v1/sessions", gateway_account, id=session_id))

    def charge(self, request: ChargeRequest) -> Outcome:
        """Charge a stored card; anything but a clear answer is ``NO_ANSWER``, or ``NOT_SENT`` without a connection."""
        try:
            response = self._send(
                "POST", "/v1/charges", request.gateway_account, asdict(request), key=request.idempotency_key
            )
            data = answers.read(response, statuses=OK_OR_DECLINED)
            outcome = answers.outcome(data, base_url=self._base_url)
        except GatewayUnreached:
            return NOT_SENT
        except GatewayUnavailable:
            return NO_ANSWER
        clear = CHARGED if response.status == 200 else DECLINED
        return outcome if outcome.status in clear else NO_ANSWER

    def look_up(self, *, gateway_account: str, idempotency_key: str) -> Outcome | None:
        data = self._get("/v1/charges/search", gateway_account, idempotency_key=idempotency_key)
        found = answers.items(data)
        return answers.outcome(found[0], base_url=self._base_url) if found else None

    def list_charges(self, *, gateway_account: str, since: datetime) -> Iterator[ChargeRecord]:
        """Yield charges page by page; any page may raise ``GatewayUnavailable``."""
        return map(answers.charge_record, self._pages("/v1/charges", gateway_account, since))

    def list_payouts(self, *, gateway_account: str, since: datetime) -> Iterator[Payout]:
        data = self._get("/v1/payouts", gateway_account, since=stamp(since))
        for item in answers.items(data):
            yield answers.payout(item)

    def refund(
        self, *, gateway_account: str, reference: str, idempotency_key: str, amount: int, currency: str
    ) -> RefundRecord:
        """Refund a charge; what cannot be refunded is a record that failed."""
        data = {"charge": reference, "amount": amount, "currency": currency}
        response = self._send("POST", "/v1/refunds", gateway_account, data, key=idempotency_key)
        return answers.refund_record(answers.read(response, statuses=OK_OR_DECLINED))

    def look_up_refund(self, *, gateway_account: str, idempotency_key: str) -> RefundRecord | None:
        data = self._get("/v1/refunds/search", gateway_account, idempotency_key=idempotency_key)
        found = answers.items(data)
        return answers.refund_record(found[0]) if found else None

    def list_refunds(self, *, gateway_account: str, since: datetime) -> Iterator[RefundRecord]:
        """Yield refunds page by page; any page may raise ``GatewayUnavailable``."""
        return map(answers.refund_record, self._pages("/v1/refunds", gateway_account, since))

    def fetch_dispute(self, *, gateway_account: str, reference: str) -> DisputeRecord:
        return answers.dispute_record(self._get("/v1/disputes", gateway_account, id=reference))

    def answer_dispute(self, *, gateway_account: str, reference: str, answer: str) -> DisputeRecord:
        data = {"dispute": reference, "answer": answer}
        return answers.dispute_record(self._post("/v1/disputes/answers", gateway_account, data))

    def detach(self, *, gateway_account: str, token: str) -> None:
        self._post("/v1/detachments", gateway_account, {"token": token})

    def parse_webhook(self, *, body: bytes, headers: Mapping[str, str], at: datetime) -> WebhookEvent:
        return outbox.verify(body=body, headers=headers, secret=self._secret, at=at)

    def _session(self, data: Data) -> HostedSession:
        return answers.session(data, base_url=self._base_url)

    def _pages(self, path: str, gateway_account: str, since: datetime) -> Iterator[Data]:
        after = 0
        while True:
            data = self._get(path, gateway_account, since=stamp(since), after=str(after))
            page = answers.items(data)
            yield from page
            if not answers.flag(data, "has_more") or not page:
                return
            after = answers.number(page[-1], "number")

    def _get(self, path: str, gateway_account: str, **query: str) -> Data:
        response = self._send("GET", f"{path}?{urlencode(query)}", gateway_account, None)
        return answers.read(response, statuses=OK)

    def _post(self, path: str, gateway_account: str, data: Mapping[str, Any], *, key: str = "") -> Data:
        return answers.read(self._send("POST", path, gateway_account, data, key=key), statuses=OK)

    def _send(
        self, method: str, path: str, gateway_account: str, data: Mapping[str, Any] | None, *, key: str = ""
    ) -> Response:
        headers = {"Authorization": f"Bearer {self._secret}", outbox.ACCOUNT: gateway_account}
        if key:
            headers[IDEMPOTENCY_KEY] = key
        try:
            return self._transport(Request(method, path, headers, as_json(data).body if data is not None else b""))
        except NotSent as error:
            raise GatewayUnreached("the gateway cannot be reached") from error
        except NoAnswer as error:
            raise GatewayUnavailable("the gateway did not answer in time") from error
