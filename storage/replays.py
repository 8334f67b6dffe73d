"""Replays: a caller's Idempotency-Key does its work once.

A key is a name that a caller gives to one request, so that the same request may be sent
again without being run again. It belongs to the account and is compared with what was
asked (the fingerprint); a name is kept for a day.

Three ideas without which the code looks odd:

1. A row only says which request a name belongs to. Whether that request still runs, was
   charged or came to nothing is the hold's business and is read from there, so the two
   can never disagree: a voided hold (a refusal, a crash) frees the name by itself.
2. All names of an account stand in one line: its row is written, unchanged, before a
   name is looked up. Where several processes write at once that is the lock, and the
   look that follows sees what the one before committed.
3. An answer is kept in the transaction that charges for it. So there is no moment in
   which a caller has paid and the answer is neither here nor on its way.

What is kept is content of users. It is deleted when its day is over: a few old rows
with each new one, the rest by whoever calls `purge` from time to time.
"""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass

from storage import statements as sql
from storage.database import Ledgerbase, Row
from storage.errors import IllegalMove

NAME_CHARS_MAX = 255
BODY_BYTES_MAX = 256 * 1024
# A client that still tries after a day has long been told what became of its request.
KEPT_NS = 24 * 3600 * 10**9
PURGED_WITH_EACH = 4
PURGED_AT_ONCE_MAX = 100

_NAME = re.compile(rf"[\x20-\x7e]{{1,{NAME_CHARS_MAX}}}", re.ASCII)


@dataclass(frozen=True, slots=True)
class ReplayKey:
    """The name a caller gave a request, and what tells that request from others."""

    name: str
    fingerprint: bytes


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    status: int
    media: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Replayed:
    """The request was answered before, like this; what it cost then is all it costs."""

    request_id: str
    answer: KeptAnswer
    paid_nano: int
    provider: str
    upstream_model: str
    attempts: int


@dataclass(frozen=True, slots=True)
class InFlight:
    """The request is running at this moment."""

    request_id: str


@dataclass(frozen=True, slots=True)
class NotKept:
    """The request was charged, and its answer is gone: a stream, or a large one."""

    request_id: str
    streamed: bool


@dataclass(frozen=True, slots=True)
class KeyReused:
    """The name belongs to a request that asked for something else."""

    request_id: str


Earlier = Replayed | InFlight | NotKept | KeyReused


def is_name(text: str) -> bool:
    """Whether a caller may call a request that."""
    return _NAME.fullmatch(text) is not None


def fingerprint(method: str, path: str, body: bytes) -> bytes:
    """Of a request; the path is the canonical one, without its query."""
    hashed = hashlib.sha256(f"{method} {path}\n".encode("utf-8", "surrogateescape"))
    hashed.update(body)
    return hashed.digest()


def find(db: Ledgerbase, account_id: int, key: ReplayKey) -> Earlier | None:
    """The request that has this name already; None if the name is free."""
    db.sql(sql.LOCK_ACCOUNT, (account_id,))
    if not db.sql(sql.HAS_REPLAY, (account_id, key.name)):
        return None
    found = db.sql(sql.FIND_REPLAY, (account_id, key.name))
    # Another process may have purged an old row between the two looks.
    return _standing(found[0], key.fingerprint, db.now_ns) if found else None


def take(db: Ledgerbase, account_id: int, key: ReplayKey, request_id: str) -> None:
    """Give a free name to a request, in the transaction that found it free."""
    db.sql(
        sql.TAKE_REPLAY, (account_id, key.name, key.fingerprint, request_id, db.now_ns)
    )
    _forget(db, PURGED_WITH_EACH)


def keep(db: Ledgerbase, request_id: str, answer: KeptAnswer) -> None:
    """Keep an answer for a day, unless it is too large or the name is taken anew."""
    if len(answer.body) > BODY_BYTES_MAX:
        return
    db.sql(
        sql.KEEP_ANSWER, (request_id, answer.status, answer.media, answer.body)
    )


def purge(db: Ledgerbase) -> int:
    """Delete what is older than a day; how much. Call again until it is nothing."""
    return _forget(db, PURGED_AT_ONCE_MAX)


def once[R](
    db: Ledgerbase,
    account_id: int,
    key: ReplayKey,
    request_id: str,
    act: Callable[[Ledgerbase], R],
    write: Callable[[R], KeptAnswer | None],
) -> R | Replayed | KeyReused:
    """Do something that ends in this transaction, and do it once.

    `write` makes the answer that is kept; None says that nothing was done, which
    leaves the name free.
    """
    earlier = find(db, account_id, key)
    if isinstance(earlier, InFlight | NotKept):
        raise IllegalMove(f"{earlier.request_id} has no answer, but it ended at once")
    if earlier is not None:
        return earlier
    done = act(db)
    answer = write(done)
    if answer is not None:
        take(db, account_id, key, request_id)
        keep(db, request_id, answer)
    return done


def _forget(db: Ledgerbase, most: int) -> int:
    """Delete the oldest of what is older than a day; how many went."""
    before_ns = db.now_ns - KEPT_NS
    if not db.sql(sql.HAS_OLD_REPLAY, (before_ns,)):
        return 0
    return len(db.sql(sql.PURGE_REPLAYS, (before_ns, most)))


def _standing(row: Row, asked: bytes, now_ns: int) -> Earlier | None:
    """What a row means for a request that comes with its name.

    A hold stays open for as long as its process lives, or its job, whatever the clock
    says. A job that was answered when it was opened has its answer from then on. What
    was voided and charged all the same (late) did happen.
    """
    first, request_id, opened_ns, hold, late, streamed, *kept = row
    if hold != "open":
        voided = hold == "voided" and not late
        if voided or now_ns - opened_ns >= KEPT_NS:
            return None
    if first != asked:
        return KeyReused(request_id)
    status, media, body, *paid = kept
    if body is None and hold == "open":
        return InFlight(request_id)
    if body is None:
        return NotKept(request_id, bool(streamed))
    return Replayed(request_id, KeptAnswer(status, media, body), *paid)
