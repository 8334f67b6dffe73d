"""Stripe's API, as much of it as we need: a page on which an order is paid.

The order's id is the idempotency key, so asking again after a fault gives the page that
was made before. What Stripe says against it goes to the log by its code, never with
our key or with what the user typed.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import BoundedSemaphore

import httpx
import orjson

from config.payments import StripeSettings
from dashboard.refusals import PaymentFailed, Unavailable
from storage.orders import Order

log = logging.getLogger(__name__)

TRIES = 2
AT_ONCE_MAX = 4
"""Of the threads that serve pages, so many may wait for Stripe at once."""
ANSWER_BYTES_MAX = 1024 * 1024
ID_CHARS_MAX = 200
URL_CHARS_MAX = 4096
NS = 10**9


@dataclass(frozen=True, slots=True)
class Session:
    """A page at Stripe on which an order is paid."""

    id: str
    url: str


class StripeClient:
    """Any thread may use it. Orders are rare, so no connection is kept for them."""

    def __init__(self, settings: Callable[[], StripeSettings]) -> None:
        self.settings = settings
        self._turns = BoundedSemaphore(AT_ONCE_MAX)

    def open_session(
        self, order: Order, product: str, back: str, expires_ns: int
    ) -> Session:
        """Raises PaymentFailed, or Unavailable where later may be better."""
        form = session_form(order, product, back, expires_ns)
        if not self._turns.acquire(blocking=False):
            raise Unavailable()
        try:
            return read_session(self._post("/v1/checkout/sessions", form, order.id))
        finally:
            self._turns.release()

    def _post(self, path: str, form: Mapping[str, str], key: str) -> object:
        settings = self.settings()
        assert settings.key is not None
        headers = {
            "Authorization": f"Bearer {settings.key.secret}",
            "Idempotency-Key": key,
        }
        with httpx.Client(
            base_url=settings.base_url,
            timeout=settings.request_seconds,
            follow_redirects=False,
            trust_env=False,
        ) as client:
            for _ in range(TRIES):
                try:
                    status, answer = ask(client, path, form, headers)
                except (httpx.HTTPError, ValueError) as error:
                    log.warning("stripe: %s", type(error).__name__)
                    continue
                if status == 200:
                    return answer
                code = code_of(answer, settings.key.secret)
                log.warning("stripe answered %d %s", status, code)
                if status not in (409, 429) and status < 500:
                    raise PaymentFailed()
        raise Unavailable()


def ask(
    client: httpx.Client, path: str, form: Mapping[str, str], headers: Mapping[str, str]
) -> tuple[int, object]:
    """The status and the JSON; ValueError if it is too long, or none."""
    body = bytearray()
    with client.stream(
        "POST", path, data=dict(form), headers=dict(headers)
    ) as response:
        for chunk in response.iter_bytes():
            body += chunk
            if len(body) > ANSWER_BYTES_MAX:
                raise ValueError("too long")
    return response.status_code, orjson.loads(body)


def session_form(
    order: Order, product: str, back: str, expires_ns: int
) -> dict[str, str]:
    """A payment of one thing, which is the order's amount of balance."""
    line = "line_items[0]"
    return {
        "mode": "payment",
        "client_reference_id": order.id,
        "metadata[order]": order.id,
        "payment_intent_data[metadata][order]": order.id,
        f"{line}[quantity]": "1",
        f"{line}[price_data][currency]": order.currency,
        f"{line}[price_data][unit_amount]": str(order.minor),
        f"{line}[price_data][product_data][name]": product,
        "expires_at": str(expires_ns // NS),
        "success_url": back,
        "cancel_url": back,
    }


def read_session(answer: object) -> Session:
    """PaymentFailed unless it is a session with an address to go to."""
    found = answer if isinstance(answer, dict) else {}
    session_id = text_of(found.get("id"), ID_CHARS_MAX)
    url = text_of(found.get("url"), URL_CHARS_MAX)
    if not url.startswith(("https://", "http://")):
        raise PaymentFailed()
    return Session(session_id, url)


def text_of(value: object, chars_max: int) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= chars_max:
        raise PaymentFailed()
    if not value.isascii() or not value.isprintable():
        raise PaymentFailed()
    return value


def code_of(answer: object, secret: str) -> str:
    """What Stripe calls an error, unless it gives our key back by it; its message may
    quote what was sent."""
    error = answer.get("error") if isinstance(answer, dict) else None
    code = error.get("code") or error.get("type") if isinstance(error, dict) else None
    if not isinstance(code, str) or not code.isprintable() or secret in code:
        return "?"
    return code[:60]
