"""The engine: what the ledger asks of a database, whichever it is.

Verbs, audit and reports are the same on every engine, statement by statement. What
differs is here: how a connection is opened, what begins and ends a transaction, what
its faults mean, and how a snapshot is read. Statements have numbered parameters (`?1`)
and are written so that every engine understands them.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from storage.alarm import Alarm

Row = tuple[Any, ...]
Params = Sequence[int | str | bytes | None]
Tip = tuple[int, int, bytes]
"""The newest transfer: its seq, date and hash."""


@dataclass(frozen=True, slots=True)
class Upkeep:
    """What the engine did to stay quick; zero where there is nothing to do."""

    checkpoints: int = 0
    wal_pages: int = 0


class Connection(Protocol):
    """The writer's, used by its thread only."""

    def sql(self, statement: str, params: Params = ()) -> list[Row]:
        """Run one statement; its rows.

        What a statement without rows has to say against it may come later: with the
        next one, with `release` or with `commit`.
        """
        ...

    def begin(self) -> None:
        """A transaction that nobody else's can overtake from now on."""
        ...

    def tip(self) -> Tip | None:
        """The newest transfer as this transaction sees it; None if there is none."""
        ...

    def commit(self) -> None:
        """Returns when the transaction would survive a power cut."""
        ...

    def roll_back(self) -> None:
        """Leaves the transaction, if there still is one."""
        ...

    def savepoint(self) -> None: ...

    def release(self) -> None:
        """What was written since the savepoint belongs to the transaction."""
        ...

    def undo(self) -> None:
        """What was written since the savepoint was not."""
        ...

    def idle(self) -> bool:
        """Called between two batches, for what the engine has to do by then; whether
        the database was asked for anything and did it."""
        ...

    def close(self) -> None:
        """The orderly end."""
        ...

    def abandon(self) -> None:
        """The end of one that is not trusted any more. Raises nothing."""
        ...


class Snapshot(Protocol):
    """The ledger as it was at one moment, for as long as this is open."""

    def rows(self, statement: str, params: Params = ()) -> Iterator[Row]:
        """A stream; several may be read at once, none is held in memory whole."""
        ...

    def interrupt(self) -> None:
        """From another thread: who reads gets an exception."""
        ...


View = Callable[[], AbstractContextManager[Snapshot]]
"""Gives a new snapshot each time it is called."""


class Reads(Protocol):
    """Short reads from any thread. Raises LedgerUnavailable only."""

    def rows(self, statement: str, params: Params = ()) -> list[Row]: ...

    def query(self, query: Any) -> list[Row]:
        """The rows of a query that Peewee built."""
        ...

    def close(self) -> None:
        """Ends reading in all threads."""
        ...


class Lives(Protocol):
    """Which boots live."""

    def is_dead(self, boot_id: str) -> bool:
        """Whether nobody will settle what that boot holds."""
        ...

    def sweep(self) -> None:
        """Forget the dead ones, where something has to be forgotten."""
        ...


class Engine(Protocol):
    """One database, and the classes of what it raises."""

    @property
    def faults(self) -> type[Exception]:
        """The base of all."""
        ...

    @property
    def unavailable(self) -> tuple[type[Exception], ...]:
        """What says "not now" rather than "not this"."""
        ...

    @property
    def harmless(self) -> tuple[type[Exception], ...]:
        """Among those: after these the connection knows where it stands."""
        ...

    @property
    def idle_seconds(self) -> float | None:
        """How often a connection wants to be idle even if nobody writes."""
        ...

    def repeats(self, error: BaseException) -> bool:
        """Whether the same batch may come through when it is run again, although
        nobody knows whether it has."""
        ...

    def prepare(self, now_ns: int, *, checked: bool) -> None:
        """It exists, is whole (if `checked`) and has the newest schema.

        Raises a StorageError that says what to do.
        """
        ...

    def connect(self, *, checked: bool) -> Connection:
        """The writer's connection; after a fault the database is checked first."""
        ...

    def snapshot(self) -> AbstractContextManager[Snapshot]:
        """For one long job, such as a backup."""
        ...

    def snapshots(self) -> AbstractContextManager[View]:
        """For a job that needs several, one after the other, such as an audit."""
        ...

    def reads(self) -> Reads: ...

    def lives(self) -> Lives: ...

    def alarm(self) -> Alarm: ...

    def leads(self) -> bool:
        """Whether this process does what one of all must; it may ask at any time.

        Who leads does so until it resigns or dies; then whoever asks next takes over.
        """
        ...

    def resign(self) -> None:
        """The end of what a gateway has besides its writer."""
        ...

    def upkeep(self) -> Upkeep: ...
