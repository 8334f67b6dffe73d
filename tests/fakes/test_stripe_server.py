"""FakeStripe, proved by Stripe's own client."""

from collections.abc import Iterator

import pytest
import stripe

from tests.fakes.stripe_server import (
    API_VERSION,
    SECRET,
    FakeStripe,
    Failure,
    event,
    paid,
    refund,
    signed,
)

NOW = 1_700_000_000
FORM = {
    "mode": "payment",
    "client_reference_id": "order_1",
    "line_items": [
        {
            "quantity": 2,
            "price_data": {
                "currency": "usd",
                "unit_amount": 500,
                "product_data": {"name": "Balance"},
            },
        }
    ],
    "expires_at": NOW,
    "success_url": "https://a.b/",
    "cancel_url": "https://a.b/",
}


@pytest.fixture
def fake() -> Iterator[FakeStripe]:
    with FakeStripe() as one:
        yield one


def client(fake: FakeStripe, key: str = "sk_test_fake") -> stripe.StripeClient:
    return stripe.StripeClient(
        key,
        base_addresses={"api": fake.address},
        http_client=stripe.RequestsClient(),
        max_network_retries=0,
    )


def test_a_session_is_made_and_found_again(fake: FakeStripe) -> None:
    sessions = client(fake).v1.checkout.sessions
    made = sessions.create(FORM)  # type: ignore[arg-type]
    assert made.amount_total == 1000
    assert made.currency == "usd"
    assert made.payment_status == "unpaid"
    assert made.url == f"{fake.address}/c/pay/{made.id}"
    found = sessions.retrieve(made.id)
    assert found.client_reference_id == "order_1"


def test_a_key_makes_one_session(fake: FakeStripe) -> None:
    sessions = client(fake).v1.checkout.sessions
    made = [
        sessions.create(FORM, {"idempotency_key": "k"})  # type: ignore[arg-type]
        for _ in range(2)
    ]
    assert made[0].id == made[1].id
    with pytest.raises(stripe.InvalidRequestError) as caught:
        sessions.create(
            {**FORM, "client_reference_id": "other"},  # type: ignore[arg-type]
            {"idempotency_key": "k"},
        )
    assert caught.value.code == "idempotency_error"


def test_a_foreign_key_is_refused(fake: FakeStripe) -> None:
    with pytest.raises(stripe.AuthenticationError):
        client(fake, "sk_other").v1.checkout.sessions.create(
            FORM  # type: ignore[arg-type]
        )


def test_what_stripe_refuses_is_refused(fake: FakeStripe) -> None:
    sessions = client(fake).v1.checkout.sessions
    with pytest.raises(stripe.InvalidRequestError, match="No"):
        sessions.create({**FORM, "nonsense": "1"})  # type: ignore[arg-type]
    fake.script(Failure(503), Failure(429, "rate_limit"))
    with pytest.raises(stripe.APIError):
        sessions.create(FORM)  # type: ignore[arg-type]
    with pytest.raises(stripe.RateLimitError):
        sessions.create(FORM)  # type: ignore[arg-type]
    with pytest.raises(stripe.InvalidRequestError):
        sessions.retrieve("cs_none")


@pytest.mark.parametrize(
    "body",
    [
        event("checkout.session.completed", paid({"id": "cs_1", "name": "充值"}, "pi")),
        event("refund.created", refund("pi_1", 500)),
    ],
)
def test_its_events_are_stripes(body: bytes) -> None:
    header = signed(body, NOW, "whsec_other", SECRET)
    found = stripe.Webhook.construct_event(  # type: ignore[no-untyped-call]
        body, header, SECRET, tolerance=0, api_key="sk"
    )
    assert (found.id, found.api_version) == ("evt_1", API_VERSION)
    assert found.data.object.id in ("cs_1", "re_1")
