"""Condition: which database the ledger is in, and how old its schema is.

Read only: unlike a start it makes nothing and brings nothing up to date.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import apsw

from storage import migrations
from storage.engine import Engine, Snapshot

SERVER = (
    "SELECT current_setting('server_version'),"
    " CAST(current_setting('server_version_num') AS integer)"
)
HAS_HISTORY = "SELECT to_regclass('migration') IS NOT NULL"
APPLIED = "SELECT name FROM migration ORDER BY name"


@dataclass(frozen=True, slots=True)
class Condition:
    """Of one database; `known` are this program's steps of the schema, in order."""

    server: str
    applied: tuple[str, ...]
    known: Sequence[str]
    oldest: str = ""
    too_old: bool = False

    @property
    def missing(self) -> tuple[str, ...]:
        return tuple(name for name in self.known if name not in self.applied)

    @property
    def unknown(self) -> tuple[str, ...]:
        return tuple(name for name in self.applied if name not in self.known)


def condition(engine: Engine, on_server: bool) -> Condition:
    """Raises LedgerUnavailable if it cannot be read."""
    with engine.snapshot() as snapshot:
        if on_server:
            return _of_server(snapshot)
        server = f"SQLite {apsw.sqlite_lib_version()}"
        return Condition(server, _applied(snapshot), migrations.NAMES)


def _of_server(snapshot: Snapshot) -> Condition:
    # Only who keeps the ledger there has psycopg.
    from storage.migrations import postgres
    from storage.postgres.engine import OLDEST_SERVER

    ((version, number),) = snapshot.rows(SERVER)
    ((has_history,),) = snapshot.rows(HAS_HISTORY)
    return Condition(
        f"PostgreSQL {version}",
        _applied(snapshot) if has_history else (),
        postgres.NAMES,
        oldest=f"PostgreSQL {OLDEST_SERVER}",
        too_old=number < OLDEST_SERVER * 10_000,
    )


def _applied(snapshot: Snapshot) -> tuple[str, ...]:
    return tuple(name for (name,) in snapshot.rows(APPLIED))
