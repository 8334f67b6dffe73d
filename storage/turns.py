"""Turns: which of several processes may write next.

SQLite alone lets whoever asks at the right moment in: a process that waits sleeps
longer and longer and can starve. Here all queue at a turnstile of two lock files. Who
holds `next` waits for `turn` and lets go of `next` only with `turn` in hand, so that
whoever has just written comes after everybody who waited meanwhile.

Measured with hold and settle on one file, two cores, 4 processes with 16 in flight each
(tests/bench/processes_ledger.py): the slowest commit of all takes 38 ms instead of
2,034 ms by SQLite's own waiting, the poorest process gets 0.99 of the richest's share
instead of 0.41, and hold and settle cost as much CPU as before (180 µs). One lock file
alone is as quick, but its shares fall to 0.89; trying again every 100 µs costs half as
much CPU again; System V semaphores are no fairer and outlive their files.

A lock file is let go by the kernel when its holder dies. No such wait has a limit of
its own, so a thread waits for us where somebody is before us: who gives up leaves it in
its place, and asks from that place the next time. SQLite's own locks still decide what
is right; this decides only who waits.
"""

import fcntl
import os
import threading
from pathlib import Path

from storage.ownership import open_owned


class Turns:
    """The queue of the processes that write to one directory. For one thread."""

    def __init__(self, data: Path) -> None:
        self._next = open_owned(data / "next.lock")
        self._turn = open_owned(data / "turn.lock")
        self._change = threading.Condition()
        self._thread: threading.Thread | None = None
        self._wanted = False
        # Between the moment somebody had to wait and the turn that comes of it, the
        # two files belong to the thread.
        self._standing = False
        self._held = False
        self._closed = False

    def take(self, seconds: float) -> bool:
        """Wait for the turn; False if it has not come by then."""
        with self._change:
            if not self._standing:
                if self._take_at_once():
                    self._held = True
                    return True
                self._stand()
            self._wanted = True
            self._held = self._change.wait_for(self._has_come, seconds)
            self._wanted = False
            return self._held

    def give(self) -> None:
        """Let the next one in; nothing happens if it is not our turn."""
        if self._held:
            self._held = False
            fcntl.flock(self._turn, fcntl.LOCK_UN)

    def close(self) -> None:
        self.give()
        with self._change:
            if self._closed:
                return
            self._closed = True
            self._change.notify_all()
            if self._thread is None:
                self._end()

    def _take_at_once(self) -> bool:
        if not _try(self._next) or not _try(self._turn):
            # The first place in the queue, if we have it, is kept.
            return False
        fcntl.flock(self._next, fcntl.LOCK_UN)
        return True

    def _stand(self) -> None:
        self._standing = True
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._queue, name="ledger-turns", daemon=True
            )
            self._thread.start()
        self._change.notify_all()

    def _has_come(self) -> bool:
        return not self._standing

    # The thread.

    def _queue(self) -> None:
        while self._is_called():
            fcntl.flock(self._next, fcntl.LOCK_EX)
            fcntl.flock(self._turn, fcntl.LOCK_EX)
            fcntl.flock(self._next, fcntl.LOCK_UN)
            self._arrive()
        self._end()

    def _is_called(self) -> bool:
        with self._change:
            self._change.wait_for(lambda: self._standing or self._closed)
            return not self._closed

    def _arrive(self) -> None:
        with self._change:
            self._standing = False
            if self._wanted:
                self._change.notify_all()
            else:
                # Nobody waits any more.
                fcntl.flock(self._turn, fcntl.LOCK_UN)

    def _end(self) -> None:
        os.close(self._next)
        os.close(self._turn)


def _try(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
