"""Keys: how a caller proves who it is, and the verbs that change them.

The plain text exists in the caller's hands only. Stored are a keyed hash to find it by,
a mask to recognise it by, and the sealed text, because the owner of the default key may
see it again after giving the password.
"""

import base64
import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Any

from storage import statements as sql
from storage.database import Ledgerbase, Row
from storage.errors import IllegalMove
from storage.secrets import Secrets

PREFIX = "tk_"
LENGTH_MAX = 128
LABEL_LENGTH_MAX = 64
KEYS_MAX = 100
"""Keys of one account that are not revoked."""
MODELS_MAX = 100
NETWORKS_MAX = 32
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


type Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """A key and the state of its account; a limit of None is the gateway's default.
    Where `models` or `networks` is None it is for all of them."""

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
    expires_ns: int | None = None
    models: frozenset[str] | None = None
    networks: tuple[Network, ...] | None = None
    revoked_ns: int | None = None

    def expired(self, now_ns: int) -> bool:
        return self.expires_ns is not None and now_ns >= self.expires_ns

    def allows_model(self, model: str) -> bool:
        return self.models is None or model in self.models

    def allows_address(self, address: str) -> bool:
        """Whether the key may be used from there; an address that is none may not."""
        if self.networks is None:
            return True
        found = plain_address(address)
        return found is not None and any(found in one for one in self.networks)


@dataclass(frozen=True, slots=True)
class Terms:
    """What a key may do that differs from the others: its own limits (0 is none, None
    the gateway's default), caps (None is none), end, models and networks (None is
    no end, all and everywhere)."""

    rpm: int | None = None
    tpm: int | None = None
    concurrency: int | None = None
    total_nano: int | None = None
    day_nano: int | None = None
    month_nano: int | None = None
    expires_ns: int | None = None
    models: Sequence[str] | None = None
    networks: Sequence[Network] | None = None


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
            *terms_row(terms),
        ),
    )
    db.keys_changed()
    return int(key_id)


def create_key(
    db: Ledgerbase, account_id: int, key: NewKey, label: str, terms: Terms
) -> KeyRecord | TooManyKeys:
    """One more key, with limits and caps of its own."""
    check_label(label)
    again = db.sql(sql.FIND_KEY_BY_HASH, (key.hash,))
    if again:
        return _same_account(again[0], account_id)
    ((keys,),) = db.sql(sql.COUNT_KEYS, (account_id,))
    if keys >= KEYS_MAX:
        return TooManyKeys()
    key_id = add_key(db, account_id, key, label, False, terms)
    return key_record(db.sql(sql.FIND_KEY, (key_id,))[0])


def change_key(
    db: Ledgerbase, account_id: int, key_id: int, changes: Mapping[str, object]
) -> KeyRecord | None:
    """Change some of the columns named by CHANGEABLE of an account's own key; None if
    there is no such key, or it is revoked."""
    row = {CHANGEABLE[name]: _column(name, value) for name, value in changes.items()}
    if "label" in changes:
        check_label(str(changes["label"]))
    names = ", ".join(f"{name} = ?{n}" for n, name in enumerate(row, 3))
    if names:
        changed = db.sql(
            f"""UPDATE "key" SET {names}
            WHERE id = ?1 AND account_id = ?2 AND status <> 'revoked' RETURNING id""",
            (key_id, account_id, *row.values()),
        )
        if not changed:
            return None
        db.keys_changed()
    return own_key(db, account_id, key_id)


def own_key(db: Ledgerbase, account_id: int, key_id: int) -> KeyRecord | None:
    """A key of an account that is not revoked."""
    for row in db.sql(sql.FIND_OWN_KEY, (key_id, account_id)):
        record = key_record(row)
        return None if record.status == "revoked" else record
    return None


def revoke_own_key(db: Ledgerbase, account_id: int, key_id: int) -> bool:
    """Whether the account had such a key, it was not the default one, and not revoked
    before."""
    revoked = db.sql(sql.REVOKE_OWN_KEY, (key_id, account_id, db.now_ns, _UNSEALED))
    if revoked:
        db.keys_changed()
    return bool(revoked)


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


def check_label(label: str) -> None:
    if len(label) > LABEL_LENGTH_MAX or not label.isprintable():
        raise IllegalMove(
            f"a label is printable and at most {LABEL_LENGTH_MAX} characters long"
        )


def key_record(row: Row) -> KeyRecord:
    is_default, expires_ns, models, cidrs, revoked_ns = row[11:]
    limits = (
        bool(is_default),
        expires_ns,
        None if models is None else frozenset(json.loads(models)),
        None if cidrs is None else networks_of(json.loads(cidrs)),
        revoked_ns,
    )
    return KeyRecord(*(*row[:11], *limits))


def terms_row(terms: Terms) -> tuple[int | str | None, ...]:
    """The columns that terms are, in their order."""
    return (
        terms.rpm,
        terms.tpm,
        terms.concurrency,
        terms.total_nano,
        terms.day_nano,
        terms.month_nano,
        terms.expires_ns,
        _listed(terms.models),
        _listed(terms.networks),
    )


def networks_of(texts: Sequence[str]) -> tuple[Network, ...]:
    """Networks such as 10.0.0.0/8, or single addresses; ValueError if one is none."""
    return tuple(ip_network(text, strict=False) for text in texts)


def plain_address(text: str) -> IPv4Address | IPv6Address | None:
    """An address without its zone, IPv4 where it was only written as IPv6."""
    try:
        found = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        return found.ipv4_mapped
    return found


CHANGEABLE: Mapping[str, str] = {
    "label": "label",
    "rpm": "rpm",
    "tpm": "tpm",
    "concurrency": "concurrency",
    "total_nano": "limit_nano",
    "day_nano": "limit_day_nano",
    "month_nano": "limit_month_nano",
    "expires_ns": "expires_ns",
    "models": "models",
    "networks": "cidrs",
}
"""What of a key may be changed, by the names of Terms, and the columns it is in."""


def _column(name: str, value: Any) -> int | str | None:
    return _listed(value) if name in ("models", "networks") else value


def _listed(values: Sequence[object] | None) -> str | None:
    return None if values is None else json.dumps(sorted(map(str, values)))


def _same_account(row: Row, account_id: int) -> KeyRecord:
    record = key_record(row)
    if record.account_id != account_id:
        raise IllegalMove("this key belongs to another account")
    return record
