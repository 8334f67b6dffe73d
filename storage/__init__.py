"""Storage: money, keys, users and sessions, in one database. It knows no HTTP.

`open_storage` is the way in. The ledger is a SQLite file in the data directory, or a
PostgreSQL database wherever its address says; the secret is in the directory in either
case. A gateway opens with gateway=True: it voids what a crash left open and proves the
ledger, and with SQLite it is the only one on its directory. Commands open with
gateway=False and may work beside a running gateway.
"""

import logging
from collections.abc import Iterable
from pathlib import Path

from config.gateway import LedgerSettings
from config.prices import Price
from storage.audit import Finding, dead_boots_hold_nothing, prove
from storage.checkpoint import BEGINNING
from storage.checkpoint import write as write_checkpoint
from storage.clock import Clock, SystemClock
from storage.directory import Directory
from storage.engine import Engine, Snapshot
from storage.errors import (
    DatabaseDamaged,
    DatabaseInUse,
    LedgerBroken,
    UnsupportedPostgres,
)
from storage.ids import Ids
from storage.locks import Boots, FileLock
from storage.reader import Reader
from storage.recovery import (
    boots_with_open_holds,
    record_boot,
    recover,
    register_prices,
)
from storage.secrets import Secrets, bind_secret
from storage.sqlite import READ_BUSY_SECONDS, SqliteEngine
from storage.statements import FIND_SECRET
from storage.writer import Writer

DATABASE = "autolist.db"

__all__ = ["DATABASE", "Storage", "open_storage"]

log = logging.getLogger(__name__)


class Storage:
    """Everything that reads or writes the ledger, opened and closed together."""

    def __init__(
        self,
        data: Path,
        engine: Engine,
        ledger: LedgerSettings,
        clock: Clock,
        ids: Ids,
        locks: list[FileLock],
        boot_id: str,
    ) -> None:
        self.engine = engine
        self.clock = clock
        self.ids = ids
        self.boot_id = boot_id
        self.boots = engine.lives()
        self.secrets = Secrets.load(data)
        self.reader = Reader(engine)
        self.directory = Directory(self.reader, self.secrets, clock)
        self.writer = Writer(
            engine,
            ledger,
            clock,
            ids,
            boot_id,
            on_keys_changed=self.directory.changed,
        )
        self.recovered = 0
        self.proved = BEGINNING
        self._data = data
        self._auditing: Snapshot | None = None
        self._locks = locks
        self._closed = False

    def audit(self) -> list[Finding]:
        """Prove what came since the last proof; for a thread, as it may take long."""
        with self.engine.snapshot() as snapshot:
            self._auditing = snapshot
            try:
                findings, reached = prove(snapshot, self.proved)
                dead = dead_boots_hold_nothing(snapshot, self.boots.is_dead)
                findings.extend(dead)
            finally:
                self._auditing = None
        if not findings:
            self.proved = reached
            write_checkpoint(self._data, reached)
        return findings

    def stop_audit(self) -> None:
        """Ends one that runs in another thread; it raises LedgerUnavailable there."""
        snapshot = self._auditing
        if snapshot is not None:
            snapshot.interrupt()

    def close(self) -> None:
        """Answers what waits, then lets go of the ledger and of the locks."""
        if self._closed:
            return
        self._closed = True
        self.stop_audit()
        # Readers first: a checkpoint cannot empty a WAL that somebody reads.
        self.directory.close()
        self.reader.close()
        self.writer.close()
        self.engine.resign()
        _release(self._locks)


def open_storage(
    data: Path,
    ledger: LedgerSettings,
    *,
    clock: Clock | None = None,
    ids: Ids | None = None,
    gateway: bool,
    prices: Iterable[Price] = (),
    url: str = "",
) -> Storage:
    """Open the data directory, made if it is not there. Raises a StorageError.

    The ledger is in PostgreSQL if there is a URL, else in the directory.
    """
    clock = clock or SystemClock()
    ids = ids or Ids(clock)
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    boot_id = ids.make("boot")
    locks = _take_locks(data, boot_id) if gateway and not url else []
    try:
        engine = engine_at(data, url, ledger.busy_seconds, boot_id if gateway else None)
        engine.prepare(clock.wall_ns(), checked=gateway)
        _make_secret(data, engine)
        storage = Storage(data, engine, ledger, clock, ids, locks, boot_id)
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


def engine_at(
    data: Path,
    url: str,
    busy_seconds: float = READ_BUSY_SECONDS,
    boot_id: str | None = None,
) -> Engine:
    """Where the ledger is, not opened yet. A gateway names its boot."""
    if not url:
        checkpoints = boot_id is not None
        return SqliteEngine(data / DATABASE, busy_seconds, checkpoints=checkpoints)
    try:
        # Only who keeps the ledger there needs the extra.
        from storage.postgres.engine import PostgresEngine
    except ImportError as error:
        raise UnsupportedPostgres(
            "PostgreSQL needs psycopg: pip install 'autolist-token[postgres]'"
        ) from error
    return PostgresEngine(url, busy_seconds, boot_id)


def _take_locks(data: Path, boot_id: str) -> list[FileLock]:
    gateway = FileLock.try_take(data / "gateway.lock")
    if gateway is None:
        raise DatabaseInUse(f"another gateway runs on {data}")
    return [gateway, Boots(data).take(boot_id)]


def _release(locks: list[FileLock]) -> None:
    """The boot's file goes with its boot; the gateway's stays for the next."""
    for lock in reversed(locks):
        lock.release(remove=lock.path.stem.startswith("boot_"))


def _make_secret(data: Path, engine: Engine) -> None:
    """A new ledger gets a secret; one that has had one must bring it, because a new
    secret would turn every key into a stranger's."""
    if not Secrets.made(data):
        with engine.snapshot() as snapshot:
            known = list(snapshot.rows(FIND_SECRET))
            keys = list(snapshot.rows('SELECT 1 FROM "key" LIMIT 1'))
        if keys or known:
            raise DatabaseDamaged(
                f"the secret of the ledger is not in {data}: bring the file `secret`"
                " from where it was, or from its backup"
            )
    Secrets.load(data)


def _refuse_broken(storage: Storage) -> None:
    findings = storage.audit()
    for found in findings:
        log.error("the audit found: %s", found)
    if findings:
        raise LedgerBroken(f"the ledger is broken, nothing is served: {findings[0]}")


def _begin(storage: Storage, prices: Iterable[Price], gateway: bool) -> None:
    wait = storage.writer.wait
    wait(bind_secret, storage.secrets.digest)
    if gateway:
        wait(record_boot)
        boots = wait(boots_with_open_holds)
        storage.recovered = recover(wait, boots, storage.boots.is_dead)
        storage.boots.sweep()
        _refuse_broken(storage)
    wait(register_prices, list(prices))
    if storage.recovered:
        log.warning("%d holds of a crashed gateway were voided", storage.recovered)
