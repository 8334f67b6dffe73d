"""Past everything that guards a ledger, as whoever edits it behind its back must go.

Triggers, checks and the watch on references are off; each yields what runs a statement.
"""

from contextlib import contextmanager

import apsw
import psycopg
from psycopg.errors import CheckViolation, NumericValueOutOfRange

AGAINST_A_CHECK = (CheckViolation, NumericValueOutOfRange)


@contextmanager
def in_file(path):
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA ignore_check_constraints = ON")
    connection.set_busy_timeout(1000)
    guards = "SELECT name FROM sqlite_schema WHERE type = 'trigger'"
    for (guard,) in connection.execute(guards).fetchall():
        connection.execute(f"DROP TRIGGER {guard}")
    try:
        yield connection.execute
    finally:
        connection.close()


@contextmanager
def in_postgres(url):
    with psycopg.connect(url, autocommit=True) as connection:
        yield unguarded(connection)


def unguarded(connection):
    """What runs a statement in a session, or in a transaction that will be undone.

    Checks go only when a statement is against one, or has figures that one cannot
    compute with. A database without them cannot be lent to another test, and making
    one takes longer than most tests.
    """
    # A replica believes what it is told: no trigger fires, no reference is watched.
    connection.execute("SET session_replication_role = replica")

    def execute(statement):
        try:
            with connection.transaction():
                return connection.execute(statement)
        except AGAINST_A_CHECK:
            drop_checks(connection)
            return connection.execute(statement)

    return execute


def drop_checks(connection):
    checks = connection.execute(
        "SELECT conrelid::regclass, conname FROM pg_constraint WHERE contype = 'c'"
        " AND connamespace = 'public'::regnamespace"
    ).fetchall()
    for table, name in checks:
        connection.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')
