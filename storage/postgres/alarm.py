"""The alarm where gateways share a database and no directory: a row.

One of them audits, for all. Where even this row cannot be written nothing is admitted
either, because then the ledger cannot be written.
"""

from collections.abc import Callable
from typing import Any

import psycopg
from psycopg import errors

from storage.alarm import BYTES_MAX
from storage.errors import LedgerUnavailable

Connect = Callable[[], "psycopg.Connection[Any]"]

_SOUND = """
    INSERT INTO alarm (id, reason) VALUES (1, %s)
    ON CONFLICT (id) DO UPDATE SET reason = excluded.reason
"""
_REASON = "SELECT reason FROM alarm"
_SILENCE = "DELETE FROM alarm"


class TableAlarm:
    """Of one database. Raises LedgerUnavailable."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect

    def sound(self, reason: str) -> None:
        text = reason.replace("\0", "")
        self._run(_SOUND, [text.encode()[:BYTES_MAX].decode(errors="ignore")])

    def reason(self) -> str | None:
        """What was found, or None while all is well."""
        found = self._run(_REASON)
        return str(found[0][0]) if found else None

    def silence(self) -> None:
        self._run(_SILENCE)

    def _run(self, statement: str, params: list[str] | None = None) -> list[Any]:
        try:
            with self._connect() as connection:
                cursor = connection.execute(statement.encode(), params)
                return cursor.fetchall() if cursor.description else []
        except errors.UndefinedTable:
            # A database without a schema: nobody has found anything.
            return []
        except psycopg.Error as error:
            raise LedgerUnavailable(
                f"the database cannot be used now: {' '.join(str(error).split())}"
            ) from error
