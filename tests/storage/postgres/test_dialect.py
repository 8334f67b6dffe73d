"""Shared statements in PostgreSQL's words."""

import pytest

from storage.postgres.dialect import Translated, translate


@pytest.mark.parametrize(
    "statement, text, used",
    [
        ("SELECT 1", "SELECT 1", ()),
        ("SELECT ?1, ?2, ?1", "SELECT $1, $2, $1", (0, 1)),
        # PostgreSQL allows no gaps.
        ("SELECT ?8 + ?1 + ?11", "SELECT $2 + $1 + $3", (0, 7, 10)),
        ("SELECT '?' || ?1", "SELECT '?' || $1", (0,)),
    ],
)
def test_parameters_are_numbered_without_gaps(statement, text, used):
    assert translate(statement) == Translated(text, used, silent=False)


@pytest.mark.parametrize(
    "statement, silent",
    [
        ("UPDATE t SET x = 1", True),
        ("\n    INSERT INTO t VALUES (?1)\n    ON CONFLICT (x) DO NOTHING", True),
        ("DELETE FROM t", True),
        ("UPDATE t SET x = 1\n RETURNING x", False),
        ("INSERT INTO t VALUES (1) RETURNING\nid", False),
        ("SELECT 1", False),
        ("WITH a AS (SELECT 1) SELECT * FROM a", False),
        ("UPDATED", False),
    ],
)
def test_what_has_no_rows_is_not_waited_for(statement, silent):
    assert translate(statement).silent is silent
