"""Opening the ledger for one command: what is said when that cannot be done."""

import pytest

from storage import DATABASE


@pytest.mark.parametrize("command", [["verify"], ["backup", "copy.db"]])
def test_without_a_ledger_there_is_nothing_to_do(only_sqlite, run, command, data):
    answer = run(*command)
    assert answer.exit_code == 2
    assert "there is no ledger" in answer.stderr
    assert not data.exists()


def test_a_file_that_is_no_database_is_said_so(only_sqlite, run, data):
    data.mkdir()
    (data / DATABASE).write_bytes(b"no database " * 1000)
    for command in (["verify"], ["user", "list"]):
        answer = run(*command)
        assert (answer.exit_code, len(answer.stderr.splitlines())) == (2, 1)
