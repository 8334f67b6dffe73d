"""Storage: money, keys, users and sessions, in one database. It knows no HTTP.

`open_storage` is the way in. The ledger is a SQLite file in the data directory, or a
PostgreSQL database wherever its address says; the secret is in the directory in either
case. A gateway opens with gateway=True: it voids what a crash left open, and proves the
ledger. With SQLite it is the only one on its directory; where it consists of several
processes, the first one proves, hands over its lock, and each other one joins by it.
One process leads (`leads`) and does what one must do for all, with PostgreSQL for all
gateways. Commands open with gateway=False and may work beside a running gateway.
"""

import logging
from collections.abc import Iterable
from pathlib import Path

from config.gateway import LedgerSettings
from config.prices import Price
from storage.auditor import Auditor, start_of
from storage.checkpoint import BEGINNING, Checkpoint
from storage.clock import Clock, SystemClock
from storage.directory import Directory
from storage.engine import Engine
from storage.errors import (
    DatabaseDamaged,
    DatabaseInUse,
    LedgerBroken,
    UnsupportedPostgres,
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
from storage.secrets import Secrets, bind_secret
from storage.sqlite import READ_BUSY_SECONDS, SqliteEngine
from storage.statements import FIND_SECRET
from storage.writer import Writer

DATABASE = "autolist.db"
GATEWAY_LOCK = "gateway.lock"

__all__ = ["DATABASE", "GATEWAY_LOCK", "Storage", "open_storage"]

log = logging.getLogger(__name__)


class Storage:
    """Everything that reads or writes the ledger, opened and closed together."""

    def __init__(
        self,
        data: Path,
        url: str,
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
        self.boots = engine.lives()
        self.alarm = engine.alarm()
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
            self.alarm,
            self.sweep,
            Prover(data, url),
            since,
            whole_due=since.seq > ledger.boot_proof_transfers,
        )
        self.data = data
        self.recovered = 0
        self._locks = locks
        self._closed = False

    def leads(self) -> bool:
        """Whether this process is the one of its gateway that sweeps and audits.

        Asked now and then by all: it takes over when who led is gone.
        """
        return self.engine.leads()

    def sweep(self) -> set[str]:
        """Void what dead boots hold; which those are. For a thread, as it waits.

        Who looks is not dead, though its lease may have run out: it was stopped, or the
        database was away, and it renews the lease a moment later.
        """
        wait = self.writer.wait
        others = set(wait(boots_with_open_holds)) - {self.boot_id}
        dead = set(filter(self.boots.is_dead, others))
        voided = recover(wait, dead)
        if voided:
            log.warning("%d holds of a crashed gateway were voided", voided)
        self.recovered += voided
        return dead

    def hand_over(self) -> FileLock | None:
        """Closes all but the gateway's own lock, if the engine needs one, for other
        processes to join by."""
        lock = self._locks.pop(0) if self._locks else None
        self.close()
        return lock

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
        self.engine.resign()
        _release(self._locks)


def open_storage(
    data: Path,
    ledger: LedgerSettings,
    *,
    clock: Clock | None = None,
    ids: Ids | None = None,
    gateway: bool,
    proved: bool = False,
    joined: FileLock | None = None,
    prices: Iterable[Price] = (),
    url: str = "",
) -> Storage:
    """Open the data directory, made if it is not there. Raises a StorageError.

    The ledger is in PostgreSQL if there is a URL, else in the directory. A gateway's
    further processes know that the first one has `proved` the ledger, and join by the
    lock that it handed over.
    """
    clock = clock or SystemClock()
    ids = ids or Ids(clock)
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    boot_id = ids.make("boot")
    # On PostgreSQL leases tell who lives, and gateways need not be alone.
    locks = _take_locks(data, boot_id, joined) if gateway and not url else []
    first = gateway and not proved
    try:
        engine = engine_at(data, url, ledger.busy_seconds, boot_id if gateway else None)
        since = _start(data, engine, ledger, proved)
        # Checking a file takes as long as proving it, and is left out with it: the
        # proof of the whole that follows checks it first.
        engine.prepare(clock.wall_ns(), checked=first and not since.seq)
        _make_secret(data, engine)
        storage = Storage(
            data, url, engine, ledger, clock, ids, locks, boot_id, since
        )
    except BaseException:
        _release(locks)
        raise
    storage.writer.start()
    try:
        storage.writer.wait(bind_secret, storage.secrets.digest)
        if gateway:
            storage.leads()
            storage.writer.wait(record_boot)
        if first:
            storage.boots.sweep()
            _refuse_broken(storage)
        storage.writer.wait(register_prices, list(prices))
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
        return SqliteEngine(data / DATABASE, busy_seconds)
    try:
        # Only who keeps the ledger there needs the extra.
        from storage.postgres.engine import PostgresEngine
    except ImportError as error:
        raise UnsupportedPostgres(
            "PostgreSQL needs the extra `postgres`: pip install 'psycopg[binary]>=3.2'"
        ) from error
    return PostgresEngine(url, busy_seconds, boot_id)


def _start(
    data: Path, engine: Engine, ledger: LedgerSettings, proved: bool
) -> Checkpoint:
    """Where the proofs of this process go on. After an alarm nothing is believed."""
    if engine.alarm().reason() is not None:
        return BEGINNING
    return start_of(data, 0 if proved else ledger.boot_proof_transfers)


def _take_locks(
    data: Path, boot_id: str, joined: FileLock | None
) -> list[FileLock]:
    gateway = joined or FileLock.try_take(data / GATEWAY_LOCK)
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
    findings = storage.auditor.audit()
    for found in findings:
        log.error("the audit found: %s", found)
    if findings:
        raise LedgerBroken(f"the ledger is broken, nothing is served: {findings[0]}")
    storage.alarm.silence()
