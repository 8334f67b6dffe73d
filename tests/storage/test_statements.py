"""Each statement is understood, and none of the hot ones reads a whole table."""

import re

import pytest

from storage import statements
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
    "BOOK_SALE",
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
]


def plan(storage, name):
    connection = open_reader(storage.engine.path)
    statement = getattr(statements, name)
    nulls = [None] * max(map(int, re.findall(r"\?(\d+)", statement)), default=0)
    try:
        rows = connection.execute("EXPLAIN QUERY PLAN " + statement, nulls)
        return [row[3] for row in rows]
    finally:
        connection.close()


@pytest.mark.parametrize("name", NAMES)
def test_the_schema_understands(storage, name):
    plan(storage, name)


@pytest.mark.parametrize("name", HOT)
def test_the_cost_does_not_grow_with_the_table(storage, name):
    steps = plan(storage, name)
    # "SCAN transfer" walks from the newest row, and stops at the first.
    allowed = ["SCAN transfer"] if name == "LAST_TRANSFER" else []
    assert [line for line in steps if line.startswith("SCAN")] == allowed
