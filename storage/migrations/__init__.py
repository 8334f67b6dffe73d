"""Migrations: the schema's history, each step once and whole.

A step and the record that it ran are one transaction, so a process killed in between
leaves the old schema, not half of the new one. The list is the order.
"""

from importlib import import_module

import apsw

from storage.errors import DatabaseDamaged, DatabaseTooNew

NAMES = (
    "0001_initial",
    "0002_chain",
    "0003_replays",
    "0004_jobs",
    "0005_orders",
    "0006_access",
    "0007_checks",
    "0008_by_day",
)

HISTORY = (
    "CREATE TABLE IF NOT EXISTS migration"
    " (name TEXT NOT NULL PRIMARY KEY, applied_ns INTEGER NOT NULL) STRICT"
)


def migrate(connection: apsw.Connection, now_ns: int) -> list[str]:
    """Bring the schema up to date; the names of the steps that ran."""
    connection.execute(HISTORY)
    applied = _applied(connection)
    unknown = sorted(applied.difference(NAMES))
    if unknown:
        raise DatabaseTooNew(
            f"the database has {unknown[0]}, which this version does not know"
        )
    missing = [name for name in NAMES if name not in applied]
    for name in missing:
        _apply(connection, name, now_ns)
    return missing


def _applied(connection: apsw.Connection) -> set[str]:
    return {name for (name,) in connection.execute("SELECT name FROM migration")}


def _apply(connection: apsw.Connection, name: str, now_ns: int) -> None:
    step = import_module(f"{__name__}.{name}")
    if hasattr(step, "prepare"):
        step.prepare(connection)
    # A table that others refer to can only be made anew without the watch on
    # references; what they refer to is checked before the commit instead.
    connection.execute("PRAGMA foreign_keys = OFF")
    connection.execute("BEGIN IMMEDIATE")
    try:
        for statement in step.STATEMENTS:
            connection.execute(statement)
        _check_references(connection)
        connection.execute("INSERT INTO migration VALUES (?, ?)", (name, now_ns))
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    finally:
        connection.execute("PRAGMA foreign_keys = ON")


def _check_references(connection: apsw.Connection) -> None:
    for table, row, parent, _ in connection.execute("PRAGMA foreign_key_check"):
        raise DatabaseDamaged(
            f"row {row} of {table} refers to a row of {parent} that is not there"
        )
