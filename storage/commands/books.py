"""`verify`: does the ledger add up?"""

import sys
from dataclasses import dataclass
from pathlib import Path

import click

from config.epilog import BROKEN, DONE, REFUSED, epilog
from config.prices import moment_text
from storage import checkpoint
from storage.audit import Finding, prove
from storage.checkpoint import Checkpoint
from storage.commands.opening import engine_of
from storage.commands.options import data_option, json_option
from storage.commands.output import Refused, show
from storage.commands.progress import Progress
from storage.engine import Engine, Lives
from storage.errors import StorageError
from storage.secrets import Secrets
from storage.statements import OPEN_HOLDS_BY_BOOT

WAITING = 3
CODES = {
    DONE: "proved",
    BROKEN: "broken: the rows that do not add up are named",
    REFUSED: "bad input, or a ledger that cannot be read",
    WAITING: "proved, but what a killed gateway held waits for the next start",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    findings: list[Finding]
    reached: Checkpoint
    transfers: int
    open_holds: int
    waiting_holds: int

    @property
    def exit_code(self) -> int:
        if self.findings:
            return BROKEN
        return WAITING if self.waiting_holds else DONE


@click.command(
    "verify", epilog=epilog("verify", "verify --since --json", codes=CODES)
)
@click.option(
    "--since",
    is_flag=True,
    help="Go on from the last proof instead of reading all again.",
)
@data_option
@json_option
def verify(since: bool, data: Path, as_json: bool) -> None:
    """Prove that the ledger adds up, row by row.

    With exit code 3 the ledger is right, but requests of a gateway that was killed
    still hold money; the next start of the gateway gives it back.
    """
    engine = engine_of(data)
    try:
        start = _checkpoint(data) if since else checkpoint.BEGINNING
        verdict = _examine(engine, engine.lives(), start, as_json)
        _remember(data, verdict)
    except (StorageError, OSError) as error:
        raise Refused(str(error)) from error
    finally:
        engine.resign()
    shown = {
        "proved": not verdict.findings,
        "since": start.seq,
        "since_at": moment_text(start.at_ns) if start.seq else None,
        "transfers": verdict.transfers,
        "open_holds": verdict.open_holds,
        "waiting_holds": verdict.waiting_holds,
        "findings": [
            {"invariant": found.invariant, "row": found.row, "text": found.text}
            for found in verdict.findings
        ],
    }
    show(as_json, shown, _verdict_lines(verdict, start))
    sys.exit(verdict.exit_code)


def _checkpoint(data: Path) -> Checkpoint:
    """The last proof's; without the directory's secret there is none to trust."""
    if not Secrets.made(data):
        return checkpoint.BEGINNING
    return checkpoint.read(data, Secrets.load(data))


def _remember(data: Path, verdict: Verdict) -> None:
    if verdict.findings:
        checkpoint.forget(data)
    elif Secrets.made(data):
        checkpoint.write(data, Secrets.load(data), verdict.reached)


def _examine(
    engine: Engine, boots: Lives, since: Checkpoint, quiet: bool
) -> Verdict:
    proving = Progress(quiet).stage("proving")
    findings, reached = prove(engine.snapshot, since, proving)
    with engine.snapshot() as snapshot:
        held = list(snapshot.rows(OPEN_HOLDS_BY_BOOT))
    return Verdict(
        findings,
        reached,
        reached.seq,
        sum(number for _, number, _ in held),
        sum(number for boot_id, _, number in held if boots.is_dead(boot_id)),
    )


def _verdict_lines(verdict: Verdict, since: Checkpoint) -> list[str]:
    lines = [str(found) for found in verdict.findings]
    state = "BROKEN" if verdict.findings else "proved"
    text = f"{state}: {verdict.transfers} transfers, {verdict.open_holds} open holds"
    if since.seq:
        text += f"; since transfer {since.seq} of {moment_text(since.at_ns)}"
    lines.append(text)
    if verdict.waiting_holds:
        lines.append(
            f"{verdict.waiting_holds} of them wait for the gateway's next start"
        )
    return lines
