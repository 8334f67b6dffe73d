"""The hash chain: each transfer carries the digest of itself and of all before it.

A hash is sha256 over the previous hash and the row in its canonical form: the row's
columns, in the order below, as compact JSON in UTF-8. JSON because a reader in any
language can write it again, and because it has one spelling for integers, text and
null, which is all a transfer is made of. The first row follows thirty-two zero bytes.

Who changes a row by hand must compute every later hash again, and whoever noted one of
them sees it.

A transfer that charges a request says in `request_hash` what the request was: the
digest of its closed hold and its usage row, in the same form. The digest is the
sixteenth value of such a row, as hexadecimal text, so the chain vouches for what was
used, when and how it ended, and can still be followed without those rows. Transfers
from before there were such digests, and those that charge nothing, have fifteen.
"""

from collections.abc import Sequence
from hashlib import sha256

import orjson

FIRST = bytes(32)
COLUMNS = (
    "seq",
    "id",
    "code",
    "debit_id",
    "credit_id",
    "amount_nano",
    "buy_nano",
    "account_id",
    "balance_nano",
    "hold_id",
    "reverses",
    "ref",
    "reason",
    "author",
    "at_ns",
)
HOLD_COLUMNS = (
    "id",
    "account_id",
    "key_id",
    "amount_nano",
    "extended_nano",
    "price_id",
    "model",
    "tokens",
    "window_ns",
    "state",
    "reason",
    "boot_id",
    "opened_ns",
    "closed_ns",
)
USAGE_COLUMNS = (
    "request_id",
    "account_id",
    "key_id",
    "price_id",
    "model",
    "provider",
    "upstream_model",
    "evidence",
    "input",
    "cache_read",
    "cache_write",
    "output",
    "other",
    "cost_pico",
    "cost_nano",
    "paid_nano",
    "shortfall_nano",
    "outcome",
    "status",
    "attempts",
    "first_byte_ms",
    "total_ms",
    "tokens",
    "stream",
    "at_ns",
    "buy_pico",
    "buy_nano",
    "upstream_id",
    "finish",
    "trail",
)
"""What a request's digest is made of: its hold, then its usage."""

Value = int | str | None


def link(
    previous: bytes, row: Sequence[Value], request_hash: bytes | None = None
) -> bytes:
    """The hash of a row that follows the one with the hash `previous`."""
    if request_hash is not None:
        row = (*row, request_hash.hex())
    return sha256(previous + orjson.dumps(row)).digest()


def digest(request: Sequence[Value]) -> bytes:
    """What `request_hash` is for a hold and its usage."""
    return sha256(orjson.dumps(request)).digest()


class Chain:
    """A chain that grows row by row."""

    def __init__(self, head: bytes = FIRST) -> None:
        self.head = head

    def link(self, row: Sequence[Value], request_hash: bytes | None = None) -> bytes:
        self.head = link(self.head, row, request_hash)
        return self.head
