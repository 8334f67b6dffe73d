"""The writer's connection: a batch that nobody overtakes, and a lease that is renewed.

A batch begins by taking one advisory lock, which it keeps until its commit: gateways
write one after the other, whoever asked first. The same trip then reads the newest
transfer, since the chain of hashes needs it. A lock of its own and not a locked row,
because nothing has to be written to take it.

The session carries what a gateway is besides: the lease that says it lives, and the
lock of the one that leads. Both are looked after when the writer has nothing to do, and
the second is lost with the session.
"""

import logging
import time
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import errors

from storage.engine import Row, Tip
from storage.postgres.leases import LEADER, LEASE_SECONDS, RENEW
from storage.postgres.line import Line
from storage.statements import LAST_TRANSFER

if TYPE_CHECKING:
    from storage.postgres.engine import PostgresEngine

WRITER = 0x6175746F_00000002
# Whatever the server's defaults are: each statement sees what was committed before it,
# so what is read behind the lock is what the batch before has left.
BEGIN = b"BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
_LEASE_NS = LEASE_SECONDS * 10**9
_QUEUE = f"SELECT pg_advisory_xact_lock({WRITER})"
_LEAD = f"SELECT pg_try_advisory_lock({LEADER})"
_END_LEASE = "UPDATE boot SET lease_ns = 0 WHERE id = ?1"

log = logging.getLogger(__name__)


class PostgresConnection:
    """Used by one thread and closed by it."""

    def __init__(
        self, connection: psycopg.Connection[Any], engine: "PostgresEngine"
    ) -> None:
        self._line = Line(connection, engine.answer_seconds)
        self._engine = engine
        self._tip: list[Row] | None = None
        self._renewed: float | None = None
        self.sql = self._line.sql

    def begin(self) -> None:
        self._line.control(BEGIN)
        self._line.keep(_QUEUE)
        self._tip = self._line.sql(LAST_TRANSFER)

    def tip(self) -> Tip | None:
        newest, self._tip = self._tip, None
        if newest is None:
            newest = self._line.sql(LAST_TRANSFER)
        return newest[0] if newest else None

    def commit(self) -> None:
        self._line.control(b"COMMIT")
        self._line.flush()
        if self._line.did != b"COMMIT":
            # What failed in it was told to a verb, which went on all the same.
            raise errors.InFailedSqlTransaction("the transaction had failed before")

    def roll_back(self) -> None:
        self._line.forget()
        if self._line.in_transaction:
            self._line.control(b"ROLLBACK")
            self._line.flush()

    def savepoint(self) -> None:
        # What the batch writes from here on, `begin` has not seen.
        self._tip = None
        self._line.control(b"SAVEPOINT operation")
        self._line.flush()

    def release(self) -> None:
        self._line.control(b"RELEASE operation")
        self._line.flush()

    def undo(self) -> None:
        self._line.forget()
        self._line.control(b"ROLLBACK TO operation", b"RELEASE operation")
        self._line.flush()

    def idle(self) -> bool:
        """Renew the lease and ask to lead, when that is due."""
        boot_id = self._engine.boot_id
        if boot_id is None or not self._is_due():
            return False
        if not self._engine.leading:
            ((led,),) = self._line.sql(_LEAD)
            self._engine.leading = bool(led)
        # Before its row is there a boot has nothing to renew.
        if self._line.sql(RENEW, (boot_id, _LEASE_NS)):
            self._renewed = time.monotonic()
        return True

    def _is_due(self) -> bool:
        if self._renewed is None:
            return True
        return time.monotonic() - self._renewed >= self._engine.renew_seconds

    def close(self) -> None:
        """The lease ends here: what this boot still holds may be voided at once."""
        if self._engine.boot_id is not None:
            try:
                self.roll_back()
                self._line.keep(_END_LEASE, (self._engine.boot_id,))
                self._line.flush()
            except psycopg.Error as error:
                log.warning("the lease could not be ended: %s", error)
        self.abandon()

    def abandon(self) -> None:
        self._engine.leading = False
        self._line.close()
