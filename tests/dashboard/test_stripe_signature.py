"""Stripe's signature: the same headers that Stripe's own client accepts, and no more
from the future than from the past."""

import pytest
import stripe

from dashboard.stripe_signature import (
    HEADER_CHARS_MAX,
    SIGNATURES_MAX,
    is_signed,
    parse_signature,
    sign,
)
from tests.fakes.clock import FakeClock
from tests.fakes.stripe_server import event, paid, signed

SECRET, OTHER = "whsec_a", "whsec_b"
BODY = event("checkout.session.completed", paid({"id": "cs_1", "n": "充值"}, "pi_1"))
NOW = 1_700_000_000
GOOD = sign(NOW, BODY, SECRET)
BAD = sign(NOW, BODY, OTHER)

VECTORS = {
    f"t={NOW},v1={GOOD}": True,
    f"v1={GOOD},t={NOW}": True,
    f"t={NOW},v1={BAD},v1={GOOD}": True,
    f"t={NOW},v1={GOOD},v0={BAD}": True,
    f"t={NOW},v1={GOOD},v2": True,
    f"t={NOW},v1={BAD}": False,
    f"t={NOW},v0={GOOD}": False,
    f"t={NOW},v1=": False,
    f"t={NOW},v1={GOOD[:-1]}": False,
    f"t={NOW},v1={GOOD.upper()}": False,
    f"t={NOW + 1},v1={GOOD}": False,
    f"t={NOW}": False,
    f"v1={GOOD}": False,
    f"t=,v1={GOOD}": False,
    f"t=x,v1={GOOD}": False,
    f"t={NOW}.0,v1={GOOD}": False,
    f"t=-{NOW},v1={GOOD}": False,
    "": False,
    ",": False,
    "=,=": False,
    "\u00e9": False,
    f"t={NOW},v1=\u00e9": False,
}


def verified(header: str, body: bytes = BODY) -> bool:
    """By Stripe's client, without its own clock."""
    try:
        stripe.WebhookSignature.verify_header(  # type: ignore[no-untyped-call]
            body, header, SECRET, None
        )
    except (stripe.SignatureVerificationError, TypeError):
        return False
    return True


@pytest.mark.parametrize(("header", "good"), VECTORS.items())
def test_what_stripe_accepts_we_accept(header: str, good: bool) -> None:
    assert is_signed(header, BODY, [SECRET], NOW, 300) is good
    assert verified(header) is good


def test_no_header_is_no_signature() -> None:
    assert not is_signed(None, BODY, [SECRET], NOW, 300)
    assert not is_signed(f"t={NOW},v1={GOOD}", BODY, [], NOW, 300)


@pytest.mark.parametrize(
    ("seconds", "good"), [(0, True), (300, True), (301, False), (-300, True),
                          (-301, False), (86_400, False), (-86_400, False)]
)
def test_old_and_future_are_refused(seconds: int, good: bool) -> None:
    header = f"t={NOW},v1={GOOD}"
    assert is_signed(header, BODY, [SECRET], NOW + seconds, 300) is good


def test_the_clock_of_the_tests_is_theirs() -> None:
    now = FakeClock().wall_ns() // 10**9
    assert is_signed(signed(BODY, now, SECRET), BODY, [SECRET], now, 300)


@pytest.mark.parametrize("secrets", [[SECRET], [OTHER, SECRET], [SECRET, OTHER]])
def test_any_live_secret_will_do(secrets: list[str]) -> None:
    assert is_signed(f"t={NOW},v1={GOOD}", BODY, secrets, NOW, 300)


@pytest.mark.parametrize(
    "body",
    [
        BODY.replace(b'"cs_1"', b'"cs_2"'),
        BODY.replace(b": ", b":"),
        BODY + b"\n",
        BODY.decode().encode("utf-16"),
        BODY.replace("充值".encode(), b"\\u5145\\u503c"),
        b"\xff" + BODY,
        b"",
    ],
)
def test_a_body_that_was_written_anew_is_another(body: bytes) -> None:
    header = f"t={NOW},v1={GOOD}"
    assert body != BODY
    assert not is_signed(header, body, [SECRET], NOW, 300)
    if not body.startswith(b"\xff"):
        assert not verified(header, body)


def test_a_header_has_a_size() -> None:
    pad = "x" * (HEADER_CHARS_MAX - len(f"t={NOW},v1={GOOD},"))
    header = f"t={NOW},v1={GOOD},{pad}"
    assert is_signed(header, BODY, [SECRET], NOW, 300)
    assert not is_signed(header + "x", BODY, [SECRET], NOW, 300)


def test_a_header_has_so_many_signatures() -> None:
    header = f"t={NOW}" + f",v1={BAD}" * (SIGNATURES_MAX - 1) + f",v1={GOOD}"
    assert is_signed(header, BODY, [SECRET], NOW, 300)
    assert parse_signature(header + f",v1={GOOD}") is None


def test_a_time_stands_once() -> None:
    assert parse_signature(f"t={NOW},t={NOW},v1={GOOD}") is None
