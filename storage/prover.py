"""The prover: proves the whole ledger in another process, while this one serves.

Reading millions of rows takes minutes of a core. A thread would take them from the
requests, because one interpreter runs one thread at a time; a process with a low
priority takes what they leave. It gets what it needs on standard input, where no other
user's `ps` sees it, and ends when that closes: a gateway that is killed leaves nothing
behind.
"""

import os
import subprocess
import sys
import threading
from pathlib import Path

import orjson

from storage.audit import Finding, prove
from storage.engine import Engine
from storage.errors import DatabaseDamaged, LedgerUnavailable

NICENESS = 10
_ROOT = Path(__file__).resolve().parent.parent
_PROGRAM = "from storage.prover import main; main()"


class Prover:
    """Starts one proof at a time; `stop` ends it from another thread."""

    def __init__(self, data: Path, url: str = "") -> None:
        self._place = orjson.dumps([os.fsdecode(data.absolute()), url])
        self._process: subprocess.Popen[bytes] | None = None

    def run(self) -> list[Finding]:
        """What is wrong in the whole ledger. Blocks until the other process is done;
        LedgerUnavailable if it could not say."""
        command = [sys.executable, "-c", _PROGRAM]
        pipe = subprocess.PIPE
        with subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=pipe, cwd=_ROOT
        ) as process:
            self._process = process
            assert process.stdin is not None and process.stdout is not None
            try:
                process.stdin.write(self._place + b"\n")
                process.stdin.flush()
                answer = process.stdout.read()
            except BrokenPipeError:
                answer = b""
            finally:
                self._process = None
            _, said = process.communicate()
        if process.returncode:
            lines = said.decode(errors="replace").splitlines() or ["it was ended"]
            raise LedgerUnavailable(f"the whole could not be proved: {lines[-1]}")
        return [Finding(*found) for found in orjson.loads(answer)]

    def stop(self) -> None:
        """`run` then raises."""
        process = self._process
        if process is not None:
            process.kill()


def findings_of(engine: Engine) -> list[Finding]:
    """The file itself first: rows of a damaged one prove nothing."""
    try:
        engine.connect(checked=True).abandon()
    except DatabaseDamaged as error:
        return [Finding("I6", "database", str(error))]
    return prove(engine.snapshot)[0]


def main() -> None:
    """The other process."""
    os.nice(NICENESS)
    # Not above: storage opens with this file among its own.
    from storage import engine_at

    data, url = orjson.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        found = findings_of(engine_at(Path(data), url))
    except LedgerUnavailable as error:
        sys.exit(str(error))
    text = orjson.dumps([[one.invariant, one.row, one.text] for one in found])
    sys.stdout.buffer.write(text)


def _end_with_parent() -> None:
    """The pipe closes when the gateway ends, by whatever death."""
    os.read(sys.stdin.fileno(), 1)
    os._exit(1)
