"""The audit: the proof that the ledger is what its transfers say.

Each invariant is one small function or object. They are fed by few passes, because
reading is what takes time: `story` reads every transfer once with the request that it
charges, `holds` lets SQL look for holds and usage that fit to nothing, and `standing`
asks about what is small. No pass keeps what it read, so memory is the same for a
thousand transfers and for ten million, and the audit runs beside a living gateway. A
finding names the row, because "something is wrong with the money" helps nobody.

An audit may continue from a checkpoint, an earlier proof: then it reads the transfers
since, and all that is small. What nobody touched is not proved again, so a row from
before the checkpoint that was changed by hand is found by an audit of the whole only.

I1  all debits equal all credits
I2  each account's counters are the sums of its transfers, and each transfer's balance
    follows from the one before
I3  what is pending is the sum of the open holds; a key's counter is their number
I4  no user is below zero
I5  a settled hold has exactly one usage transfer, of what its usage row says was paid;
    a voided one has none, unless it was charged late; the rest is in shortfall
I6  seq has no gaps, dates rise, and each transfer's hash follows from the one before;
    the hold and the usage of a charge are those that its transfer has the digest of
I7  rating usage again with its price gives what was charged, and what it cost us
I8  one payment is one top-up, and no refund is more than its original
I9  no boot that is dead holds anything, but for what a job goes on to hold
I10 each closed hold has a usage row, and nothing else has
I11 a job is what its hold is: it goes on and the hold is open, it is completed and the
    hold is settled, or it came to nothing and so did the hold
I12 the sums of days that pages show are of the requests there are: what each key paid
    on a day, what all of it cost us, and how many requests an account had
"""

from collections.abc import Callable
from contextlib import nullcontext

from storage.audit.findings import FINDINGS_MAX, Finding, Findings
from storage.audit.holds import HOLDS, JOBS, USAGE, wrong_rows
from storage.audit.present import STANDING, dead_boots_hold_nothing
from storage.audit.rows import SLICE_ROWS
from storage.audit.story import Story
from storage.checkpoint import BEGINNING, Checkpoint, newest
from storage.engine import Snapshot, View
from storage.errors import LedgerUnavailable

__all__ = [
    "FINDINGS_MAX",
    "Finding",
    "Progress",
    "View",
    "audit",
    "dead_boots_hold_nothing",
    "prove",
]

Progress = Callable[[int, int], None]
"""Called with rows read and rows to read."""

_ROWS = """
    SELECT (SELECT max(seq) FROM transfer), (SELECT count(*) FROM hold),
           (SELECT count(*) FROM job)
"""
_TRANSFERS = "SELECT max(seq), 0, 0 FROM transfer"


def audit(snapshot: Snapshot, since: Checkpoint = BEGINNING) -> list[Finding]:
    """What is wrong in one snapshot; an empty list is the proof that nothing is."""
    return prove(lambda: nullcontext(snapshot), since)[0]


def prove(
    view: View,
    since: Checkpoint = BEGINNING,
    progress: Progress = lambda done, total: None,
    slice_rows: int = SLICE_ROWS,
) -> tuple[list[Finding], Checkpoint]:
    """The findings, and how far the proof reaches if there are none.

    `view` gives a new snapshot each time it is called, so that none is open for long.
    The counters are compared in the last one, which has the newest transfers too.
    """
    findings = Findings()
    steps = _Steps(view, since, progress)
    story = Story(since, findings, slice_rows)
    try:
        if not since.seq:
            for table in (HOLDS, USAGE, JOBS):
                wrong_rows(view, table, findings, steps, slice_rows)
        while True:
            with view() as snapshot:
                if not story.read(snapshot, steps):
                    continue
                story.finish(snapshot)
                for check in STANDING:
                    findings.extend(check.__name__, check(snapshot, since))
                steps.end()
                return list(findings), newest(snapshot)
    except UnicodeDecodeError as error:
        # SQLite keeps any bytes as a text, so its own check does not see these. Where
        # a row cannot be read the proof ends, but not without a word.
        findings.add("texts", Finding("I6", story.place, f"a text is none: {error}"))
        return list(findings), since
    except LedgerUnavailable:
        # Sums of rows that are far too large cannot be made, but they were found.
        found = list(findings)
        if not found:
            raise
        return found, since


class _Steps:
    """Adds up the rows that the passes report, each hold having one usage."""

    def __init__(self, view: View, since: Checkpoint, progress: Progress) -> None:
        with view() as snapshot:
            statement = _TRANSFERS if since.seq else _ROWS
            ((newest, holds, jobs),) = snapshot.rows(statement)
        self._progress = progress
        self._done = 0
        self._total = max((newest or 0) - since.seq, 0) + 2 * holds + jobs

    def __call__(self, rows: int) -> None:
        # More rows come while a gateway writes; then the end stays the end.
        self._done = min(self._done + rows, self._total)
        self._progress(self._done, self._total)

    def end(self) -> None:
        self._progress(self._total, self._total)
