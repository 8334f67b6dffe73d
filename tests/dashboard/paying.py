"""A web side that can be paid through a fake Stripe and a fake epay."""

from collections.abc import Mapping
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.fakes.clock import FakeClock
from tests.fakes.stripe_server import SECRET, event, signed

HOME = "https://ai.example.com"
OLD_SECRET = "whsec_before"
STRIPE_PATH, EPAY_PATH = "/api/payments/stripe", "/api/payments/epay"


def environ_of(stripe_url: str) -> dict[str, str]:
    return {
        "AUTOLIST_PUBLIC_URL": HOME,
        "STRIPE_SECRET_KEY": "sk_test_fake",
        "STRIPE_WEBHOOK_SECRET": SECRET,
        "STRIPE_WEBHOOK_SECRET_OLD": OLD_SECRET,
        "STRIPE_URL": stripe_url,
        "EPAY_KEY": "epay-key",
        "EPAY_URL": "https://shop.example.com",
        "EPAY_PID": "1001",
    }


class Provider:
    """Delivers callbacks to a web side."""

    def __init__(self, client: FlaskClient, clock: FakeClock) -> None:
        self.client, self.clock = client, clock
        self.number = 0

    def tell(
        self,
        kind: str,
        subject: Mapping[str, Any],
        event_id: str = "",
        late_s: int = 0,
        secrets: tuple[str, ...] = (SECRET,),
    ) -> TestResponse:
        self.number += 1
        body = event(kind, subject, event_id or f"evt_{self.number}")
        at_s = self.clock.wall_ns() // 10**9 - late_s
        return self.send(body, signed(body, at_s, *secrets))

    def send(self, body: bytes, signature: str | None) -> TestResponse:
        headers = {"Stripe-Signature": signature} if signature is not None else {}
        return self.client.post(
            STRIPE_PATH, data=body, headers=headers, content_type="application/json"
        )
