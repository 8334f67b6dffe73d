"""The client: what it asks Stripe, and what it takes for an answer."""

import logging
from collections.abc import Iterator

import pytest

from config.payments import StripeSettings
from config.providers import Credential
from dashboard.refusals import PaymentFailed, Unavailable
from dashboard.stripe_client import (
    ANSWER_BYTES_MAX,
    AT_ONCE_MAX,
    StripeClient,
    code_of,
    read_session,
)
from storage.orders import Order
from tests.fakes.script import Raw
from tests.fakes.stripe_server import FakeStripe, Failure

ORDER = Order(
    "order_1", 5, None, "stripe", 10**10, "usd", 1000, "open", None, None, None, 0, 0,
    0, 1, None,
)
HOME = "https://ai.example.com"


@pytest.fixture
def fake() -> Iterator[FakeStripe]:
    with FakeStripe() as one:
        yield one


def client(fake: FakeStripe, key: str = "sk_test_fake") -> StripeClient:
    credential = Credential("STRIPE_SECRET_KEY", key)
    settings = StripeSettings(
        key=credential, base_url=fake.address, request_seconds=2.0
    )
    return StripeClient(lambda: settings)


def test_asking_again_gives_the_same_page(fake: FakeStripe) -> None:
    one = client(fake)
    pages = {one.open_session(ORDER, "Balance", HOME, 10**18) for _ in range(2)}
    assert len(pages) == len(fake.sessions) == 1


def test_a_wrong_key_is_our_trouble_and_not_told(
    fake: FakeStripe, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(PaymentFailed):
        client(fake, "sk_wrong_one").open_session(ORDER, "Balance", HOME, 10**18)
    assert "invalid_api_key" in caplog.text
    assert "sk_wrong_one" not in caplog.text


@pytest.mark.parametrize(
    "answer",
    [
        Raw(b"{}"), Raw(b"[]"), Raw(b'{"id": "cs_1"}'),
        Raw(b'{"id": "cs_1", "url": "javascript:alert(1)"}'),
        Raw(b'{"id": "cs_1", "url": 7}'),
        Raw(b'{"id": "", "url": "https://a.b"}'),
    ],
)
def test_what_is_no_page_is_refused(fake: FakeStripe, answer: Raw) -> None:
    fake.script(answer)
    with pytest.raises(PaymentFailed):
        client(fake).open_session(ORDER, "Balance", HOME, 10**18)


@pytest.mark.parametrize(
    "trouble",
    [Failure(500), Failure(409), Raw(b"<html>"), Raw(b" " * (ANSWER_BYTES_MAX + 1))],
    ids=["500", "409", "no JSON", "too long"],
)
def test_what_may_pass_is_tried_twice_and_no_more(
    fake: FakeStripe, trouble: Failure | Raw
) -> None:
    fake.always(trouble)
    with pytest.raises(Unavailable):
        client(fake).open_session(ORDER, "Balance", HOME, 10**18)
    assert len(fake.requests) == 2


def test_only_so_many_wait_for_stripe(fake: FakeStripe) -> None:
    """One more is told at once to come back."""
    one = client(fake)
    for _ in range(AT_ONCE_MAX):
        assert one._turns.acquire(blocking=False)
    with pytest.raises(Unavailable):
        one.open_session(ORDER, "Balance", HOME, 10**18)
    assert fake.requests == []
    one._turns.release()
    assert one.open_session(ORDER, "Balance", HOME, 10**18).id == "cs_test_1"


def test_an_error_has_a_code_or_none() -> None:
    assert code_of({"error": {"code": "x", "message": "secret"}}, "sk_1") == "x"
    assert code_of({"error": {"type": "api_error"}}, "sk_1") == "api_error"
    for odd in (None, [], {}, {"error": 7}, {"error": {"code": "\n"}}):
        assert code_of(odd, "sk_1") == "?"


def test_a_page_is_read() -> None:
    session = read_session({"id": "cs_1", "url": "https://checkout.stripe.com/c/1"})
    assert (session.id, session.url) == ("cs_1", "https://checkout.stripe.com/c/1")
