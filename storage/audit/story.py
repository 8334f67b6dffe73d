"""The story: all transfers in their order, each with the request it charges.

One pass reads every transfer once, and the checks below are fed with its rows. A check
is an object that remembers what it needs from row to row (the last hash, the balance
of each account), or a plain function where a row is judged by itself. Memory grows
with the accounts, not with the transfers.

Transfers never change and closed holds do not either, so the pass is cut in slices,
each with a snapshot of its own: a reader that stays for minutes would keep a busy
gateway's WAL from starting over. Only the last slice must see the counters as well.
"""

import os
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import lru_cache
from hashlib import blake2b

from storage.audit.findings import Finding, Findings
from storage.audit.rating import Rating
from storage.audit.rows import (
    ACCOUNT,
    AMOUNT,
    AT,
    BALANCE,
    BEFORE,
    BUY,
    CHARGED_STATE,
    CODE,
    CONTENT,
    COPIES,
    COST_NANO,
    CREDIT,
    DEBIT,
    HASH,
    HOLD,
    HOLD_ACCOUNT,
    HOLD_ID,
    ID,
    KEY,
    PAID,
    PREVIOUS,
    REF,
    REQUEST,
    REQUEST_HASH,
    ROWS,
    SEQ,
    SHORT,
    SHORTFALL,
    STATE,
    USAGE_ID,
    USED_AT,
    USED_BUY,
)
from storage.chain import digest, link
from storage.checkpoint import Checkpoint
from storage.engine import Row, Snapshot
from storage.ledger import CASH, COST, PAYABLE
from storage.statements import DAY_NS

TICK_ROWS = 10_000

_ACCOUNTS = "SELECT id, kind, debits_posted, credits_posted FROM account"
_NAMED = "SELECT seq, id FROM transfer WHERE debit_id = ?1 OR credit_id = ?1"
_SPENT = "SELECT key_id, day, spent_nano FROM spending"
_SPENDING = f"""
    WITH used AS (
        SELECT key_id, at_ns / {DAY_NS} AS day, sum(paid_nano) AS total
        FROM usage GROUP BY 1, 2
    ), days AS (
        SELECT key_id, day, total FROM used WHERE total > 0
        UNION ALL SELECT key_id, day, -spent_nano FROM spending
    )
    SELECT key_id, day, sum(total) FROM days GROUP BY 1, 2 HAVING sum(total) <> 0
"""


class Story:
    """Reads transfers after a checkpoint, slice by slice."""

    def __init__(
        self, since: Checkpoint, findings: Findings, slice_rows: int
    ) -> None:
        self.since = since
        self.slice_rows = slice_rows
        self.reached = since.seq
        self._reading = False
        self._findings = findings
        self._rating = Rating()
        self._sums = Sums(since)
        self._spending = Spending(whole=since.seq == 0)
        self._feeds: list[Callable[[Row], Finding | None]] = [
            self._sums.feed,
            self._spending.feed,
            Links(since).feed,
            Balances().feed,
            charge_is_of_a_hold,
            charge_is_what_was_used,
            shortfall_is_booked,
            request_is_as_digested,
            self._rating.feed,
            margin_is_booked,
            topup_is_single,
        ]

    def read(self, snapshot: Snapshot, progress: Callable[[int], None]) -> bool:
        """One slice; whether that was the last."""
        self._rating.learn(snapshot)
        params = (self.reached, self.since.seq, self.slice_rows)
        number = 0
        self._reading = True
        for number, row in enumerate(snapshot.rows(ROWS, params), 1):
            for feed in self._feeds:
                finding = feed(row)
                if finding is not None:
                    self._findings.add(feed.__qualname__, finding)
            self.reached = row[SEQ]
            if number % TICK_ROWS == 0:
                progress(TICK_ROWS)
        self._reading = False
        progress(number % TICK_ROWS)
        return number < self.slice_rows

    @property
    def place(self) -> str:
        """Where it stands, for a row that cannot be read."""
        if self._reading:
            return f"transfer {self.reached + 1}, or the request that it charges"
        return "a row beside the transfers"

    def finish(self, snapshot: Snapshot) -> None:
        """What can only be said of all rows, in the snapshot of the last slice."""
        self._findings.extend("Sums", self._sums.finish(snapshot))
        self._findings.extend("Spending", self._spending.finish(snapshot))


class Sums:
    """I2: the counters of an account are the sums of its transfers.

    After a checkpoint the sums of the house go on from there; a user's are proved by
    the balances only, until the next proof of the whole.
    """

    def __init__(self, since: Checkpoint) -> None:
        self._whole = since.seq == 0
        self._debits: defaultdict[int, int] = defaultdict(int)
        self._credits: defaultdict[int, int] = defaultdict(int)
        for house_id, (debits, credits) in since.house.items():
            self._debits[house_id] = debits
            self._credits[house_id] = credits

    def feed(self, row: Row) -> None:
        amount, bought = row[AMOUNT], row[BUY]
        self._debits[row[DEBIT]] += amount
        self._credits[row[CREDIT]] += amount
        if bought:
            self._debits[COST] += bought
            self._credits[PAYABLE] += bought

    def finish(self, snapshot: Snapshot) -> Iterator[Finding]:
        for account_id, kind, debits, credits in snapshot.rows(_ACCOUNTS):
            debited = self._debits.pop(account_id, 0)
            credited = self._credits.pop(account_id, 0)
            if kind == "user" and not self._whole:
                continue
            if (debits, credits) != (debited, credited):
                text = (
                    f"debits {debits}, transfers say {debited}; "
                    f"credits {credits}, transfers say {credited}"
                )
                yield Finding("I2", f"account {account_id}", text)
        for account_id in sorted({*self._debits, *self._credits}):
            for seq, transfer_id in snapshot.rows(_NAMED, (account_id,)):
                yield _transfer(
                    "I2", seq, transfer_id, "an account it names does not exist"
                )


class Balances:
    """I2: each balance follows from the one before. It names the very transfer that
    was changed, where the sums name its account."""

    def __init__(self) -> None:
        self._last: dict[int, int] = {}

    def feed(self, row: Row) -> Finding | None:
        account_id, balance = row[ACCOUNT], row[BALANCE]
        if account_id is None:
            return None
        moved = row[AMOUNT] if row[CREDIT] == account_id else -row[AMOUNT]
        expected = self._last.get(account_id, row[BEFORE] or 0) + moved
        self._last[account_id] = balance
        if balance == expected:
            return None
        text = f"the balance after it is {balance}, its account's story says {expected}"
        return _transfer("I2", row[SEQ], row[ID], text)


class Links:
    """I6: seq has no gaps, dates rise, and each hash follows from the one before.
    After a broken link it goes on from there."""

    def __init__(self, since: Checkpoint) -> None:
        self._seq, self._at_ns, self._head = since.seq, since.at_ns, since.hash

    def feed(self, row: Row) -> Finding | None:
        text = ""
        if row[SEQ] != self._seq + 1:
            text = f"it follows transfer {self._seq}"
        elif row[AT] <= self._at_ns:
            text = "it is not later than the one before"
        elif row[PREVIOUS] != self._head:
            text = "it does not continue the chain"
        elif link(self._head, row[:CONTENT], row[REQUEST_HASH]) != row[HASH]:
            text = "its hash is not that of its content"
        self._seq, self._at_ns, self._head = row[SEQ], row[AT], row[HASH]
        return _transfer("I6", row[SEQ], row[ID], text) if text else None


class Spending:
    """I3: what a key spent on a day is what its requests paid.

    There may be as many keys and days as requests, so they are not kept: two sums in
    which each key and day has a weight drawn by chance are the same if all of them
    are, but for one chance in 2⁶⁴. Only if they differ it is worth asking which.
    """

    def __init__(self, *, whole: bool) -> None:
        self._whole = whole
        self._sum = 0
        chance = os.urandom(32)

        @lru_cache(maxsize=4096)
        def weight(key_id: int, day: int) -> int:
            text = f"{key_id}:{day}".encode()
            return int.from_bytes(blake2b(text, key=chance, digest_size=8).digest())

        self._weight = weight

    def feed(self, row: Row) -> None:
        if row[USAGE_ID] is not None and row[CODE] in CHARGED_STATE:
            self._sum += row[PAID] * self._weight(row[KEY], row[USED_AT] // DAY_NS)

    def finish(self, snapshot: Snapshot) -> Iterator[Finding]:
        if not self._whole:
            return
        counted = snapshot.rows(_SPENT)
        if self._sum == sum(n * self._weight(key, day) for key, day, n in counted):
            return
        for key_id, day, difference in snapshot.rows(_SPENDING):
            text = f"its usage on day {day} is {difference} more than it counts"
            yield Finding("I3", f"key {key_id}", text)


def charge_is_of_a_hold(row: Row) -> Finding | None:
    """I5: a transfer for a request is named after its hold, and that hold exists."""
    hold_id = row[HOLD]
    if hold_id is None:
        return None
    if row[HOLD_ID] is not None and row[ID] == f"{row[CODE]}:{hold_id}":
        return None
    text = f"hold {hold_id} is missing or not the one it is named after"
    return _transfer("I5", row[SEQ], row[ID], text)


def charge_is_what_was_used(row: Row) -> Finding | None:
    """I5: a settled hold was charged what its usage says, a voided one only late."""
    code = row[CODE]
    if code not in CHARGED_STATE or row[HOLD_ID] is None:
        return None
    if row[STATE] != CHARGED_STATE[code]:
        text = f"it is {row[STATE]} and {row[ID]} charged it"
    elif row[AMOUNT] != row[PAID]:
        text = f"{row[ID]} moved {row[AMOUNT]}, its usage row says {row[PAID]}"
    elif not row[ACCOUNT] == row[DEBIT] == row[HOLD_ACCOUNT]:
        text = f"{row[ID]} charged account {row[DEBIT]}, which is not its own"
    else:
        return None
    return Finding("I5", f"hold {row[HOLD_ID]}", text)


def shortfall_is_booked(row: Row) -> Finding | None:
    """I5: what a request cost is what was paid and what the house paid for it."""
    if row[USAGE_ID] is None:
        return None
    short = row[SHORT]
    booked = row[AMOUNT] if row[CODE] == "shortfall" else row[SHORTFALL] or 0
    if short == booked and row[PAID] + short == row[COST_NANO]:
        return None
    text = f"a shortfall of {short}, of which {booked} was booked"
    return Finding("I5", f"usage {row[USAGE_ID]}", text)


def request_is_as_digested(row: Row) -> Finding | None:
    """I6: hold and usage are what they were when the transfer was written."""
    expected = row[REQUEST_HASH]
    if expected is None or digest(row[REQUEST:]) == expected:
        return None
    text = f"it is not the hold and the usage that transfer {row[SEQ]} was written for"
    return Finding("I6", f"request {row[HOLD]}", text)


def margin_is_booked(row: Row) -> Finding | None:
    """I7: the memo on a transfer is what its usage row says it cost us."""
    if row[CODE] not in CHARGED_STATE or row[USAGE_ID] is None:
        return None
    if row[BUY] == row[USED_BUY]:
        return None
    text = f"its memo is {row[BUY]}, its usage row says {row[USED_BUY]}"
    return _transfer("I7", row[SEQ], row[ID], text)


def topup_is_single(row: Row) -> Finding | None:
    """I8: the id names the provider's object, and no two transfers share one."""
    if row[CODE] != "topup":
        return None
    provider, _, rest = row[ID].removeprefix("topup:").partition(":")
    named = row[ID].startswith("topup:") and provider and rest == row[REF]
    if named and row[DEBIT] == CASH and row[COPIES] == 1:
        return None
    text = "it is not the one top-up of its payment"
    return _transfer("I8", row[SEQ], row[ID], text)


def _transfer(invariant: str, seq: int, transfer_id: str, text: str) -> Finding:
    return Finding(invariant, f"transfer {seq} ({transfer_id})", text)
