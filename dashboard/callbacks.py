"""Callbacks: what payment providers tell us, at addresses of their own.

No session and no token: a signature over the bytes that came says whose they are. What
is not signed by one of our secrets, or not of now, is answered 400 and leaves no trace
in the ledger. What is, is written down with what came of it, in the transaction that
moved the money. If that fails the answer is 5xx, so that it comes again; what came
before is answered as if it were new.
"""

import hashlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import orjson

from dashboard import epay
from dashboard.ordering import rules_of
from dashboard.refusals import BadSignature, UnknownPlace
from dashboard.services import Services
from dashboard.shapes import JSON_TYPE
from dashboard.stripe_events import read_event
from dashboard.stripe_signature import is_signed
from storage.orders import Callback, Notice, Outcome, receive

log = logging.getLogger(__name__)

NS = 10**9
TEXT_TYPE = "text/plain; charset=utf-8"
REFUSED = "fail"


@dataclass(frozen=True, slots=True)
class Delivery:
    """A callback as it came, byte for byte; `signature` is the header, if any."""

    method: str
    query: bytes
    body: bytes
    signature: str | None


@dataclass(frozen=True, slots=True)
class Told:
    """What the provider is answered."""

    body: bytes
    content_type: str
    status: int = 200


def stripe_callback(services: Services, delivery: Delivery) -> Told:
    settings = services.settings.payments.stripe
    secrets = [one.secret for one in settings.webhook_secrets]
    if not secrets:
        raise UnknownPlace("method_off")
    signed = is_signed(
        delivery.signature,
        delivery.body,
        secrets,
        services.storage.clock.wall_ns() // NS,
        int(settings.tolerance_seconds),
    )
    if not signed:
        raise BadSignature()
    event = read_event(delivery.body)
    callback = Callback("stripe", event.id, event.type, digest(delivery.body))
    outcome = heed(services, callback, event.notice)
    said = {"received": True, "outcome": outcome.word}
    return Told(orjson.dumps(said), JSON_TYPE)


def epay_callback(services: Services, delivery: Delivery) -> Told:
    settings = services.settings.payments.epay
    if not settings.ready or settings.key is None:
        raise UnknownPlace("method_off")
    sent = delivery.query if delivery.method == "GET" else delivery.body
    fields = epay.read_fields(sent)
    if not epay.is_signed(fields, settings.key.secret):
        raise BadSignature()
    notice = epay.read_notice(settings, fields)
    status = epay.status_of(fields)
    name = f"{epay.trade_of(fields)}:{status}"
    callback = Callback("epay", name, status, digest(sent))
    outcome = heed(services, callback, notice)
    if outcome.problem:
        return Told(REFUSED.encode(), TEXT_TYPE, 409)
    return Told(epay.DONE.encode(), TEXT_TYPE)


def heed(services: Services, callback: Callback, notice: Notice) -> Outcome:
    do = services.storage.writer.wait
    outcome = do(receive, callback, notice, rules_of(services))
    if outcome.problem:
        log.warning(
            "%s callback %s: %s (%s); see `order list --problems`",
            callback.method,
            callback.id,
            outcome.word,
            outcome.detail,
        )
    return outcome


def digest(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()


CALLBACKS: Mapping[str, tuple[list[str], Callable[[Services, Delivery], Told]]] = {
    "/api/payments/stripe": (["POST"], stripe_callback),
    "/api/payments/epay": (["GET", "POST"], epay_callback),
}
