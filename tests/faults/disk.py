"""Disks that go wrong, under a whole gateway.

`Disk` counts the flushes of the log, each of which is a commit, and fails those it is
told to: after the bytes were handed over and before anybody knows whether they will
ever be read again.

`SmallDisk` is a real one, of so many bytes: a tmpfs, which takes root to mount.
"""

import errno
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import pytest

from tests.faults.files import Files, Watch

PIECE = bytes(4096)


def never(number: int) -> bool:
    return False


class Disk(Watch):
    """`fails` says of each flush of the log, by its number, whether it fails."""

    def __init__(self) -> None:
        self.fails: Callable[[int], bool] = never
        self.flushes = 0
        self.failures = 0

    def break_down(self) -> None:
        self.fails = lambda number: True

    def mend(self) -> None:
        self.fails = never

    def flush(self, flush: Callable[[], None]) -> None:
        self.flushes += 1
        if self.fails(self.flushes):
            self.failures += 1
            raise apsw.IOError("the disk is dying")
        flush()


@contextmanager
def dying_disk() -> Iterator[Disk]:
    """Under every connection that this process opens in the length of the block, all
    of which are closed before its end."""
    disk = Disk()
    files = Files("dying", disk)
    try:
        yield disk
    finally:
        files.unregister()


@contextmanager
def small_disk(path: Path, size_bytes: int) -> Iterator["SmallDisk"]:
    """A file system of its own at this path for the length of the block."""
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size_bytes}", "tmpfs", str(path)]
    done = subprocess.run(mount, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"no real small disk without root: {done.stderr.strip()}")
    try:
        yield SmallDisk(path)
    finally:
        subprocess.run(["umount", str(path)], check=True)


class SmallDisk:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.filler = path / "filler"

    def fill(self) -> None:
        """To the last byte."""
        descriptor = os.open(self.filler, os.O_WRONLY | os.O_CREAT)
        try:
            while True:
                os.write(descriptor, PIECE)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
        finally:
            os.close(descriptor)

    def clear(self) -> None:
        self.filler.unlink()
