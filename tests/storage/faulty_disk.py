"""A disk that fails when it is told to.

A file system for SQLite, over the real one. While it is broken, flushing a file fails
as it does on a dying disk: after the bytes were handed over and before anybody knows
whether they will ever be read again.
"""

import apsw


class FaultyDisk(apsw.VFS):
    def __init__(self, name: str) -> None:
        self.name = name
        self.broken = False
        self.failures = 0
        super().__init__(name, "")

    def xOpen(self, name, flags):  # noqa: N802
        return _File(name, flags, self)


class _File(apsw.VFSFile):
    def __init__(self, name, flags, disk: FaultyDisk) -> None:
        self._disk = disk
        super().__init__("", name, flags)

    def xSync(self, flags):  # noqa: N802
        if self._disk.broken:
            self._disk.failures += 1
            raise apsw.IOError("the disk is dying")
        return super().xSync(flags)
