"""Migrations on PostgreSQL: a history of its own, by the same rules.

The whole of what is missing is one transaction under a lock, so of two gateways that
start at once one waits and finds it done.
"""

from importlib import import_module

import psycopg

from storage.errors import DatabaseTooNew

NAMES = (
    "0001_initial",
    "0002_jobs",
    "0003_orders",
    "0004_access",
)
LOCK = 0x6175746F_00000001

HISTORY = """
    CREATE TABLE IF NOT EXISTS migration (
        name TEXT COLLATE "C" NOT NULL PRIMARY KEY, applied_ns BIGINT NOT NULL
    )
"""


def migrate(connection: psycopg.Connection[tuple[str]], now_ns: int) -> list[str]:
    """Bring the schema up to date; the names of the steps that ran."""
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
        if not connection.execute("SELECT to_regclass('migration')").fetchone() == (
            "migration",
        ):
            connection.execute(HISTORY)
        rows = connection.execute("SELECT name FROM migration").fetchall()
        applied = {name for (name,) in rows}
        unknown = sorted(applied.difference(NAMES))
        if unknown:
            raise DatabaseTooNew(
                f"the database has {unknown[0]}, which this version does not know"
            )
        missing = [name for name in NAMES if name not in applied]
        for name in missing:
            for statement in import_module(f"{__name__}.{name}").STATEMENTS:
                connection.execute(statement)
            connection.execute(
                "INSERT INTO migration VALUES (%s, %s)", (name, now_ns)
            )
        return missing
