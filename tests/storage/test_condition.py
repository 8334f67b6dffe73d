"""Condition: what is told of a database without changing it."""

import pytest

from storage import DATABASE, engine_at, migrations
from storage.condition import Condition, condition
from storage.errors import LedgerUnavailable


def test_a_ledger_has_every_step_that_the_program_knows(open_ledger, data, url) -> None:
    open_ledger().close()
    found = condition(engine_at(data, url), bool(url))
    assert (found.missing, found.unknown, found.too_old) == ((), (), False)
    assert found.applied[0] == "0001_initial"
    assert found.server.split()[0] == ("PostgreSQL" if url else "SQLite")


def test_an_empty_database_has_none(databases, tmp_path) -> None:
    url = databases.cluster.url(databases.cluster.create("template0"))
    found = condition(engine_at(tmp_path, url), True)
    assert found.applied == () and found.missing[0] == "0001_initial"


def test_a_file_that_is_no_ledger_cannot_be_read(tmp_path) -> None:
    (tmp_path / DATABASE).write_bytes(b"")
    with pytest.raises(LedgerUnavailable):
        condition(engine_at(tmp_path, ""), False)


def test_steps_are_compared_by_name() -> None:
    names = migrations.NAMES
    found = Condition("SQLite 3", (*names[:-1], "0999_later"), names)
    assert (found.missing, found.unknown) == ((names[-1],), ("0999_later",))
