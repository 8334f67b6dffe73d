"""The line: statements to the server and rows from it, in few round trips.

A verb asks a few questions and writes down a few things that nobody answers. What needs
no answer is kept and sent with the next question, in one packet (libpq's pipeline), so
a settle waits for the server three times instead of eight. What fails is told with the
question it was sent with; the transaction is lost in any case, and the writer runs its
batch again with a savepoint, and an answer, for each verb.

Each statement is prepared once for each kind of its parameters. Whole numbers go as
bigint whatever their size: one plan, not four.
"""

import select
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import count
from struct import Struct
from types import NoneType
from typing import Any

import psycopg
from psycopg import errors, pq

from storage.engine import Params, Row
from storage.postgres.dialect import translate

PLANS_MAX = 1000
_BIGINT, _TEXT, _BYTEA, _UNKNOWN = 20, 25, 17, 0
_MS = 1000

_KINDS: dict[type, tuple[int, Callable[[Any], bytes | None]]] = {
    int: (_BIGINT, Struct("!q").pack),
    bool: (_BIGINT, Struct("!q").pack),
    str: (_TEXT, str.encode),
    bytes: (_BYTEA, bytes),
    NoneType: (_UNKNOWN, lambda value: None),
}


def _bytea(text: bytes) -> bytes:
    return bytes.fromhex(text[2:].decode("ascii"))


# By the type's number in the catalogue; what is not here is text. A sum of bigints is
# numeric, and whole.
_LOADERS: dict[int, Callable[[bytes], Any]] = {
    16: lambda text: int(text == b"t"),
    17: _bytea,
    20: int,
    21: int,
    23: int,
    1700: int,
}


@dataclass(slots=True)
class _Plan:
    name: bytes
    text: bytes
    oids: tuple[int, ...]
    dumps: tuple[tuple[int, Callable[[Any], bytes | None]], ...]
    formats: tuple[int, ...]
    silent: bool
    prepared: bool = False
    loads: tuple[Callable[[bytes], Any], ...] | None = None


class Line:
    """One connection's. `answer_seconds` is how long the server may be silent."""

    def __init__(
        self, connection: psycopg.Connection[Any], answer_seconds: float
    ) -> None:
        self._connection = connection
        self._pgconn = connection.pgconn
        self._pgconn.enter_pipeline_mode()
        self._answer_ms = int(answer_seconds * _MS)
        self._plans: dict[tuple[str, tuple[type, ...]], _Plan] = {}
        self._kept: list[tuple[_Plan, list[bytes | None]]] = []
        self._names = count()
        self.did = b""
        """What the server says it did last."""
        self._poll = select.poll()
        self._poll.register(self._pgconn.socket, select.POLLIN)

    @property
    def in_transaction(self) -> bool:
        return self._pgconn.transaction_status != pq.TransactionStatus.IDLE

    def sql(self, statement: str, params: Params = ()) -> list[Row]:
        """The statement's rows; none, and at once, where it can have none."""
        plan = self._keep(statement, params)
        return [] if plan.silent else self.flush()

    def keep(self, statement: str, params: Params = ()) -> None:
        """Send it with whatever comes next."""
        self._keep(statement, params)

    def control(self, *commands: bytes) -> None:
        """Begin or end a transaction, with the next flush. These are not prepared: in a
        transaction that failed the server would understand no other."""
        self._kept += [(_command(text), []) for text in commands]

    def forget(self) -> None:
        """What is kept is never sent."""
        self._kept.clear()

    def flush(self) -> list[Row]:
        """Send what is kept; the rows of the last."""
        kept, self._kept = self._kept, []
        if not kept:
            return []
        new = [plan for plan, _ in kept if not plan.prepared]
        if new:
            self._prepare(new)
        send = self._pgconn.send_query_prepared
        for plan, values in kept:
            if plan.name:
                send(plan.name, values, plan.formats)
            else:
                self._pgconn.send_query_params(plan.text, None)
        result = self._exchange()[-1]
        self.did = result.command_status or b""
        return _rows(result, kept[-1][0])

    def close(self) -> None:
        self._connection.close()

    def _keep(self, statement: str, params: Params) -> _Plan:
        key = statement, tuple(map(type, params))
        plan = self._plans.get(key)
        if plan is None:
            plan = self._plan(key)
        self._kept.append((plan, [dump(params[i]) for i, dump in plan.dumps]))
        return plan

    def _plan(self, key: tuple[str, tuple[type, ...]]) -> _Plan:
        statement, types = key
        translated = translate(statement)
        kinds = [_KINDS[types[i]] for i in translated.used]
        plan = _Plan(
            b"",
            translated.text.encode(),
            tuple(oid for oid, _ in kinds),
            tuple(zip(translated.used, (dump for _, dump in kinds), strict=True)),
            (1,) * len(kinds),
            translated.silent,
        )
        if len(self._plans) >= PLANS_MAX:
            raise errors.InternalError_("too many different statements")
        self._plans[key] = plan
        return plan

    def _prepare(self, plans: list[_Plan]) -> None:
        """A trip of its own, before anything of the batch can fail: what is prepared
        outlives a transaction, but not a statement before it that failed."""
        seen = {id(plan): plan for plan in plans}
        for plan in seen.values():
            # A name is never used again, as nobody knows what became of it.
            plan.name = b"s%d" % next(self._names)
            self._pgconn.send_prepare(plan.name, plan.text, plan.oids)
        self._exchange()
        for plan in seen.values():
            plan.prepared = True

    def _exchange(self) -> list[pq.abc.PGresult]:
        """All results; raises the first that is an error."""
        pgconn = self._pgconn
        pgconn.pipeline_sync()
        while pgconn.flush():
            self._wait(select.POLLIN | select.POLLOUT)
            pgconn.consume_input()
        results: list[pq.abc.PGresult] = []
        while True:
            while pgconn.is_busy():
                self._wait(select.POLLIN)
                pgconn.consume_input()
            result = pgconn.get_result()
            if result is None:
                if pgconn.status == pq.ConnStatus.BAD:
                    self._raise_first(results)
                    raise psycopg.OperationalError("the connection is lost")
            elif result.status == pq.ExecStatus.PIPELINE_SYNC:
                self._raise_first(results)
                return results
            else:
                results.append(result)

    def _raise_first(self, results: list[pq.abc.PGresult]) -> None:
        for result in results:
            if result.status == pq.ExecStatus.FATAL_ERROR:
                raise errors.error_from_result(result)

    def _wait(self, events: int) -> None:
        self._poll.modify(self._pgconn.socket, events)
        if not self._poll.poll(self._answer_ms):
            raise psycopg.OperationalError("the database does not answer")


@lru_cache
def _command(text: bytes) -> _Plan:
    return _Plan(b"", text, (), (), (), silent=True, prepared=True)


def _rows(result: pq.abc.PGresult, plan: _Plan) -> list[Row]:
    if not result.ntuples:
        return []
    loads = plan.loads
    if loads is None:
        loads = plan.loads = tuple(
            _LOADERS.get(result.ftype(column), bytes.decode)
            for column in range(result.nfields)
        )
    value = result.get_value
    return [
        tuple(
            [
                None if (found := value(row, column)) is None else load(found)
                for column, load in enumerate(loads)
            ]
        )
        for row in range(result.ntuples)
    ]
