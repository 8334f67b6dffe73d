"""Files: all that SQLite does to a write-ahead log in this process, seen on its way.

A file system for SQLite over the real one, and in its place for as long as it lives.
A commit is pages written to the log and then one flush of it; a `Watch` passes them on,
or does not.
"""

from collections.abc import Callable

import apsw

REAL = apsw.vfs_names()[0]


class Watch:
    """Does what it is asked. Others override one of the two."""

    def write(
        self, write: Callable[[bytes, int], None], data: bytes, offset: int
    ) -> None:
        write(data, offset)

    def flush(self, flush: Callable[[], None]) -> None:
        flush()


class Files(apsw.VFS):
    """Keep it: SQLite only borrows it. Close all connections before `unregister`."""

    def __init__(self, name: str, watch: Watch) -> None:
        self.watch = watch
        super().__init__(name, REAL, makedefault=True)

    def xOpen(self, name, flags):  # noqa: N802
        return _File(name, flags, self.watch)


class _File(apsw.VFSFile):
    def __init__(self, name, flags, watch: Watch) -> None:
        self._watch = watch
        self._log = bool(flags[0] & apsw.SQLITE_OPEN_WAL)
        super().__init__(REAL, name, flags)

    def xWrite(self, data, offset):  # noqa: N802
        if self._log:
            self._watch.write(super().xWrite, data, offset)
        else:
            super().xWrite(data, offset)

    def xSync(self, flags):  # noqa: N802
        if self._log:
            self._watch.flush(lambda: super(_File, self).xSync(flags))
        else:
            super().xSync(flags)

    def xLock(self, level):  # noqa: N802
        try:
            super().xLock(level)
        except apsw.IOError as error:
            # Whoever only reads tries this when he leaves, and SQLite expects a no.
            raise apsw.BusyError("this file is read only") from error
