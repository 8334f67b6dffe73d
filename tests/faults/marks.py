"""Marks: the gateway's own program, killed at one exact point of its life.

    python -m tests.faults.marks MOMENT STATEMENT COUNT serve --data DATA …

It is run_proxy.py as an operator starts it. Nothing in it is replaced: SQLite itself
tells us where it is, by the trace of its statements and by a file system that lies
under the database. The transaction that runs STATEMENT for the COUNT-th time is the
one that is struck:

    before-commit   it is complete, and COMMIT was never said
    torn-write      COMMIT was said, and half a page of it reached the log
    after-commit    the log has reached the disk, and nobody was told

Death is kill -9, from inside: no destructor, no flush, no answer. That the mark was
reached is said on standard error before, so that a test can prove that it was.
"""

import os
import signal
import sys
from collections.abc import Callable

import apsw

from tests.faults.files import Files, Watch

BEFORE, TORN, AFTER = "before-commit", "torn-write", "after-commit"
REACHED = "mark reached"
HEADER_BYTES = 100


class Mark(Watch):
    """One point: counts down to its transaction, then waits for its moment."""

    def __init__(self, moment: str, statement: str, count: int) -> None:
        self.moment = moment
        self.statement = statement
        self.count = count
        self.marked = False
        self.committing = False

    def watch(self, connection: apsw.Connection) -> None:
        connection.exec_trace = self.see

    def see(self, cursor: apsw.Cursor, statement: str, params: object) -> bool:
        """Every statement of the process passes here before it runs."""
        if self.statement in statement:
            self.count -= 1
            self.marked = self.marked or self.count == 0
        elif statement == "ROLLBACK":
            self.marked = False
        elif statement == "COMMIT" and self.marked:
            if self.moment == BEFORE:
                self.die()
            self.committing = True
        return True

    def write(
        self, write: Callable[[bytes, int], None], data: bytes, offset: int
    ) -> None:
        # A frame's header is short; a page of its own follows it.
        if self.committing and self.moment == TORN and len(data) > HEADER_BYTES:
            write(data[: len(data) // 2], offset)
            self.die()
        write(data, offset)

    def flush(self, flush: Callable[[], None]) -> None:
        flush()
        if self.committing and self.moment == AFTER:
            self.die()

    def die(self) -> None:
        words = f"{REACHED}: {self.moment} {self.statement}\n"
        os.write(2, words.encode())
        os.kill(os.getpid(), signal.SIGKILL)


def install(mark: Mark) -> Files:
    """Keep what is returned: SQLite only borrows it."""
    apsw.connection_hooks.append(mark.watch)
    return Files("marked", mark)


if __name__ == "__main__":
    moment, statement, count, *arguments = sys.argv[1:]
    files = install(Mark(moment, statement, int(count)))
    # Only now: what it imports opens nothing, what it runs does.
    from run_proxy import main

    main(arguments)
