"""Storage: money, keys, users and sessions, in one SQLite file. It knows no HTTP.

`open_storage` is the way in. A gateway opens with gateway=True: it is the only one on
its data directory, it voids what a crash left open, and it keeps the WAL short.
Commands open with gateway=False and may work beside a running gateway.
"""

import logging
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

from config.gateway import LedgerSettings
from config.prices import Price
from storage.audit import Finding, dead_boots_hold_nothing, prove
from storage.checkpoint import BEGINNING
from storage.checkpoint import write as write_checkpoint
from storage.clock import Clock, SystemClock
from storage.database import (
    UNAVAILABLE,
    check,
    open_reader,
    open_writer,
    require_sqlite,
)
from storage.directory import Directory
from storage.errors import (
    DatabaseDamaged,
    DatabaseInUse,
    LedgerBroken,
    LedgerUnavailable,
    StorageError,
)
from storage.ids import Ids
from storage.locks import Boots, FileLock, locked
from storage.migrations import migrate
from storage.reader import Reader
from storage.recovery import (
    boots_with_open_holds,
    record_boot,
    recover,
    register_prices,
)
from storage.secrets import Secrets
from storage.writer import Writer

DATABASE = "autolist.db"

__all__ = ["DATABASE", "Storage", "open_storage"]

log = logging.getLogger(__name__)


class Storage:
    """Everything that reads or writes the file, opened and closed together."""

    def __init__(
        self,
        data: Path,
        ledger: LedgerSettings,
        clock: Clock,
        ids: Ids,
        locks: list[FileLock],
        boot_id: str,
        *,
        gateway: bool,
    ) -> None:
        self.path = data / DATABASE
        self.clock = clock
        self.ids = ids
        self.boot_id = boot_id
        self.boots = Boots(data)
        self.secrets = Secrets.load(data)
        self.reader = Reader(self.path)
        self.directory = Directory(self.reader, self.secrets, clock)
        self.writer = Writer(
            self.path,
            ledger,
            clock,
            ids,
            boot_id,
            checkpoints=gateway,
            on_keys_changed=self.directory.changed,
        )
        self.recovered = 0
        self.proved = BEGINNING
        self._data = data
        self._auditing: apsw.Connection | None = None
        self._locks = locks
        self._closed = False

    def audit(self) -> list[Finding]:
        """Prove what came since the last proof; for a thread, as it may take long."""
        connection = self._auditing = open_reader(self.path)
        try:
            findings, reached = prove(connection, self.proved)
            dead = dead_boots_hold_nothing(connection, self.boots.is_dead)
            findings.extend(dead)
        except apsw.Error as error:
            raise LedgerUnavailable(f"the ledger cannot be read: {error}") from error
        finally:
            self._auditing = None
            connection.close()
        if not findings:
            self.proved = reached
            write_checkpoint(self._data, reached)
        return findings

    def stop_audit(self) -> None:
        """Ends one that runs in another thread; it raises LedgerUnavailable there."""
        connection = self._auditing
        if connection is not None:
            connection.interrupt()

    def close(self) -> None:
        """Answers what waits, then lets go of the file and of the locks."""
        if self._closed:
            return
        self._closed = True
        self.stop_audit()
        # Readers first: a checkpoint cannot empty a WAL that somebody reads.
        self.directory.close()
        self.reader.close()
        self.writer.close()
        _release(self._locks)


def open_storage(
    data: Path,
    ledger: LedgerSettings,
    *,
    clock: Clock | None = None,
    ids: Ids | None = None,
    gateway: bool,
    prices: Iterable[Price] = (),
) -> Storage:
    """Open the data directory, made if it is not there. Raises a StorageError."""
    require_sqlite()
    clock = clock or SystemClock()
    ids = ids or Ids(clock)
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    boot_id = ids.make("boot")
    locks = _take_locks(data, boot_id) if gateway else []
    try:
        _prepare(data, ledger, clock, checked=gateway)
        storage = Storage(data, ledger, clock, ids, locks, boot_id, gateway=gateway)
    except BaseException:
        _release(locks)
        raise
    storage.writer.start()
    try:
        _begin(storage, prices, gateway)
    except BaseException:
        storage.close()
        raise
    return storage


def _take_locks(data: Path, boot_id: str) -> list[FileLock]:
    gateway = FileLock.try_take(data / "gateway.lock")
    if gateway is None:
        raise DatabaseInUse(f"another gateway runs on {data}")
    return [gateway, Boots(data).take(boot_id)]


def _release(locks: list[FileLock]) -> None:
    """The boot's file goes with its boot; the gateway's stays for the next."""
    for lock in reversed(locks):
        lock.release(remove=lock.path.stem.startswith("boot_"))


def _prepare(data: Path, ledger: LedgerSettings, clock: Clock, checked: bool) -> None:
    """The file exists, is whole and has the newest schema.

    Under a lock of its own: two processes that create a file at once would meet while
    it turns to WAL, which waits for nobody.
    """
    path = data / DATABASE
    with locked(data / "schema.lock"), _faults_named(path):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        connection = open_writer(path, ledger.busy_seconds)
        try:
            if checked:
                check(connection)
            migrate(connection, clock.wall_ns())
            _make_secret(data, connection)
        finally:
            connection.close()


@contextmanager
def _faults_named(path: Path) -> Iterator[None]:
    """What SQLite raises, as the StorageError that says what to do."""
    try:
        yield
    except StorageError:
        raise
    except (apsw.NotADBError, apsw.CorruptError) as error:
        raise DatabaseDamaged(
            f"{path} is damaged or no database: {error}; restore a backup"
        ) from error
    except UNAVAILABLE as error:
        raise LedgerUnavailable(f"{path} cannot be used now: {error}") from error


def _make_secret(data: Path, connection: apsw.Connection) -> None:
    """A new ledger gets a secret; one with keys in it must bring its own, because
    a new secret would turn every key into a stranger's."""
    ((keys,),) = connection.execute("SELECT EXISTS (SELECT 1 FROM key)")
    if keys and not Secrets.made(data):
        raise DatabaseDamaged(f"the secret of the ledger in {data} is gone")
    Secrets.load(data)


def _refuse_broken(storage: Storage) -> None:
    findings = storage.audit()
    for found in findings:
        log.error("the audit found: %s", found)
    if findings:
        raise LedgerBroken(f"the ledger is broken, nothing is served: {findings[0]}")


def _begin(storage: Storage, prices: Iterable[Price], gateway: bool) -> None:
    wait = storage.writer.wait
    if gateway:
        wait(record_boot)
        boots = wait(boots_with_open_holds)
        storage.recovered = recover(wait, boots, storage.boots.is_dead)
        storage.boots.sweep()
        _refuse_broken(storage)
    wait(register_prices, list(prices))
    if storage.recovered:
        log.warning("%d holds of a crashed gateway were voided", storage.recovered)
