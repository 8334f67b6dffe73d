"""The writer: one thread, one connection, one transaction for all that waits.

Verbs are queued from any loop or thread. The writer opens a transaction, takes what
waits by then (no artificial delay: while one commit reaches the disk the next batch
gathers), runs each verb, commits, and only then answers. So an answer means "on disk",
and the price of a durable commit is shared by the batch.

Faults, in the order they are told apart:

- The engine says that it may come through on another try (a conflict, a connection
  that was lost): the batch is run again, up to three times. If the connection was lost
  in a commit nobody knows whether that happened; verbs find out by their ids.
- The database cannot be written now (locked, full, input/output error; the engine
  knows them): everything that waits is answered LedgerUnavailable and may be repeated
  by the same ids. A commit that failed may even have happened. Unless the engine calls
  the fault harmless the connection is not trusted: it is closed, opened and checked
  before it is used again.
- A verb raises something else: the batch is rolled back and run again with a savepoint
  around each verb, so that only the one that raises gets its exception.

A caller that is cancelled does not stop its verb. The queue is in order, so whoever
gives up on an admit may void the same id and be sure that the void comes later.
"""

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Concatenate, Protocol

from config.gateway import LedgerSettings
from storage.clock import Clock
from storage.database import Ledgerbase
from storage.engine import Connection, Engine
from storage.errors import LedgerBusy, LedgerUnavailable
from storage.ids import Ids
from storage.statements import PROBE

PAUSES_SECONDS = (0.0, 0.1, 0.5)
"""Before each time that a batch is run again."""
_SECOND_NS = 10**9

log = logging.getLogger(__name__)

Verb = Callable[..., Any]
Loop = asyncio.AbstractEventLoop


@dataclass(frozen=True, slots=True)
class WriterStatistics:
    queued: int
    batches: int
    operations: int
    largest_batch: int
    failures: int
    repeats: int
    commit_seconds: float
    checkpoints: int
    wal_pages: int
    healthy: bool


class Watcher(Protocol):
    """Told of each batch, by the writer's thread: it must be quick."""

    def committed(self, operations: int, commit_ns: int) -> None: ...

    def failed(self) -> None: ...


class _Job:
    __slots__ = ("verb", "args", "loop", "future", "result", "error")

    def __init__(
        self,
        verb: Verb,
        args: tuple[Any, ...],
        loop: Loop | None,
        future: "asyncio.Future[Any] | Future[Any]",
    ) -> None:
        self.verb = verb
        self.args = args
        self.loop = loop
        self.future = future
        self.result: Any = None
        self.error: BaseException | None = None


class Writer:
    """Owns the only writing connection of this process."""

    def __init__(
        self,
        engine: Engine,
        settings: LedgerSettings,
        clock: Clock,
        ids: Ids,
        boot_id: str,
        *,
        on_keys_changed: Callable[[], None],
    ) -> None:
        self._engine = engine
        self._settings = settings
        self._clock = clock
        self._ids = ids
        self._boot_id = boot_id
        self._on_keys_changed = on_keys_changed
        self.watcher: Watcher | None = None
        self._connection: Connection | None = None
        self._jobs: deque[_Job] = deque()
        self._wake = threading.Condition(threading.Lock())
        self._closing = False
        self._asleep = False
        self._batches = 0
        self._operations = 0
        self._largest_batch = 0
        self._failures = 0
        self._repeats = 0
        self._healthy = True
        self._commit_ns = 0
        self._last_commit_ns = 0
        self._thread = threading.Thread(
            target=self._serve, name="ledger-writer", daemon=True
        )

    def start(self) -> None:
        self._thread.start()

    async def run[**P, R](
        self,
        verb: Callable[Concatenate[Ledgerbase, P], R],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """The verb's answer, once it is committed. For event loops."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[R] = loop.create_future()
        self._put(_Job(_bound(verb, kwargs), args, loop, future))
        return await future

    def wait[**P, R](
        self,
        verb: Callable[Concatenate[Ledgerbase, P], R],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """The verb's answer, once it is committed. For threads without a loop."""
        future: Future[R] = Future()
        self._put(_Job(_bound(verb, kwargs), args, None, future))
        return future.result()

    def statistics(self) -> WriterStatistics:
        upkeep = self._engine.upkeep()
        return WriterStatistics(
            queued=len(self._jobs),
            batches=self._batches,
            operations=self._operations,
            largest_batch=self._largest_batch,
            failures=self._failures,
            repeats=self._repeats,
            commit_seconds=self._commit_ns / _SECOND_NS,
            checkpoints=upkeep.checkpoints,
            wal_pages=upkeep.wal_pages,
            healthy=self._healthy,
        )

    def close(self) -> None:
        """Answers all that waits, then closes the connection."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._thread.join()

    def _put(self, job: _Job) -> None:
        with self._wake:
            if self._closing:
                raise LedgerUnavailable("the ledger is closed")
            if len(self._jobs) >= self._settings.queue_max:
                raise LedgerBusy("too many operations wait for the ledger")
            self._jobs.append(job)
            if self._asleep:
                self._asleep = False
                self._wake.notify()

    # The thread.

    def _serve(self) -> None:
        while self._await_work():
            if self._jobs:
                self._work()
            self._idle()
        self._stop()

    def _await_work(self) -> bool:
        """True when there is work, or it is time to be idle; False at the end."""
        with self._wake:
            while not self._jobs and not self._closing:
                self._asleep = True
                if not self._wake.wait(self._engine.idle_seconds):
                    return True
            return bool(self._jobs)

    def _work(self) -> None:
        """One batch. The lock is taken first: who comes while it waits, joins."""
        jobs: list[_Job] = []
        for pause_seconds in (*PAUSES_SECONDS, None):
            try:
                connection = self._usable()
                connection.begin()
                jobs = jobs or self._take(self._settings.batch_max)
                changed = self._run_batch(connection, jobs)
                break
            except self._engine.unavailable as error:
                if pause_seconds is None or not self._engine.repeats(error):
                    self._fail(jobs or self._take(len(self._jobs)), error)
                    return
                log.warning("the ledger is asked again: %s", error)
                self._repeats += 1
                self._leave_transaction(error)
                time.sleep(pause_seconds)
            except BaseException as error:
                # Nobody may wait forever for an answer, and this thread never ends.
                log.exception("the ledger's writer failed")
                self._fail(jobs or self._take(len(self._jobs)), error)
                return
        self._healthy = True
        self._batches += 1
        self._operations += len(jobs)
        self._largest_batch = max(self._largest_batch, len(jobs))
        if changed:
            self._tell_keys_changed()
        _answer(jobs)
        self._tell_watcher(len(jobs))

    def _tell_watcher(self, operations: int | None) -> None:
        """None are the operations of a batch that failed."""
        watcher = self.watcher
        if watcher is None:
            return
        try:
            if operations is None:
                watcher.failed()
            else:
                watcher.committed(operations, self._last_commit_ns)
        except Exception:
            log.exception("a batch was not looked at")

    def _tell_keys_changed(self) -> None:
        """Before the answers: who revoked a key may rely on it from then on."""
        try:
            self._on_keys_changed()
        except Exception:
            log.exception("a change of keys could not be told")

    def _take(self, most: int) -> list[_Job]:
        with self._wake:
            return [self._jobs.popleft() for _ in range(min(most, len(self._jobs)))]

    def _run_batch(self, connection: Connection, jobs: list[_Job]) -> bool:
        try:
            changed = self._run_together(connection, jobs)
            self._commit(connection)
        except self._engine.unavailable:
            raise
        except Exception:
            connection.roll_back()
            connection.begin()
            changed = self._run_apart(connection, jobs)
            self._commit(connection)
        return changed

    def _commit(self, connection: Connection) -> None:
        if not self._healthy:
            # Only what is written shows that the disk takes it again.
            connection.sql(PROBE, (self._boot_id,))
        started_ns = self._clock.monotonic_ns()
        connection.commit()
        self._last_commit_ns = self._clock.monotonic_ns() - started_ns
        self._commit_ns += self._last_commit_ns

    def _run_together(self, connection: Connection, jobs: list[_Job]) -> bool:
        db = Ledgerbase(connection, self._clock, self._ids, self._boot_id)
        for job in jobs:
            db.begin_operation()
            job.error = None
            job.result = job.verb(db, *job.args)
        db.finish()
        return db.changed

    def _run_apart(self, connection: Connection, jobs: list[_Job]) -> bool:
        changed = False
        for job in jobs:
            connection.savepoint()
            # A new one each time: what a failed verb read or dated is undone.
            db = Ledgerbase(connection, self._clock, self._ids, self._boot_id)
            job.error = None
            try:
                job.result = job.verb(db, *job.args)
                db.finish()
                connection.release()
            except self._engine.unavailable:
                raise
            except Exception as error:
                job.error = error
                connection.undo()
            else:
                changed = changed or db.changed
        return changed

    def _fail(self, jobs: list[_Job], error: BaseException) -> None:
        """All of these get LedgerUnavailable; none of them was acknowledged."""
        self._failures += 1
        self._healthy = False
        log.error("the ledger cannot write: %s", error)
        self._leave_transaction(error)
        text = " ".join(str(error).split())
        for job in jobs:
            job.error = LedgerUnavailable(f"the ledger cannot write: {text}")
            job.error.__cause__ = error
        _answer(jobs)
        self._tell_watcher(None)

    def _leave_transaction(self, error: BaseException) -> None:
        connection = self._connection
        if connection is None:
            return
        try:
            connection.roll_back()
        except self._engine.faults:
            self._abandon()
            return
        if not isinstance(error, self._engine.harmless):
            self._abandon()

    def _usable(self) -> Connection:
        """The connection, opened and checked anew after a fault."""
        if self._connection is None:
            self._connection = self._engine.connect(checked=self._failures > 0)
        return self._connection

    def _abandon(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.abandon()

    def _idle(self) -> None:
        """What the engine does between batches; so a ledger that was away is found
        again even if nobody writes."""
        if self._connection is None and self._engine.idle_seconds is None:
            return
        try:
            if self._usable().idle():
                self._healthy = True
        except Exception as error:
            # Whatever it is, this thread never ends: who asks next would wait forever.
            log.warning("the ledger's upkeep failed: %s", error)
            self._healthy = False
            self._leave_transaction(error)

    def _stop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def _bound(verb: Verb, kwargs: dict[str, Any]) -> Verb:
    if not kwargs:
        return verb
    return lambda db, *args: verb(db, *args, **kwargs)


def _answer(jobs: list[_Job]) -> None:
    """Wake every waiter; all of one loop with a single call into it."""
    by_loop: dict[Loop, list[_Job]] = {}
    for job in jobs:
        if job.loop is None:
            _resolve(job)
        else:
            by_loop.setdefault(job.loop, []).append(job)
    for loop, mine in by_loop.items():
        try:
            loop.call_soon_threadsafe(_resolve_all, mine)
        except RuntimeError:
            log.warning("%d answers have no loop to go to", len(mine))


def _resolve_all(jobs: list[_Job]) -> None:
    for job in jobs:
        _resolve(job)


def _resolve(job: _Job) -> None:
    future = job.future
    if future.done():
        return
    if job.error is not None:
        future.set_exception(job.error)
    else:
        future.set_result(job.result)
