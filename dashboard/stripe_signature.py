"""Stripe's signature: whether a callback is Stripe's, and of now.

The header `Stripe-Signature` has a time and one or more signatures over that time and
the body, byte for byte: `t=1700000000,v1=…,v1=…`. There are several while a secret is
being replaced, and any of our secrets may fit any of them. A callback that is older
than the tolerance is a replay; one from the future is nobody's, whatever its clock.
"""

import hashlib
import hmac
import re
from collections.abc import Sequence

HEADER_CHARS_MAX = 4096
SIGNATURES_MAX = 16
_TIME = re.compile(r"[0-9]{1,12}", re.ASCII)


def is_signed(
    header: str | None,
    body: bytes,
    secrets: Sequence[str],
    now_s: int,
    tolerance_s: int,
) -> bool:
    """Whether one of the secrets signed this body within the tolerance."""
    parsed = parse_signature(header)
    if parsed is None:
        return False
    at_s, signatures = parsed
    if abs(now_s - at_s) > tolerance_s:
        return False
    # All pairs are compared, so that time does not tell which one fitted.
    fits = [
        hmac.compare_digest(sign(at_s, body, secret).encode(), one.encode())
        for secret in secrets
        for one in signatures
    ]
    return any(fits)


def sign(at_s: int, body: bytes, secret: str) -> str:
    signed = b"%d." % at_s + body
    return hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def parse_signature(header: str | None) -> tuple[int, list[str]] | None:
    """The time and the signatures of the scheme that we know; None if it is none."""
    if header is None or len(header) > HEADER_CHARS_MAX:
        return None
    pairs = [item.partition("=") for item in header.split(",")]
    times = [value for name, _, value in pairs if name.strip() == "t"]
    signatures = [value for name, _, value in pairs if name.strip() == "v1"]
    if len(times) != 1 or not _TIME.fullmatch(times[0]):
        return None
    if not 0 < len(signatures) <= SIGNATURES_MAX:
        return None
    return int(times[0]), signatures
