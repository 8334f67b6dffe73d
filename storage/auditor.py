"""The auditor: what a gateway proves of its ledger, and when.

At the start what came since the last checkpoint, and all that is small; the whole if
there is no checkpoint to trust, if the ledger is small, or if an operator wants it.
Then what came since the last proof, again and again, and once in a while the whole, in
a process of its own. So a start takes no longer because the ledger is old, and a row
from long ago that somebody changed is found by the proof of the whole that follows.

A proof that failed sounds the alarm, which every process of the gateway hears, and
takes the checkpoint away: whoever starts again proves all of it.
"""

import logging
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from storage import checkpoint
from storage.alarm import Alarm
from storage.audit import Finding, dead_boots_hold_nothing, prove
from storage.checkpoint import BEGINNING, Checkpoint
from storage.engine import Engine, Snapshot, View
from storage.errors import DatabaseDamaged, LedgerUnavailable, StorageError
from storage.prover import Prover
from storage.secrets import Secrets

log = logging.getLogger(__name__)


class Auditor:
    def __init__(
        self,
        data: Path,
        engine: Engine,
        secrets: Secrets,
        alarm: Alarm,
        sweep: Callable[[], Container[str]],
        prover: Prover,
        since: Checkpoint = BEGINNING,
        *,
        whole_due: bool = False,
    ) -> None:
        self.proved = since
        self.whole_due = whole_due
        self._data = data
        self._engine = engine
        self._secrets = secrets
        self._alarm = alarm
        self._sweep = sweep
        self._prover = prover
        self._stopped = False
        self._snapshot: Snapshot | None = None

    def audit(self) -> list[Finding]:
        """Prove what came since the last proof; for a thread, as it may take long."""
        self._stopped = False
        # Whoever dies while this looks has until the next look to be recovered.
        swept = self._sweep()
        with self._engine.snapshots() as snapshots:
            view = partial(self._view, snapshots)
            findings, reached = prove(view, self.proved)
            with view() as snapshot:
                findings.extend(dead_boots_hold_nothing(snapshot, swept.__contains__))
        if findings:
            self._tell(findings)
        else:
            self.proved = reached
            self._note(reached)
        return findings

    def prove_whole(self) -> list[Finding]:
        """Prove all of it, in another process; for a thread, as it takes long."""
        findings = self._prover.run()
        self.whole_due = False
        if findings:
            self._tell(findings)
        return findings

    def stop(self) -> None:
        """Ends a proof that runs in another thread: it raises LedgerUnavailable."""
        self._stopped = True
        snapshot = self._snapshot
        if snapshot is not None:
            snapshot.interrupt()
        self._prover.stop()

    def _note(self, reached: Checkpoint) -> None:
        """Unless something was found before: what came since may be right, and what
        it follows is not."""
        if self._alarm.reason() is None:
            checkpoint.write(self._data, self._secrets, reached)

    def _tell(self, findings: Sequence[Finding]) -> None:
        checkpoint.forget(self._data)
        try:
            self._alarm.sound(str(findings[0]))
        except (StorageError, OSError) as error:
            # Whoever asked for the proof has its findings all the same.
            log.error("the other processes cannot be told: %s", error)

    @contextmanager
    def _view(self, snapshots: View) -> Iterator[Snapshot]:
        if self._stopped:
            raise LedgerUnavailable("the audit was ended")
        with snapshots() as snapshot:
            self._snapshot = snapshot
            try:
                yield snapshot
            finally:
                self._snapshot = None


def start_of(data: Path, whole_max: int) -> Checkpoint:
    """Where the proof at the start of a gateway may go on: after the checkpoint, if
    there is one to trust and more than `whole_max` transfers are behind it."""
    if not Secrets.made(data):
        return BEGINNING
    try:
        found = checkpoint.read(data, Secrets.load(data))
    except DatabaseDamaged as error:
        log.warning("%s: this is done now", error)
        return BEGINNING
    return found if found.seq > whole_max else BEGINNING
