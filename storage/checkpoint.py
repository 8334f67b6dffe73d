"""Checkpoints: how far the ledger was proved, so that the next audit may go on there.

A checkpoint is the newest transfer of a proved ledger (its seq, date and hash, which
stands for all before it) and the house's counters at that moment. It is a small file
beside the ledger, written whole or not at all; and the ledger must still have that
transfer with that hash.

Its content is signed with a key derived from the data directory's secret. Who can write
the database, or even this file, but has not the secret cannot make a checkpoint that
says what was never proved; he can only take it away, and then all is proved again.
"""

import hmac
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import orjson

from storage.chain import FIRST
from storage.engine import Snapshot
from storage.errors import DatabaseDamaged
from storage.ownership import give
from storage.secrets import Secrets
from storage.statements import HOUSE, LAST_TRANSFER

FILE = "checkpoint.json"

Sums = Mapping[int, tuple[int, int]]
"""Debits and credits by house account."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    seq: int
    at_ns: int
    hash: bytes
    house: Sums


BEGINNING = Checkpoint(0, 0, FIRST, MappingProxyType({}))


def newest(snapshot: Snapshot) -> Checkpoint:
    """The checkpoint that a proof in this snapshot is worth."""
    found = list(snapshot.rows(LAST_TRANSFER))
    if not found:
        return BEGINNING
    house = {row[0]: (row[1], row[2]) for row in snapshot.rows(HOUSE)}
    seq, at_ns, head = found[0]
    return Checkpoint(seq, at_ns, head, MappingProxyType(house))


def write(data: Path, secrets: Secrets, checkpoint: Checkpoint) -> None:
    content = _content(checkpoint)
    text = orjson.dumps({"proved": content, "seal": _seal(secrets, content)})
    partial = data / f".{FILE}.{os.getpid()}"
    partial.write_bytes(text)
    give(partial)
    os.replace(partial, data / FILE)


def forget(data: Path) -> None:
    """After a proof that failed: nothing goes on from there, the next proves all."""
    (data / FILE).unlink(missing_ok=True)


def read(data: Path, secrets: Secrets) -> Checkpoint:
    """The last one written; the beginning if there is none. Raises DatabaseDamaged
    for one that was not written with this secret."""
    try:
        found = orjson.loads((data / FILE).read_bytes())
        content = found["proved"]
        if not hmac.compare_digest(found["seal"], _seal(secrets, content)):
            raise ValueError("its seal is not that of its content")
        house = {row[0]: (row[1], row[2]) for row in content["house"]}
        return Checkpoint(
            content["seq"],
            content["at_ns"],
            bytes.fromhex(content["hash"]),
            MappingProxyType(house),
        )
    except FileNotFoundError:
        return BEGINNING
    except (ValueError, KeyError, TypeError) as error:
        raise DatabaseDamaged(
            f"{data / FILE} is damaged: {error}; verify the whole ledger"
        ) from error


def _content(checkpoint: Checkpoint) -> dict[str, object]:
    return {
        "seq": checkpoint.seq,
        "at_ns": checkpoint.at_ns,
        "hash": checkpoint.hash.hex(),
        "house": [[one, *sums] for one, sums in sorted(checkpoint.house.items())],
    }


def _seal(secrets: Secrets, content: object) -> str:
    key = secrets.signing("checkpoint").encode()
    text = orjson.dumps(content, option=orjson.OPT_SORT_KEYS)
    return hmac.digest(key, text, "sha256").hex()
