"""Holds, usage and jobs: what SQL decides by itself, slice by slice in order of ids.

The story (see there) judges each request that was charged. Here is what is left: holds
that nobody charged, holds without usage and usage without hold, and jobs that are not
what their holds are. Nothing of a good row
comes to Python; each wrong row comes once, with a mark for each thing wrong with it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from storage.audit.findings import Finding, Findings
from storage.engine import Snapshot, View


@dataclass(frozen=True, slots=True)
class Wrong:
    """A condition on a row that no good row meets."""

    invariant: str
    condition: str
    text: str


@dataclass(frozen=True, slots=True)
class Table:
    """What is read in slices, and what may be wrong with a row."""

    name: str
    id: str
    source: str
    wrongs: tuple[Wrong, ...]

    @property
    def marks(self) -> str:
        """The wrong rows, with a 1 for each condition that they meet."""
        marks = ", ".join(
            f"CASE WHEN {wrong.condition} THEN 1 ELSE 0 END" for wrong in self.wrongs
        )
        some = " OR ".join(f"({wrong.condition})" for wrong in self.wrongs)
        return f"SELECT {self.id}, {marks} FROM {self.source} WHERE ({some})"


HOLDS = Table(
    "hold",
    "h.id",
    "hold h LEFT JOIN usage u ON u.request_id = h.id",
    (
        Wrong(
            "I10",
            "h.state NOT IN ('open', 'settled', 'voided')",
            "its state is none",
        ),
        Wrong(
            "I10",
            "h.state <> 'open' AND u.request_id IS NULL",
            "it is closed without a usage row",
        ),
        Wrong(
            "I10",
            "h.state = 'open' AND u.request_id IS NOT NULL",
            "it is open and has a usage row",
        ),
        Wrong(
            "I10",
            "u.account_id <> h.account_id OR u.key_id <> h.key_id"
            " OR u.price_id <> h.price_id OR u.model <> h.model",
            "its usage row is not its own",
        ),
        Wrong(
            "I10",
            "h.account_id IS DISTINCT FROM"
            ' (SELECT k.account_id FROM "key" k WHERE k.id = h.key_id)',
            "its key is not of its account",
        ),
        Wrong(
            "I5",
            "h.state = 'settled' AND NOT EXISTS"
            " (SELECT 1 FROM transfer t WHERE t.id = 'usage:' || h.id)",
            "it is settled and no usage transfer charged it",
        ),
        Wrong(
            "I5",
            "h.state = 'voided' AND (u.cost_nano <> 0 OR u.paid_nano <> 0"
            " OR u.shortfall_nano <> 0 OR u.buy_nano <> 0"
            " OR u.cost_pico <> '0' OR u.buy_pico NOT IN ('', '0'))"
            " AND NOT EXISTS (SELECT 1 FROM transfer t WHERE t.id = 'late:' || h.id)",
            "it is voided, its usage row has a cost, and no late transfer charged it",
        ),
    ),
)
USAGE = Table(
    "usage",
    "u.request_id",
    "usage u LEFT JOIN hold h ON h.id = u.request_id",
    (Wrong("I10", "h.id IS NULL", "there is no such hold"),),
)

_LIVE = "('queued', 'submitting', 'running', 'storing')"
_VOID = "('failed', 'cancelled')"
JOBS = Table(
    "job",
    "j.id",
    "job j LEFT JOIN hold h ON h.id = j.request_id",
    (
        Wrong("I11", "h.id IS NULL", "its hold is not there"),
        Wrong(
            "I11",
            "j.account_id <> h.account_id OR j.key_id <> h.key_id"
            " OR j.model <> h.model",
            "its hold is not its own",
        ),
        Wrong(
            "I11",
            f"j.state NOT IN {_LIVE} AND j.state NOT IN {_VOID}"
            " AND j.state <> 'completed'",
            "its state is none",
        ),
        Wrong(
            "I11",
            f"(j.state IN {_LIVE}) <> (j.ended_ns IS NULL)",
            "its state and the date of its end do not agree",
        ),
        Wrong(
            "I11",
            f"j.state IN {_LIVE} AND h.state <> 'open'",
            "it goes on and its hold is closed",
        ),
        Wrong(
            "I11",
            "j.state = 'completed' AND h.state <> 'settled'",
            "it is completed and its hold is not settled",
        ),
        Wrong(
            "I11",
            f"j.state IN {_VOID} AND h.state <> 'voided'",
            "it came to nothing and its hold is not voided",
        ),
        Wrong(
            "I11",
            f"j.state IN {_VOID} AND EXISTS (SELECT 1 FROM transfer t"
            " WHERE t.id = 'late:' || j.request_id)",
            "it came to nothing and was charged late",
        ),
    ),
)


def wrong_rows(
    view: View,
    table: Table,
    findings: Findings,
    progress: Callable[[int], None],
    slice_rows: int,
) -> None:
    """Every row of a table; each slice in a snapshot of its own."""
    reached = ""
    while True:
        with view() as snapshot:
            end = _slice_end(snapshot, table, reached, slice_rows)
            if end is None:
                return
            within = f" AND {table.id} > ?1 AND {table.id} <= ?2"
            found = _found(snapshot, table, within, (reached, end))
            findings.extend(table.name, found)
        progress(slice_rows)
        reached = end


def wrong_open_holds(snapshot: Snapshot) -> Iterator[Finding]:
    """The open ones only, which are few at any time."""
    return _found(snapshot, HOLDS, " AND h.state = 'open'", ())


def wrong_live_jobs(snapshot: Snapshot) -> Iterator[Finding]:
    """Those that go on, or say so."""
    within = f" AND (j.ended_ns IS NULL OR j.state IN {_LIVE})"
    return _found(snapshot, JOBS, within, ())


def _slice_end(
    snapshot: Snapshot, table: Table, reached: str, slice_rows: int
) -> str | None:
    """The id of the last row of a slice; None if there is no more."""
    name = table.id.partition(".")[2]
    for bound in (
        f"SELECT {name} FROM {table.name} WHERE {name} > ?1"
        f" ORDER BY {name} LIMIT 1 OFFSET {slice_rows - 1}",
        f"SELECT max({name}) FROM {table.name} WHERE {name} > ?1",
    ):
        for (end,) in snapshot.rows(bound, (reached,)):
            return str(end) if end is not None else None
    return None


def _found(
    snapshot: Snapshot, table: Table, within: str, params: tuple[str, ...]
) -> Iterator[Finding]:
    for row_id, *marks in snapshot.rows(table.marks + within, params):
        for wrong, mark in zip(table.wrongs, marks, strict=True):
            if mark:
                yield Finding(wrong.invariant, f"{table.name} {row_id}", wrong.text)
