"""The hash chain: each transfer carries the digest of itself and of all before it.

A hash is sha256 over the previous hash and the row in its canonical form: the row's
columns, in the order below, as compact JSON in UTF-8. JSON because a reader in any
language can write it again, and because it has one spelling for integers, text and
null, which is all a transfer is made of. The first row follows thirty-two zero bytes.

Who changes a row by hand must compute every later hash again, and whoever noted one of
them sees it.
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

Value = int | str | None


def link(previous: bytes, row: Sequence[Value]) -> bytes:
    """The hash of a row that follows the one with the hash `previous`."""
    return sha256(previous + orjson.dumps(row)).digest()


class Chain:
    """A chain that grows row by row."""

    def __init__(self, head: bytes = FIRST) -> None:
        self.head = head

    def link(self, row: Sequence[Value]) -> bytes:
        self.head = link(self.head, row)
        return self.head
