"""Backup: a whole, checked copy, or none."""

import stat

import apsw
import pytest

from storage.backup import backup, restore
from storage.errors import DatabaseDamaged, LedgerUnavailable
from storage.job_states import JobState
from storage.sqlite import open_reader
from tests.storage.runner import Runner
from tests.storage.teller import NANO, Teller

# A server has its own tools for copies; that they are named is told in
# commands/test_backups.py.
pytestmark = pytest.mark.usefixtures("only_sqlite")


def rows(path, table):
    connection = open_reader(path)
    try:
        return connection.execute(f"SELECT * FROM {table}").fetchall()
    finally:
        connection.close()


def test_a_copy_is_the_ledger(teller, storage, tmp_path):
    caller = teller.caller()
    teller.admit(caller, "r1", NANO)
    teller.settle("r1", 5)
    Runner(teller).at(JobState.RUNNING, caller)
    target = tmp_path / "copy.db"
    assert backup(storage.engine.path, target) == []
    for table in ("account", "transfer", "hold", "usage", "key", "job"):
        assert rows(target, table) == rows(storage.engine.path, table)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.glob("*copy*")] == ["copy.db"]


def test_a_copy_can_be_put_in_place(open_ledger, data, tmp_path):
    storage = open_ledger()
    caller = Teller(storage).caller()
    backup(storage.engine.path, tmp_path / "copy.db")
    Teller(storage).admit(caller, "r1", NANO)
    storage.close()
    storage.engine.path.unlink()
    (tmp_path / "copy.db").rename(storage.engine.path)
    storage = open_ledger()
    assert Teller(storage).available(caller) == 10 * NANO


def test_a_gateway_that_goes_on_writing_is_copied_as_it_was(teller, storage, tmp_path):
    caller = teller.caller()
    for number in range(300):
        teller.caller(1, f"u{number}@example.com")
    seen = []

    def write_meanwhile(done, total):
        seen.append((done, total))
        teller.admit(caller, f"r{len(seen)}", 1)

    copy = tmp_path / "copy.db"
    assert backup(storage.engine.path, copy, write_meanwhile, step=10) == []
    assert len(seen) > 3 and seen[-1][0] == seen[-1][1]
    assert rows(tmp_path / "copy.db", "hold") == []
    assert teller.count("hold") == len(seen)


def test_a_file_is_never_replaced(teller, storage, tmp_path):
    target = tmp_path / "copy.db"
    target.write_text("precious")
    with pytest.raises(FileExistsError):
        backup(storage.engine.path, target)
    assert target.read_text() == "precious"


def test_a_copy_that_is_no_good_gets_no_name(teller, storage, tmp_path):
    teller.caller()
    connection = apsw.Connection(str(storage.engine.path))
    connection.execute("PRAGMA ignore_check_constraints = ON")
    connection.execute("UPDATE account SET debits_pending = -1 WHERE id = 1")
    with pytest.raises(DatabaseDamaged, match="not good"):
        backup(storage.engine.path, tmp_path / "copy.db")
    assert list(tmp_path.glob("*copy*")) == []
    connection.execute("UPDATE account SET debits_pending = 0 WHERE id = 1")
    connection.close()


def test_a_ledger_that_does_not_add_up_is_copied_and_said_so(
    teller, storage, tmp_path
):
    teller.caller()
    teller.sql("UPDATE key SET open_holds = 3")
    (found,) = backup(storage.engine.path, tmp_path / "copy.db")
    assert found.row == "key 1"
    assert (tmp_path / "copy.db").exists()
    teller.sql("UPDATE key SET open_holds = 0")


def test_amounts_too_large_to_be_added_are_a_finding(
    teller, storage, corrupt, tmp_path
):
    """SQLite refuses the sum; the copy is made, and what is wrong with it is said."""
    caller = teller.caller()
    teller.admit(caller, "r1", 1)
    teller.settle("r1", 1)
    corrupt("UPDATE spending SET spent_nano = ?1", (2**63 - 1,))
    corrupt("INSERT INTO spending VALUES (1, 1, ?1)", (2**63 - 1,))
    found = backup(storage.engine.path, tmp_path / "copy.db")
    assert "key 1" in found[0].row
    restored = restore(tmp_path / "copy.db", tmp_path / "new", "autolist.db", 1)
    assert restored == found
    assert list((tmp_path / "new").iterdir()) == []
    corrupt("DELETE FROM spending WHERE day = 1")
    corrupt("UPDATE spending SET spent_nano = 1")


def test_without_a_ledger_there_is_no_copy(tmp_path):
    with pytest.raises(LedgerUnavailable):
        backup(tmp_path / "none.db", tmp_path / "copy.db")
    assert list(tmp_path.iterdir()) == []


# restore


def test_a_broken_copy_is_not_restored(teller, storage, tmp_path):
    teller.caller()
    copy, data = tmp_path / "copy.db", tmp_path / "new"
    backup(storage.engine.path, copy)
    connection = apsw.Connection(str(copy))
    connection.execute("UPDATE account SET debits_posted = 1 WHERE id = 1")
    connection.close()
    found = restore(copy, data, "autolist.db", 1)
    assert {one.invariant for one in found} == {"I1", "I2"}
    assert list(data.iterdir()) == []


def test_a_ledger_is_never_overwritten(teller, storage, data, tmp_path):
    backup(storage.engine.path, tmp_path / "copy.db")
    with pytest.raises(FileExistsError):
        restore(tmp_path / "copy.db", data, storage.engine.path.name, 1)


def test_what_is_restored_is_the_copy(teller, storage, tmp_path):
    teller.caller()
    copy, data = tmp_path / "copy.db", tmp_path / "new"
    backup(storage.engine.path, copy)
    assert restore(copy, data, "autolist.db", 1) == []
    assert rows(data / "autolist.db", "transfer") == rows(copy, "transfer")
