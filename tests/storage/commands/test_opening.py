"""Opening the ledger for one command: what is said when that cannot be done."""

import pytest

from storage import DATABASE


@pytest.mark.parametrize(
    "command",
    [
        ["verify"],
        ["backup", "copy.db"],
        ["user", "list"],
        ["user", "grant", "ada@example.com", "1"],
        ["key", "list", "ada@example.com"],
        ["receipt", "show", "req_1"],
        ["refund", "usage:req_1", "1", "--reason", "r", "--author", "a"],
    ],
)
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


@pytest.mark.parametrize(
    "command",
    [
        ["user", "grant", "ada@example.com", "1"],
        ["user", "list"],
    ],
)
def test_who_works_on_a_ledger_that_does_not_add_up_is_told(
    ada, run, open_ledger, command
):
    """It is not refused: what is wrong is mended with commands."""
    storage = open_ledger()
    assert run(*command).stderr == ""
    storage.alarm.sound("I3 account 5: it has 1, it should have 2")
    answer = run(*command)
    assert answer.exit_code == 0
    assert "does not add up: I3 account 5: it has 1" in answer.stderr
    assert "booked all the same" in answer.stderr
    storage.alarm.silence()
