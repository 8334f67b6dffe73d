"""Keys: how a caller proves who it is, and the verbs that change them.

The plain text exists in the caller's hands only. Stored are a keyed hash to find it by,
a mask to recognise it by, and the sealed text, because the owner of the default key may
see it again after giving the password.
"""

import base64
import os
import re
from collections.abc import Callable
from dataclasses import astuple, dataclass

from storage import statements as sql
from storage.database import Ledgerbase, Row
from storage.errors import IllegalMove
from storage.secrets import Secrets

PREFIX = "tk_"
LENGTH_MAX = 128
LABEL_LENGTH_MAX = 64
KEYS_MAX = 100
"""Keys of one account that are not revoked."""
_ENTROPY_BYTES = 24
_UNSEALED = b""
_SHAPE = re.compile(r"tk_[A-Za-z0-9_-]{32,125}", re.ASCII)


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key at birth: the only record that carries the plain text."""

    plain: str
    hash: bytes
    mask: str
    sealed: bytes

    def __repr__(self) -> str:
        return f"NewKey({self.mask})"


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """A key and the state of its account; a limit of None is the gateway's default."""

    id: int
    account_id: int
    user_id: str
    mask: str
    label: str
    status: str
    account_status: str
    rpm: int | None
    tpm: int | None
    concurrency: int | None
    created_ns: int
    is_default: bool


@dataclass(frozen=True, slots=True)
class Terms:
    """What a key may do that differs from the others: its own limits (0 is none, None
    the gateway's default) and caps (None is none)."""

    rpm: int | None = None
    tpm: int | None = None
    concurrency: int | None = None
    total_nano: int | None = None
    day_nano: int | None = None
    month_nano: int | None = None


DEFAULT_TERMS = Terms()


@dataclass(frozen=True, slots=True)
class TooManyKeys:
    """The account has as many as it may; one must be revoked first."""

    keys_max: int = KEYS_MAX


KEEP = -1
"""Instead of an amount: the cap stays as it is."""


@dataclass(frozen=True, slots=True)
class Caps:
    """What a key may spend at most, in all, each day and each month (UTC); None is
    no cap."""

    total_nano: int | None = KEEP
    day_nano: int | None = KEEP
    month_nano: int | None = KEEP


@dataclass(frozen=True, slots=True)
class Budget:
    """A key's caps, and what it spent in all."""

    total_nano: int | None
    day_nano: int | None
    month_nano: int | None
    spent_nano: int
    pending_nano: int


def mint(secrets: Secrets, entropy: Callable[[int], bytes] = os.urandom) -> NewKey:
    chance = base64.urlsafe_b64encode(entropy(_ENTROPY_BYTES)).decode("ascii")
    return adopt(secrets, PREFIX + chance)


def adopt(secrets: Secrets, plain: str) -> NewKey:
    """A key whose text is given, such as the one of the demo."""
    if not well_formed(plain):
        raise ValueError("a key is tk_ and 32 to 125 letters, digits, - or _")
    mask = f"{plain[:5]}…{plain[-4:]}"
    return NewKey(plain, secrets.key_hash(plain), mask, secrets.seal(plain))


def well_formed(plain: str) -> bool:
    """Whether this could be a key of ours; what is not needs no look in the file."""
    return _SHAPE.fullmatch(plain) is not None


def add_key(
    db: Ledgerbase,
    account_id: int,
    key: NewKey,
    label: str,
    is_default: bool,
    terms: Terms = DEFAULT_TERMS,
) -> int:
    """Part of other verbs; the key's id."""
    ((key_id,),) = db.sql(
        sql.INSERT_KEY,
        (
            account_id,
            key.hash,
            key.mask,
            key.sealed,
            label,
            int(is_default),
            db.now_ns,
            *astuple(terms),
        ),
    )
    db.keys_changed()
    return int(key_id)


def create_key(
    db: Ledgerbase, account_id: int, key: NewKey, label: str, terms: Terms
) -> KeyRecord | TooManyKeys:
    """One more key, with limits and caps of its own."""
    if len(label) > LABEL_LENGTH_MAX or not label.isprintable():
        raise IllegalMove(
            f"a label is printable and at most {LABEL_LENGTH_MAX} characters long"
        )
    again = db.sql(sql.FIND_KEY_BY_HASH, (key.hash,))
    if again:
        return _same_account(again[0], account_id)
    ((keys,),) = db.sql(sql.COUNT_KEYS, (account_id,))
    if keys >= KEYS_MAX:
        return TooManyKeys()
    key_id = add_key(db, account_id, key, label, False, terms)
    return key_record(db.sql(sql.FIND_KEY, (key_id,))[0])


def regenerate_key(db: Ledgerbase, account_id: int, key: NewKey) -> KeyRecord:
    """A new default key; the old one stops at once."""
    again = db.sql(sql.FIND_KEY_BY_HASH, (key.hash,))
    if again:
        return _same_account(again[0], account_id)
    db.sql(sql.REVOKE_DEFAULT_KEYS, (account_id, db.now_ns, _UNSEALED))
    key_id = add_key(db, account_id, key, "", True)
    return key_record(db.sql(sql.FIND_KEY, (key_id,))[0])


def revoke_key(db: Ledgerbase, key_id: int) -> bool:
    """Whether there was such a key and it was not revoked before."""
    revoked = db.sql(sql.REVOKE_KEY, (key_id, db.now_ns, _UNSEALED))
    if revoked:
        db.keys_changed()
    return bool(revoked)


def set_caps(db: Ledgerbase, key_id: int, caps: Caps) -> Budget | None:
    """What a key may spend from now on; None if there is no such key."""
    changed = db.sql(
        sql.SET_CAPS, (key_id, caps.total_nano, caps.day_nano, caps.month_nano)
    )
    return Budget(*changed[0]) if changed else None


def key_record(row: Row) -> KeyRecord:
    return KeyRecord(*(*row[:11], bool(row[11])))


def _same_account(row: Row, account_id: int) -> KeyRecord:
    record = key_record(row)
    if record.account_id != account_id:
        raise IllegalMove("this key belongs to another account")
    return record
