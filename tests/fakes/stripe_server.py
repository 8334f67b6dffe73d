"""FakeStripe: Checkout Sessions as Stripe's API has them, and events that it signs.

It refuses what Stripe refuses (an unknown parameter, an amount below the least, an
expiry out of range), keeps what it made under the idempotency key, and sends nothing by
itself: a test takes an event (`event`), signs it (`signed`) and delivers it itself.
What it shares with other fakes, scripts above all, is in provider_server.py.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

from tests.fakes.provider_server import FakeProvider, Received, Script, json_answer
from tests.fakes.script import Endless, Raw, Silence

PATH = "/v1/checkout/sessions"
SECRET = "whsec_current"
KNOWN = re.compile(
    r"mode|client_reference_id|success_url|cancel_url|expires_at|metadata\[\w+\]"
    r"|payment_intent_data\[metadata\]\[\w+\]"
    r"|line_items\[0\]\[quantity\]|line_items\[0\]\[price_data\]"
    r"\[(?:currency|unit_amount|product_data\]\[name)\]"
)
API_VERSION = "2026-06-24.dahlia"
LEAST_MINOR = 50


@dataclass(frozen=True, slots=True)
class Session:
    """The honest answer: a page to pay at."""


@dataclass(frozen=True, slots=True)
class Failure:
    status: int
    code: str = "api_error"
    headers: Mapping[str, str] = field(default_factory=dict)


type Behaviour = Session | Failure | Raw | Endless | Silence
HONEST: Script[Behaviour] = Session()


class FakeStripe(FakeProvider[Behaviour]):
    def __init__(self, *, api_key: str | None = "sk_test_fake") -> None:
        super().__init__(HONEST, api_key)
        self.sessions: dict[str, dict[str, Any]] = {}
        self.kept: dict[str, tuple[bytes, dict[str, Any]]] = {}

    def route(
        self, request: web.Request, received: Received
    ) -> web.StreamResponse | None:
        expected = f"Bearer {self.api_key}"
        if self.api_key and request.headers.get("Authorization") != expected:
            return self.failed(received, Failure(401, "invalid_api_key"))
        if request.method == "GET" and request.path.startswith(PATH + "/"):
            found = self.sessions.get(request.path.rpartition("/")[2])
            if found is None:
                return self.failed(received, Failure(404, "resource_missing"))
            return self.told(received, found)
        if (request.method, request.path) != ("POST", PATH):
            return self.failed(received, Failure(404, "resource_missing"))
        return None

    async def answer(
        self, request: web.Request, received: Received, behaviour: Behaviour
    ) -> web.StreamResponse:
        if isinstance(behaviour, Failure):
            return self.failed(received, behaviour)
        key = request.headers.get("Idempotency-Key", "")
        earlier = self.kept.get(key)
        if earlier is not None and earlier[0] != received.body:
            return self.failed(received, Failure(400, "idempotency_error"))
        if earlier is not None:
            return self.told(received, earlier[1])
        form = dict(parse_qsl(received.body.decode()))
        if not all(KNOWN.fullmatch(name) for name in form):
            return self.failed(received, Failure(400, "parameter_unknown"))
        session = session_of(f"cs_test_{received.number}", form, self.address)
        if session["amount_total"] < LEAST_MINOR:
            return self.failed(received, Failure(400, "amount_too_small"))
        self.sessions[session["id"]] = session
        if key:
            self.kept[key] = received.body, session
        return self.told(received, session)

    def standard(self, received: Received) -> dict[str, str]:
        return {"request-id": f"req_{received.number}"}

    def told(self, received: Received, said: dict[str, Any]) -> web.Response:
        return json_answer(200, self.standard(received), json.dumps(said).encode())

    def failed(self, received: Received, failure: Failure) -> web.Response:
        error = {
            "type": "invalid_request_error",
            "code": failure.code,
            "message": "No.",
        }
        body = json.dumps({"error": error}).encode()
        headers = {**self.standard(received), **failure.headers}
        return json_answer(failure.status, headers, body)


def session_of(session_id: str, form: Mapping[str, str], home: str) -> dict[str, Any]:
    price = "line_items[0][price_data]"
    quantity = int(form["line_items[0][quantity]"])
    return {
        "id": session_id,
        "object": "checkout.session",
        "mode": form["mode"],
        "client_reference_id": form.get("client_reference_id"),
        "metadata": {"order": form.get("metadata[order]")},
        "currency": form[f"{price}[currency]"],
        "amount_total": quantity * int(form[f"{price}[unit_amount]"]),
        "payment_status": "unpaid",
        "payment_intent": None,
        "status": "open",
        "success_url": form["success_url"],
        "cancel_url": form["cancel_url"],
        "expires_at": int(form["expires_at"]),
        "livemode": False,
        "url": f"{home}/c/pay/{session_id}",
    }


def paid(session: Mapping[str, Any], payment: str, **changes: Any) -> dict[str, Any]:
    """A session as it is once it is paid by card."""
    over = {"payment_status": "paid", "status": "complete", "payment_intent": payment}
    return {**session, **over, **changes}


def refund(
    payment: str, minor: int, refund_id: str = "re_1", **changes: Any
) -> dict[str, Any]:
    return {
        "id": refund_id,
        "object": "refund",
        "amount": minor,
        "charge": "ch_" + payment,
        "currency": "usd",
        "payment_intent": payment,
        "status": "succeeded",
        **changes,
    }


def charge(payment: str, minor: int, refunded: int, **changes: Any) -> dict[str, Any]:
    return {
        "id": "ch_" + payment,
        "object": "charge",
        "amount": minor,
        "amount_refunded": refunded,
        "currency": "usd",
        "payment_intent": payment,
        "refunded": refunded == minor,
        **changes,
    }


def dispute(payment: str, minor: int, status: str, **changes: Any) -> dict[str, Any]:
    return {
        "id": "du_" + payment,
        "object": "dispute",
        "amount": minor,
        "charge": "ch_" + payment,
        "currency": "usd",
        "payment_intent": payment,
        "status": status,
        **changes,
    }


def event(kind: str, subject: Mapping[str, Any], event_id: str = "evt_1") -> bytes:
    """An event's body, spaced as Stripe does it."""
    whole = {
        "id": event_id,
        "object": "event",
        "api_version": API_VERSION,
        "created": 1_700_000_000,
        "data": {"object": subject},
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": kind,
    }
    return json.dumps(whole, indent=2, ensure_ascii=False).encode()


def signed(body: bytes, at_s: int, *secrets: str) -> str:
    """The header for a body: one signature for each secret."""
    hashes = [
        hmac.new(secret.encode(), b"%d.%s" % (at_s, body), hashlib.sha256).hexdigest()
        for secret in secrets or (SECRET,)
    ]
    return ",".join([f"t={at_s}", *[f"v1={one}" for one in hashes]])
