"""Oversight: lists of everybody's jobs and payments, for who runs the gateway.

Whose a thing is stands beside it. What a user wrote is in no list: neither what a video
was to show nor a provider's words about it. Lists are paged by position, and where one
is filtered a page looks at so many entries at most, as the reports do.
"""

from dataclasses import dataclass, fields

from storage import statements as sql
from storage.engine import Reads, Row
from storage.job_states import JobState
from storage.orders import Order, order_of
from storage.reports import (
    LOOKED_AT_MAX,
    Conditions,
    Page,
    bounded,
    floor_of,
    paged,
)

_JOB = """
    j.id, j.request_id, j.account_id, u.id, u.email, j.model, j.state, j.provider,
    j.upstream_model, j.leg, j.polls, j.faults, j.progress, j.next_ns, j.deadline_ns,
    j.created_ns, j.submitted_ns, j.ended_ns, j.cancel_ns, j.error_code, j.error_status
"""
_ORDER = ", ".join(f"o.{name.strip()}" for name in sql.ORDER_COLUMNS.split(","))
_PROBLEMS = """
    SELECT count(*) FROM payment_event e
    WHERE e.order_id = o.id AND e.problem = 1 AND e.resolution IS NULL
"""
_EVENT = """
    e.method, e.id, e.type, e.order_id, u.id, u.email, e.outcome, e.detail, e.problem,
    e.deliveries, e.received_ns, e.resolution, e.resolved_by
"""


@dataclass(frozen=True, slots=True)
class JobEntry:
    """A job, and whose it is. `leg` counts the attempts before the last one, if there
    is a provider at all."""

    id: str
    request_id: str
    account_id: int
    user_id: str | None
    user_email: str | None
    model: str
    state: JobState
    provider: str
    upstream_model: str
    leg: int
    polls: int
    faults: int
    progress: int
    next_ns: int
    deadline_ns: int
    created_ns: int
    submitted_ns: int | None
    ended_ns: int | None
    cancel_ns: int | None
    error_code: str | None
    error_status: int | None

    @property
    def attempts(self) -> int:
        """How often a provider was asked to begin it."""
        return self.leg + 1 if self.provider else 0


@dataclass(frozen=True, slots=True)
class OrderEntry:
    """An order, whose it is, and how many callbacks about it need a person."""

    order: Order
    user_id: str | None
    user_email: str | None
    problems: int


@dataclass(frozen=True, slots=True)
class EventEntry:
    """A callback, whose order it was about, and what came of it."""

    method: str
    id: str
    type: str
    order_id: str | None
    user_id: str | None
    user_email: str | None
    outcome: str
    detail: str
    problem: bool
    deliveries: int
    received_ns: int
    resolution: str | None
    resolved_by: str | None


@dataclass(frozen=True, slots=True)
class EventPlace:
    """Where a callback stands in the list of all."""

    received_ns: int
    method: str
    id: str


_STATE = [one.name for one in fields(JobEntry)].index("state")
_PROBLEM = [one.name for one in fields(EventEntry)].index("problem")


class Oversight:
    def __init__(self, reads: Reads, looked_at_max: int = LOOKED_AT_MAX) -> None:
        self._rows = reads.rows
        self.looked_at_max = looked_at_max

    def jobs(
        self,
        states: frozenset[JobState] = frozenset(),
        before: str | None = None,
        limit: int = 50,
    ) -> Page[JobEntry]:
        """The newest first, of all states if none is named."""
        where = Conditions()
        if before is not None:
            where.add("j.id < ?", before)
        floor = self._floor("job j", "j.id", where) if states else None
        if floor is not None:
            where.add("j.id >= ?", floor)
        if states:
            names = sorted(state.value for state in states)
            where.add(f"j.state IN ({', '.join('?' * len(names))})", *names)
        rows = self._rows(
            f"""SELECT {_JOB} FROM job j
            LEFT JOIN "user" u ON u.account_id = j.account_id
            {f"WHERE {where}" if where.clauses else ""}
            ORDER BY j.id DESC LIMIT {where.value(bounded(limit) + 1)}""",
            where.params,
        )
        page, next_ = paged(rows, limit, floor)
        return Page([_job(row) for row in page], next_)

    def orders(
        self,
        state: str | None = None,
        account_id: int | None = None,
        before: str | None = None,
        limit: int = 50,
    ) -> Page[OrderEntry]:
        """The newest first, of all accounts if none is named."""
        where = Conditions()
        if account_id is not None:
            where.add("o.account_id = ?", account_id)
        if before is not None:
            where.add("o.id < ?", before)
        floor = None
        if state is not None:
            floor = self._floor("payment_order o", "o.id", where)
        if floor is not None:
            where.add("o.id >= ?", floor)
        if state is not None:
            where.add("o.state = ?", state)
        rows = self._rows(
            f"""SELECT {_ORDER}, u.id, u.email, ({_PROBLEMS}) FROM payment_order o
            LEFT JOIN "user" u ON u.account_id = o.account_id
            {f"WHERE {where}" if where.clauses else ""}
            ORDER BY o.id DESC LIMIT {where.value(bounded(limit) + 1)}""",
            where.params,
        )
        page, next_ = paged(rows, limit, floor)
        entries = [OrderEntry(order_of(row[:-3]), *row[-3:]) for row in page]
        return Page(entries, next_)

    def events(
        self,
        problems: bool = False,
        before: EventPlace | None = None,
        limit: int = 50,
    ) -> tuple[list[EventEntry], EventPlace | None]:
        """Callbacks, the newest first, or only those that need a person; and where the
        next page begins."""
        limit = bounded(limit)
        where = Conditions()
        if before is not None:
            # Those of one moment are in the order of their names.
            where.add("e.received_ns <= ?", before.received_ns)
            where.add(
                "(e.received_ns < ? OR e.method > ? OR e.method = ? AND e.id > ?)",
                before.received_ns,
                before.method,
                before.method,
                before.id,
            )
        if problems:
            where.add("e.problem = 1 AND e.resolution IS NULL")
        rows = self._rows(
            f"""SELECT {_EVENT} FROM payment_event e
            LEFT JOIN payment_order o ON o.id = e.order_id
            LEFT JOIN "user" u ON u.account_id = o.account_id
            {f"WHERE {where}" if where.clauses else ""}
            ORDER BY e.received_ns DESC, e.method, e.id
            LIMIT {where.value(limit + 1)}""",
            where.params,
        )
        page = [_event(row) for row in rows[:limit]]
        if len(rows) <= limit:
            return page, None
        last = page[-1]
        return page, EventPlace(last.received_ns, last.method, last.id)

    def _floor(self, table: str, place: str, where: Conditions) -> str | None:
        found: str | None = floor_of(
            self._rows, table, place, where, self.looked_at_max
        )
        return found


def _job(row: Row) -> JobEntry:
    values = [*row]
    values[_STATE] = JobState(row[_STATE])
    return JobEntry(*values)


def _event(row: Row) -> EventEntry:
    values = [*row]
    values[_PROBLEM] = bool(row[_PROBLEM])
    return EventEntry(*values)
