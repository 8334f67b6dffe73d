"""Forwarded: who is believed, and how far."""

import pytest
from mitmproxy.http import Headers

from addons.forwarded import HOPS_MAX, sender_of
from storage.keys import networks_of

TRUSTED = networks_of(["127.0.0.0/8", "10.0.0.0/8", "2001:db8::/32"])
FOR, PROTO = b"x-forwarded-for", b"x-forwarded-proto"


def address(peer: str, *fields: str, trusted=TRUSTED) -> str:
    headers = Headers([(FOR, field.encode()) for field in fields])
    return sender_of(peer, False, headers, trusted).address


@pytest.mark.parametrize(
    ("peer", "fields", "found"),
    [
        ("127.0.0.1", ["192.0.2.1"], "192.0.2.1"),
        ("127.0.0.1", [], "127.0.0.1"),
        ("127.0.0.1", [""], "127.0.0.1"),
        ("127.0.0.1", ["192.0.2.1, 10.0.0.9"], "192.0.2.1"),
        ("127.0.0.1", ["192.0.2.1", "10.0.0.9"], "192.0.2.1"),
        ("127.0.0.1", ["6.6.6.6, 192.0.2.1"], "192.0.2.1"),
        ("127.0.0.1", ["6.6.6.6", "192.0.2.1,10.0.0.9"], "192.0.2.1"),
        ("127.0.0.1", ["10.0.0.8, 10.0.0.9"], "10.0.0.8"),
        ("127.0.0.1", ["6.6.6.6, unknown"], "127.0.0.1"),
        ("127.0.0.1", ["6.6.6.6, <script>, 10.0.0.9"], "10.0.0.9"),
        ("::ffff:127.0.0.1", ["192.0.2.1"], "192.0.2.1"),
        ("2001:db8::7", ["2001:db9::1"], "2001:db9::1"),
        ("192.0.2.99", ["6.6.6.6"], "192.0.2.99"),
    ],
)
def test_the_client_is_the_last_who_is_no_proxy(peer, fields, found) -> None:
    assert address(peer, *fields) == found


def test_nobody_is_believed_where_nobody_is_trusted() -> None:
    assert address("127.0.0.1", "6.6.6.6", trusted=()) == "127.0.0.1"


def test_a_long_way_is_followed_so_far_only() -> None:
    hops = ", ".join(["6.6.6.6", *["10.0.0.1"] * HOPS_MAX])
    assert address("127.0.0.1", hops) == "10.0.0.1"
    assert address("127.0.0.1", "6.6.6.6," * 100_000 + "192.0.2.1") == "192.0.2.1"


@pytest.mark.parametrize(
    ("peer", "tls", "fields", "secure"),
    [
        ("127.0.0.1", False, [b"https"], True),
        ("127.0.0.1", False, [b"HTTPS "], True),
        ("127.0.0.1", False, [b"https, http"], False),
        ("127.0.0.1", True, [b"http"], False),
        ("127.0.0.1", True, [b"gopher"], True),
        ("127.0.0.1", False, [], False),
        ("192.0.2.1", False, [b"https"], False),
        ("192.0.2.1", True, [b"http"], True),
    ],
)
def test_the_scheme_is_what_the_nearest_proxy_says(peer, tls, fields, secure) -> None:
    headers = Headers([(PROTO, field) for field in fields])
    assert sender_of(peer, tls, headers, TRUSTED).secure is secure
