"""Storage: money, keys, users and sessions, in one SQLite file. It knows no HTTP.

`open_storage` is the way in. A gateway opens with gateway=True: it is the only one on
its data directory, it voids what a crash left open, and it keeps the WAL short.
Commands open with gateway=False and may work beside a running gateway.
"""

import logging
from collections.abc import Iterable
from pathlib import Path

from config.gateway import LedgerSettings
from config.prices import Price
from storage.auditor import Auditor, start_of
from storage.checkpoint import Checkpoint
from storage.clock import Clock, SystemClock
from storage.directory import Directory
from storage.engine import Engine
from storage.errors import (
    DatabaseDamaged,
    DatabaseInUse,
    LedgerBroken,
)
from storage.ids import Ids
from storage.locks import Boots, FileLock
from storage.prover import Prover
from storage.reader import Reader
from storage.recovery import (
    boots_with_open_holds,
    record_boot,
    recover,
    register_prices,
)
from storage.secrets import Secrets
from storage.sqlite import SqliteEngine
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
        since: Checkpoint,
    ) -> None:
        self.engine = engine
        self.clock = clock
        self.ids = ids
        self.boot_id = boot_id
        self.boots = Boots(data)
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
        self.auditor = Auditor(
            data,
            engine,
            self.secrets,
            self.boots.is_dead,
            Prover(data / DATABASE),
            since,
        )
        self.recovered = 0
        self._locks = locks
        self._closed = False

    def close(self) -> None:
        """Answers what waits, then lets go of the ledger and of the locks."""
        if self._closed:
            return
        self._closed = True
        self.auditor.stop()
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
    clock = clock or SystemClock()
    ids = ids or Ids(clock)
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    boot_id = ids.make("boot")
    locks = _take_locks(data, boot_id) if gateway else []
    try:
        engine = SqliteEngine(
            data / DATABASE, ledger.busy_seconds, checkpoints=gateway
        )
        since = start_of(data, ledger.boot_proof_transfers)
        # Checking a file takes as long as proving it, and is left out with it: the
        # proof of the whole that follows checks it first.
        engine.prepare(clock.wall_ns(), checked=gateway and not since.seq)
        _make_secret(data, engine)
        storage = Storage(data, engine, ledger, clock, ids, locks, boot_id, since)
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


def _make_secret(data: Path, engine: Engine) -> None:
    """A new ledger gets a secret; one with keys in it must bring its own, because
    a new secret would turn every key into a stranger's."""
    with engine.snapshot() as snapshot:
        keys = list(snapshot.rows('SELECT 1 FROM "key" LIMIT 1'))
    if keys and not Secrets.made(data):
        raise DatabaseDamaged(f"the secret of the ledger in {data} is gone")
    Secrets.load(data)


def _refuse_broken(storage: Storage) -> None:
    findings = storage.auditor.audit()
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
