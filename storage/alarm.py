"""Alarm: the ledger does not add up, told to every process of a gateway.

One of them audits, and all must stop admitting within seconds. So the first finding
goes into a file beside the ledger, where the others look, and where a process that
starts meanwhile finds it too. Only a proof of the whole ledger takes it away. It is no
row of the ledger because a broken file may take none.
"""

import os
from pathlib import Path
from typing import Protocol

from storage.ownership import give

FILE = "broken"
BYTES_MAX = 4096


class Alarm(Protocol):
    """Of one ledger, for all who serve it."""

    def sound(self, reason: str) -> None: ...

    def reason(self) -> str | None:
        """What was found, or None while all is well."""
        ...

    def silence(self) -> None: ...


class FileAlarm:
    """Of one data directory."""

    def __init__(self, data: Path) -> None:
        self._path = data / FILE

    def sound(self, reason: str) -> None:
        partial = self._path.with_name(f".{FILE}.{os.getpid()}")
        partial.write_bytes(reason.encode()[:BYTES_MAX])
        give(partial)
        os.replace(partial, self._path)

    def reason(self) -> str | None:
        """What was found, or None while all is well."""
        try:
            return self._path.read_bytes().decode("utf-8", "replace")
        except FileNotFoundError:
            return None

    def silence(self) -> None:
        self._path.unlink(missing_ok=True)
