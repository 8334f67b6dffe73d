"""Vouchers: money as a code on paper.

An operator makes codes in batches and hands them out; whoever types one in first gets
its amount. A code has a hundred bits of chance, so a plain hash of it is all that needs
storing. People mistype: case, spaces and dashes do not matter, and the letters that
look like digits are read as those.
"""

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from storage import statements as sql
from storage.database import Ledgerbase
from storage.errors import IllegalMove
from storage.ledger import Created, topup

PROVIDER = "voucher"
BATCH_MAX = 10_000
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LENGTH = 20
_GROUP = 5
_LOOKALIKES = str.maketrans({"O": "0", "I": "1", "L": "1", "U": "V"})
_LENIENT_LENGTH_MAX = 100


@dataclass(frozen=True, slots=True)
class Redeemed:
    amount_nano: int
    transfer_id: str
    available_nano: int


@dataclass(frozen=True, slots=True)
class VoucherUnknown:
    """No such code."""


@dataclass(frozen=True, slots=True)
class VoucherSpent:
    """Used before; `own` if it was by the same account."""

    own: bool


def new_code(entropy: Callable[[int], bytes] = os.urandom) -> str:
    """A code such as `7H2KM-…`, in groups that can be read aloud."""
    letters = "".join(_ALPHABET[byte & 31] for byte in entropy(_LENGTH))
    groups = [letters[i : i + _GROUP] for i in range(0, _LENGTH, _GROUP)]
    return "-".join(groups)


def code_hash(code: str) -> bytes:
    """The same for all spellings of one code."""
    spelling = code[:_LENIENT_LENGTH_MAX].upper().translate(_LOOKALIKES)
    letters = "".join(letter for letter in spelling if letter in _ALPHABET)
    return hashlib.sha256(b"voucher:" + letters.encode("ascii")).digest()


def create_vouchers(
    db: Ledgerbase, codes: Sequence[str], amount_nano: int, batch: str
) -> int:
    """All of them or none; how many."""
    if not 0 < len(codes) <= BATCH_MAX:
        raise IllegalMove(f"a batch has 1 to {BATCH_MAX} vouchers, not {len(codes)}")
    for code in codes:
        db.sql(sql.INSERT_VOUCHER, (code_hash(code), amount_nano, batch, db.now_ns))
    return len(codes)


def redeem(
    db: Ledgerbase, account_id: int, code: str
) -> Redeemed | VoucherUnknown | VoucherSpent:
    hashed = code_hash(code)
    found = db.sql(sql.FIND_VOUCHER, (hashed,))
    if not found:
        return VoucherUnknown()
    amount_nano, spent_by = found[0]
    if spent_by is not None:
        return VoucherSpent(own=spent_by == account_id)
    # The transfer's id names the code's hash: should the row below ever be lost or
    # reset, the money still cannot be paid twice.
    created = topup(db, account_id, amount_nano, PROVIDER, hashed.hex())
    if not isinstance(created, Created):
        return VoucherSpent(own=True)
    db.sql(
        sql.SPEND_VOUCHER, (hashed, account_id, db.now_ns, created.transfer_id)
    )
    return Redeemed(amount_nano, created.transfer_id, created.available_nano)
