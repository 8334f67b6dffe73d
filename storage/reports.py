"""Reports: what pages show in lists, sums and files.

Every report is bounded and walks an index. A list is paged by position; where it is
filtered, a page looks at so many entries at most and says where it stopped, so that a
filter that fits nothing costs no more than one that fits all. Sums come from the sums
of days, never from requests, so a million requests cost what their days cost.

Dates select transfers by number and requests by id, because both are made in the order
of time: neither needs an index of its own for that.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from config.prices import METERS
from storage import statements as sql
from storage.accounts import UserRecord, user_record
from storage.engine import Params, Reads, Row
from storage.ids import first_id
from storage.trail import AttemptRecord, attempts_of

type Rows = Callable[[str, Params], list[Row]]
"""Reads rows, as an engine does."""

PAGE_MAX = 1000
LOOKED_AT_MAX = 5000
"""Entries that a page of a filtered list looks at."""
SESSIONS_MAX = 100
RECENT_MAX = 20_000
USAGE_PREFIX = "req"

CHARGES = ("usage", "late")
KINDS = {
    "usage": CHARGES,
    "topup": ("topup",),
    "promo": ("promo",),
    "refund": ("refund",),
    "adjustment": ("adjustment",),
}
"""Types of transactions as people know them, and the codes of transfers."""

_SUMS = sql.USAGE_DAY_COLUMNS[4:]
_SUMMED = ", ".join(f"sum({name})" for name in _SUMS)
GROUPS: Mapping[str, tuple[str, ...]] = {
    "day": ("day",),
    "model": ("model",),
    "key": ("key_id",),
    "day_model": ("day", "model"),
}

_TRANSACTION = f"""
    t.seq, t.id, t.code, t.debit_id, t.amount_nano, t.balance_nano, t.at_ns, t.hold_id,
    t.ref, u.model, u.provider, u.evidence, u.other,
    {", ".join(f"u.{meter}" for meter in METERS)}
"""
_REQUEST = f"""
    u.request_id, u.key_id, u.model, u.provider, u.upstream_model, u.evidence,
    u.outcome, u.status, u.attempts, u.first_byte_ms, u.total_ms, u.stream, u.at_ns,
    u.cost_nano, u.paid_nano, u.other, {", ".join(f"u.{meter}" for meter in METERS)}
"""
_SESSIONS = """
    SELECT token_hash, address, agent, created_ns, seen_ns, expires_ns FROM session
    WHERE user_id = ?1 AND expires_ns > ?2 ORDER BY created_ns DESC LIMIT ?3
"""
_TRAFFIC = """
    SELECT key_id, max(day), sum(CASE WHEN day >= ?3 THEN requests ELSE 0 END)
    FROM usage_day WHERE account_id = ?1 AND day >= ?2 GROUP BY key_id
"""
_BATCHES = """
    SELECT created_ns, batch, amount_nano, count(*), count(spent_by) FROM voucher
    WHERE (created_ns, batch) < (?1, ?2)
    GROUP BY created_ns, batch, amount_nano
    ORDER BY created_ns DESC, batch DESC, amount_nano DESC LIMIT ?3
"""
_RECENT = """
    SELECT model, provider, upstream_model, outcome, status, first_byte_ms, total_ms,
           at_ns, cost_nano, trail
    FROM usage WHERE request_id >= ?1 ORDER BY request_id DESC LIMIT ?2
"""
_SPENT_SINCE = """
    SELECT account_id, sum(paid_nano) FROM usage_day
    WHERE account_id IN ({accounts}) AND day >= ?1 GROUP BY account_id
"""
_LAST_SEQ = "SELECT coalesce(max(seq), 0) FROM transfer"
_NEXT_DATE = "SELECT seq, at_ns FROM transfer WHERE seq >= ?1 ORDER BY seq LIMIT 1"


@dataclass(frozen=True, slots=True)
class Page[R]:
    """Some entries, and where the next page begins; None at the end."""

    entries: list[R]
    next: str | None


@dataclass(frozen=True, slots=True)
class Selection:
    """Which entries of an account's list: those of the days between two moments, of a
    model, of a key, of some kinds; None is all."""

    from_ns: int | None = None
    to_ns: int | None = None
    model: str | None = None
    key_id: int | None = None
    kinds: tuple[str, ...] = ()


ALL = Selection()


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """One finished request, as its user sees it."""

    request_id: str
    key_id: int
    model: str
    provider: str
    upstream_model: str
    evidence: str
    outcome: str
    status: int
    attempts: int
    first_byte_ms: int | None
    total_ms: int
    stream: bool
    at_ns: int
    cost_nano: int
    paid_nano: int
    quantities: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class UsageSums:
    """What requests add up to. `day`, `model` and `key_id` say of which, where they
    were asked for."""

    day: int | None
    model: str | None
    key_id: int | None
    requests: int
    failed: int
    input: int
    cache_read: int
    cache_write: int
    output: int
    images: int
    videos: int
    cost_nano: int
    paid_nano: int
    buy_nano: int


@dataclass(frozen=True, slots=True)
class Traffic:
    """When a key was used last, as a day since 1970, and how often lately."""

    key_id: int
    day: int
    requests: int


@dataclass(frozen=True, slots=True)
class SessionRecord:
    token_hash: bytes
    address: str
    agent: str
    created_ns: int
    seen_ns: int
    expires_ns: int


@dataclass(frozen=True, slots=True)
class ActRecord:
    """An entry of the audit log, with the addresses of who did it and to whom."""

    id: str
    at_ns: int
    what: str
    actor_id: str | None
    actor_email: str | None
    user_id: str | None
    user_email: str | None
    target: str
    address: str
    details: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class BatchRecord:
    created_ns: int
    batch: str
    amount_nano: int
    count: int
    spent: int


@dataclass(frozen=True, slots=True)
class RecentRequest:
    """What an operator sees of anybody's request."""

    model: str
    provider: str
    upstream_model: str
    outcome: str
    status: int
    first_byte_ms: int | None
    total_ms: int
    at_ns: int
    cost_nano: int
    trail: tuple[AttemptRecord, ...]


@dataclass(frozen=True, slots=True)
class UserEntry:
    """A user with the account's money now."""

    user: UserRecord
    available_nano: int
    held_nano: int


class Conditions:
    """The WHERE of a statement that is put together; values are parameters only."""

    def __init__(self) -> None:
        self.clauses: list[str] = []
        self.params: list[int | str | bytes | None] = []

    def add(self, clause: str, *values: int | str) -> None:
        """Each `?` of the clause is the next value."""
        for value in values:
            self.params.append(value)
            clause = clause.replace("?", f"\0{len(self.params)}", 1)
        self.clauses.append(clause.replace("\0", "?"))

    def value(self, value: int) -> str:
        self.params.append(value)
        return f"?{len(self.params)}"

    def __str__(self) -> str:
        return " AND ".join(self.clauses)


class Reports:
    def __init__(self, reads: Reads) -> None:
        self._rows = reads.rows

    # One account.

    def transactions(
        self,
        account_id: int,
        selection: Selection = ALL,
        before: int | None = None,
        limit: int = 50,
    ) -> tuple[list[Row], str | None]:
        """Rows for `reader.transaction_of`, and where the next page begins."""
        codes = [code for kind in selection.kinds for code in KINDS[kind]]
        rare = bool(codes) and not set(codes) & set(CHARGES)
        where = Conditions()
        where.add("t.account_id = ?", account_id)
        if before is not None:
            where.add("t.seq < ?", before)
        if selection.from_ns is not None:
            where.add("t.seq >= ?", self.seq_at(selection.from_ns))
        if selection.to_ns is not None:
            where.add("t.seq < ?", self.seq_at(selection.to_ns))
        if rare:
            # In these words the index of what is rare is recognised.
            where.add("t.code NOT IN ('usage', 'late')")
        narrow = (
            selection.model is not None
            or selection.key_id is not None
            or (bool(codes) and not rare)
        )
        floor = floor_of(self._rows, "transfer t", "t.seq", where) if narrow else None
        if floor is not None:
            where.add("t.seq >= ?", floor)
        if codes:
            where.add(f"t.code IN ({', '.join('?' * len(codes))})", *codes)
        if selection.model is not None:
            where.add("u.model = ?", selection.model)
        if selection.key_id is not None:
            where.add("u.key_id = ?", selection.key_id)
        rows = self._rows(
            f"""SELECT {_TRANSACTION} FROM transfer t
            LEFT JOIN usage u ON u.request_id = t.hold_id
            WHERE {where} ORDER BY t.seq DESC LIMIT {where.value(bounded(limit) + 1)}
            """,
            where.params,
        )
        return paged(rows, limit, floor)

    def requests(
        self,
        account_id: int,
        selection: Selection = ALL,
        before: str | None = None,
        limit: int = 50,
    ) -> Page[RequestRecord]:
        where = Conditions()
        where.add("u.account_id = ?", account_id)
        if before is not None:
            where.add("u.request_id < ?", before)
        if selection.from_ns is not None:
            where.add("u.request_id >= ?", first_id(USAGE_PREFIX, selection.from_ns))
        if selection.to_ns is not None:
            where.add("u.request_id < ?", first_id(USAGE_PREFIX, selection.to_ns))
        narrow = selection.model is not None or selection.key_id is not None
        floor = None
        if narrow:
            floor = floor_of(self._rows, "usage u", "u.request_id", where)
        if floor is not None:
            where.add("u.request_id >= ?", floor)
        if selection.model is not None:
            where.add("u.model = ?", selection.model)
        if selection.key_id is not None:
            where.add("u.key_id = ?", selection.key_id)
        rows = self._rows(
            f"""SELECT {_REQUEST} FROM usage u WHERE {where}
            ORDER BY u.request_id DESC LIMIT {where.value(bounded(limit) + 1)}
            """,
            where.params,
        )
        page, next_ = paged(rows, limit, floor)
        return Page([_request(row) for row in page], next_)

    def usage(
        self,
        account_id: int | None,
        first_day: int,
        last_day: int,
        by: str,
        model: str | None = None,
        key_id: int | None = None,
    ) -> list[UsageSums]:
        """Sums of an account's days, or of everybody's, by one of GROUPS."""
        columns = GROUPS[by]
        where = Conditions()
        if account_id is not None:
            where.add("account_id = ?", account_id)
        where.add("day BETWEEN ? AND ?", first_day, last_day)
        if model is not None:
            where.add("model = ?", model)
        if key_id is not None:
            where.add("key_id = ?", key_id)
        group = ", ".join(columns)
        rows = self._rows(
            f"""SELECT {group}, {_SUMMED} FROM usage_day
            WHERE {where} GROUP BY {group} ORDER BY {group}""",
            where.params,
        )
        return [_sums(columns, row) for row in rows]

    def traffic(
        self, account_id: int, since_day: int, recent_day: int
    ) -> list[Traffic]:
        """Of the keys that were used since a day."""
        rows = self._rows(_TRAFFIC, (account_id, since_day, recent_day))
        return [Traffic(*row) for row in rows]

    def sessions(self, user_id: str, now_ns: int) -> list[SessionRecord]:
        """The newest first."""
        rows = self._rows(_SESSIONS, (user_id, now_ns, SESSIONS_MAX))
        return [SessionRecord(*row) for row in rows]

    # Everybody.

    def acts(
        self,
        user_id: str | None = None,
        what: str | None = None,
        before: str | None = None,
        limit: int = 50,
    ) -> Page[ActRecord]:
        where = Conditions()
        if user_id is not None:
            where.add("c.user_id = ?", user_id)
        if before is not None:
            where.add("c.id < ?", before)
        floor = None
        if what is not None:
            floor = floor_of(self._rows, "act c", "c.id", where)
        if floor is not None:
            where.add("c.id >= ?", floor)
        if what is not None:
            where.add("c.what = ?", what)
        rows = self._rows(
            f"""SELECT c.id, c.at_ns, c.what, c.actor_id, b.email, c.user_id, u.email,
                c.target, c.address, c.details
            FROM act c
            LEFT JOIN "user" b ON b.id = c.actor_id
            LEFT JOIN "user" u ON u.id = c.user_id
            {f"WHERE {where}" if where.clauses else ""}
            ORDER BY c.id DESC LIMIT {where.value(bounded(limit) + 1)}""",
            where.params,
        )
        page, next_ = paged(rows, limit, floor)
        acts = [ActRecord(*(*row[:-1], json.loads(row[-1]))) for row in page]
        return Page(acts, next_)

    def users(
        self,
        search: str = "",
        status: str | None = None,
        after: str = "",
        limit: int = 50,
    ) -> Page[UserEntry]:
        """In the order of their addresses, beginning after one of them."""
        where = Conditions()
        where.add("u.email > ?", after)
        if search:
            where.add("u.email LIKE ? ESCAPE '!'", f"%{_escaped(search.lower())}%")
        if status is not None:
            where.add("a.status = ?", "open" if status == "active" else "blocked")
        rows = self._rows(
            f"""SELECT u.id, u.email, u.account_id, u.role, u.password_hash, a.status,
                u.created_ns, u.language, {sql.AVAILABLE}, a.debits_pending
            FROM "user" u JOIN account a ON a.id = u.account_id
            WHERE {where}
            ORDER BY u.email LIMIT {where.value(bounded(limit) + 1)}""",
            where.params,
        )
        entries = [UserEntry(*(user_record(row[:-2]), *row[-2:])) for row in rows]
        more = len(entries) > bounded(limit)
        entries = entries[: bounded(limit)]
        return Page(entries, entries[-1].user.email if more else None)

    def spent_since(self, account_ids: Sequence[int], day: int) -> dict[int, int]:
        """What accounts paid since a day; those that paid nothing are not in it."""
        if not account_ids:
            return {}
        places = ", ".join(f"?{n}" for n in range(2, len(account_ids) + 2))
        statement = _SPENT_SINCE.format(accounts=places)
        return dict(self._rows(statement, (day, *account_ids)))

    def batches(
        self, before: tuple[int, str] | None = None, limit: int = 50
    ) -> tuple[list[BatchRecord], tuple[int, str] | None]:
        """Batches of vouchers, the newest first; and where the next page begins."""
        limit = bounded(limit)
        created_ns, batch = before or (2**63 - 1, "")
        rows = self._rows(_BATCHES, (created_ns, batch, limit + 1))
        page = [BatchRecord(*row) for row in rows[:limit]]
        if len(rows) <= limit:
            return page, None
        return page, (page[-1].created_ns, page[-1].batch)

    def recent(self, since_ns: int, limit: int) -> list[RecentRequest]:
        """Requests of all accounts that began since a moment, the newest first."""
        since = first_id(USAGE_PREFIX, since_ns)
        rows = self._rows(_RECENT, (since, min(limit, RECENT_MAX)))
        return [RecentRequest(*(*row[:-1], attempts_of(row[-1]))) for row in rows]

    # Places.

    def seq_at(self, at_ns: int) -> int:
        """The number of the first transfer that is not older than a moment."""
        ((last,),) = self._rows(_LAST_SEQ)
        low, high = 1, last + 1
        while low < high:
            middle = (low + high) // 2
            found = self._rows(_NEXT_DATE, (middle,))
            if found and found[0][1] < at_ns:
                low = found[0][0] + 1
            else:
                high = middle
        return low


def floor_of(
    rows: Rows,
    table: str,
    place: str,
    where: Conditions,
    looked_at_max: int = LOOKED_AT_MAX,
) -> Any:
    """The last place that a page of a filtered list looks at; None if that is beyond
    the end. To be asked before the filter is added."""
    clause = f"WHERE {where}" if where.clauses else ""
    found = rows(
        f"""SELECT {place} FROM {table} {clause}
        ORDER BY {place} DESC LIMIT 1 OFFSET {looked_at_max - 1}""",
        where.params,
    )
    return found[0][0] if found else None


def bounded(limit: int) -> int:
    return max(1, min(limit, PAGE_MAX))


def paged(
    rows: list[Row], limit: int, floor: int | str | None
) -> tuple[list[Row], str | None]:
    """A page of rows, of which one more was read, and the place of its last entry, or
    the last place it looked at. Places are the first column."""
    limit = bounded(limit)
    if len(rows) > limit:
        return rows[:limit], str(rows[limit - 1][0])
    return rows, None if floor is None else str(floor)


def _request(row: Row) -> RequestRecord:
    request_id, key_id, model, provider, upstream, evidence, outcome = row[:7]
    status, attempts, first_byte_ms, total_ms, stream, at_ns, cost, paid = row[7:15]
    other, meters = row[15], row[16:]
    quantities = {meter: n for meter, n in zip(METERS, meters, strict=True) if n}
    others = json.loads(other) if other else {}
    quantities |= {meter: n for meter, n in others.items() if isinstance(n, int)}
    return RequestRecord(
        request_id,
        key_id,
        model,
        provider,
        upstream,
        evidence,
        outcome,
        status,
        attempts,
        first_byte_ms,
        total_ms,
        bool(stream),
        at_ns,
        cost,
        paid,
        quantities,
    )


def _sums(columns: tuple[str, ...], row: Row) -> UsageSums:
    groups = dict(zip(columns, row, strict=False))
    return UsageSums(
        groups.get("day"),
        groups.get("model"),
        groups.get("key_id"),
        *map(int, row[len(columns) :]),
    )


def _escaped(text: str) -> str:
    for letter in "!%_":
        text = text.replace(letter, "!" + letter)
    return text
