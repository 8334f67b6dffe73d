"""Locks: who lives.

A lock file is held by the kernel for as long as the process lives and let go when it
dies, by whatever death. So "can this lock be taken?" answers "is that process dead?"
without clocks, process numbers or leases. The database file itself is never locked
this way: SQLite's own locks on it would be lost.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from storage.ownership import give, open_owned

_BOOTS = "boots"


class FileLock:
    """A file held by this process until `release`."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor

    @classmethod
    def try_take(cls, path: Path) -> "FileLock | None":
        """The lock, or None while somebody else holds it."""
        return cls._take(path, fcntl.LOCK_EX | fcntl.LOCK_NB)

    @classmethod
    def take(cls, path: Path) -> "FileLock":
        """The lock, after waiting for whoever holds it."""
        lock = cls._take(path, fcntl.LOCK_EX)
        assert lock is not None
        return lock

    @classmethod
    def _take(cls, path: Path, how: int) -> "FileLock | None":
        while True:
            descriptor = open_owned(path)
            try:
                fcntl.flock(descriptor, how)
            except BlockingIOError:
                os.close(descriptor)
                return None
            if _is_still(path, descriptor):
                return cls(path, descriptor)
            # The former holder removed the file meanwhile: this lock guards nothing.
            os.close(descriptor)

    @classmethod
    def inherited(cls, path: Path, descriptor: int) -> "FileLock":
        """One that another process took and shares: free when both are dead."""
        os.set_inheritable(descriptor, False)
        return cls(path, descriptor)

    def fileno(self) -> int:
        return self._descriptor

    def release(self, remove: bool = False) -> None:
        if remove:
            self.path.unlink(missing_ok=True)
        os.close(self._descriptor)


class Boots:
    """The boot locks of one data directory."""

    def __init__(self, data: Path) -> None:
        self._directory = data / _BOOTS
        self._directory.mkdir(mode=0o700, exist_ok=True)
        give(self._directory)

    def take(self, boot_id: str) -> FileLock:
        """Called before a boot's first row, so that no living boot looks dead."""
        return FileLock.take(self._path(boot_id))

    def is_dead(self, boot_id: str) -> bool:
        """Asked by one process at a time: while one tries the lock, it is taken, and
        to another the dead would look alive.
        """
        with locked(self._directory / "guard"):
            lock = FileLock.try_take(self._path(boot_id))
            if lock is None:
                return False
            lock.release(remove=True)
            return True

    def sweep(self) -> None:
        """Remove the files of the dead."""
        for path in self._directory.glob("*.lock"):
            self.is_dead(path.stem)

    def _path(self, boot_id: str) -> Path:
        return self._directory / f"{boot_id}.lock"


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Alone on this machine for the length of a block."""
    lock = FileLock.take(path)
    try:
        yield
    finally:
        lock.release()


def _is_still(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False
