"""Each statement is understood, and none of the hot ones reads a whole table."""

import re

import pytest

from storage import statements
from storage.postgres.engine import PostgresEngine
from storage.sqlite import open_reader

NAMES = [
    name
    for name, text in vars(statements).items()
    if name.isupper()
    and isinstance(text, str)
    and text.split()[0] in ("SELECT", "UPDATE", "INSERT", "DELETE")
]
HOT = [
    "FIND_HOLD",
    "RESERVE",
    "ENTER_KEY",
    "INSERT_HOLD",
    "CLOSE_HOLD",
    "CHARGE",
    "BOOK_SALES",
    "CREDIT",
    "SPEND",
    "EXTEND_KEY",
    "FIND_CAPS",
    "KEY_STANDING",
    "KEY_SPENDING",
    "COUNT_KEYS",
    "REVERSED",
    "INSERT_TRANSFER",
    "INSERT_USAGE",
    "LEAVE_KEY",
    "LAST_TRANSFER",
    "FIND_KEY_BY_HASH",
    "OPEN_HOLDS_OF_BOOT",
    "FIND_TRANSFER",
    "LOCK_ACCOUNT",
    "HAS_REPLAY",
    "HAS_OLD_REPLAY",
    "FIND_REPLAY",
    "TAKE_REPLAY",
    "KEEP_ANSWER",
    "PURGE_REPLAYS",
    "FIND_ORDER",
    "FIND_ORDER_BY_OBJECT",
    "FIND_ORDER_BY_PAYMENT",
    "FIND_ORDER_BY_NAME",
    "COUNT_WAITING_ORDERS",
    "KEEP_REVERSAL",
    "REVERSALS",
    "KEEP_EVENT",
    "PURGE_ORDERS",
    "PURGE_REVERSALS",
    "PURGE_EVENTS",
]


@pytest.fixture(scope="module")
def empty_url(databases):
    """The address of a ledger that nobody writes to."""
    name = databases.lend()
    yield databases.cluster.url(name)
    databases.give_back(name)


@pytest.fixture
def plan(engine_name, request):
    """What an engine would do for a statement, in lines."""
    if engine_name == "sqlite":
        path = request.getfixturevalue("empty_file")
        return lambda statement: file_plan(path, statement)
    engine = PostgresEngine(request.getfixturevalue("empty_url"), 1.0)
    return lambda statement: server_plan(engine, statement)


def arguments(statement):
    return [None] * max(map(int, re.findall(r"\?(\d+)", statement)), default=0)


def file_plan(path, statement):
    connection = open_reader(path)
    try:
        explain = "EXPLAIN QUERY PLAN " + statement
        return [row[3] for row in connection.execute(explain, arguments(statement))]
    finally:
        connection.close()


def server_plan(engine, statement):
    """As of tables so large that reading one whole is never the best."""
    connection = engine.connect()
    try:
        connection.sql("SET enable_seqscan = off")
        rows = connection.sql("EXPLAIN " + statement, arguments(statement))
        return [line.strip() for (line,) in rows]
    finally:
        connection.abandon()


@pytest.mark.parametrize("name", NAMES)
def test_the_schema_understands(plan, name):
    plan(getattr(statements, name))


@pytest.mark.parametrize("name", HOT)
def test_the_cost_does_not_grow_with_the_table(plan, engine_name, name):
    steps = plan(getattr(statements, name))
    if engine_name == "postgres":
        assert [line for line in steps if "Seq Scan" in line] == []
        return
    # "SCAN transfer" walks from the newest row, and stops at the first.
    allowed = ["SCAN transfer"] if name == "LAST_TRANSFER" else []
    assert [line for line in steps if line.startswith("SCAN")] == allowed
