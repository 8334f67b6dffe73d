"""SQLite: how connections are opened, and what they are."""

import apsw
import pytest

from storage.errors import DatabaseDamaged, UnsupportedSqlite
from storage.sqlite import (
    CACHE_KIB,
    CHECKPOINT_PAGES,
    SqliteEngine,
    check,
    open_reader,
    open_writer,
    require_sqlite,
    uri,
)

# About the engine itself; the other one's tests are in postgres/.
pytestmark = pytest.mark.usefixtures("only_sqlite")


@pytest.mark.parametrize("version", ["3.7.0", "3.40.1", "3.51.2", "2.99.99"])
def test_an_old_library_is_refused(version):
    with pytest.raises(UnsupportedSqlite, match=f"{version} is too old; 3.51.3"):
        require_sqlite(version)


@pytest.mark.parametrize("version", ["3.51.3", "3.54.1", "3.100.0", "4.0.0"])
def test_a_new_library_is_good(version):
    require_sqlite(version)


@pytest.mark.parametrize(
    "pragma, value",
    [
        ("journal_mode", "wal"),
        ("synchronous", 2),
        ("foreign_keys", 1),
        ("busy_timeout", 1500),
        ("wal_autocheckpoint", 0),
        ("trusted_schema", 0),
        ("fullfsync", 1),
        ("cache_size", -CACHE_KIB),
    ],
)
def test_a_writer_is_durable_and_strict(tmp_path, pragma, value):
    connection = open_writer(tmp_path / "x.db", 1.5)
    assert connection.execute(f"PRAGMA {pragma}").fetchall() == [(value,)]
    connection.close()


@pytest.mark.parametrize("name", ["x.db", "a b?c#d%20.db", "数据.db"])
def test_any_path_can_be_opened(tmp_path, name):
    path = tmp_path / name
    connection = open_writer(path, 1)
    connection.execute("CREATE TABLE t (x)")
    connection.close()
    assert path.exists()
    reader = open_reader(path)
    assert reader.execute("SELECT * FROM t").fetchall() == []
    with pytest.raises(apsw.ReadOnlyError):
        reader.execute("DROP TABLE t")
    reader.close()
    assert uri(path, "ro", "disk").endswith("?mode=ro&vfs=disk")


def test_a_reader_makes_no_file(tmp_path):
    with pytest.raises(apsw.CantOpenError):
        open_reader(tmp_path / "none.db")
    assert list(tmp_path.iterdir()) == []


def test_faults_keep_their_class(tmp_path):
    """Peewee would call them all operational errors."""
    with pytest.raises(apsw.CantOpenError):
        open_writer(tmp_path / "no" / "directory.db", 1)
    (tmp_path / "text").write_bytes(b"no database " * 1000)
    with pytest.raises(apsw.NotADBError):
        open_writer(tmp_path / "text", 1)


def test_a_broken_file_does_not_pass(tmp_path):
    connection = open_writer(tmp_path / "x.db", 1)
    connection.execute("CREATE TABLE t (x INTEGER CHECK (x > 0)) STRICT")
    check(connection)
    connection.execute("PRAGMA ignore_check_constraints = ON")
    connection.execute("INSERT INTO t VALUES (0)")
    connection.execute("PRAGMA ignore_check_constraints = OFF")
    with pytest.raises(DatabaseDamaged, match="CHECK"):
        check(connection)
    connection.close()


# Several processes on one file.


@pytest.fixture
def engines(tmp_path):
    """Two, as two processes have them: each with open files of its own."""
    made = [SqliteEngine(tmp_path / "x.db", 0.05) for _ in range(2)]
    made[0].prepare(1, checked=False)
    yield made
    for engine in made:
        engine.resign()


@pytest.fixture
def connections(engines):
    made = [engine.connect() for engine in engines]
    yield made
    for connection in made:
        connection.abandon()


def test_who_does_not_get_a_turn_is_told_that_it_is_busy(connections):
    mine, theirs = connections
    mine.begin()
    with pytest.raises(apsw.BusyError, match="other processes write"):
        theirs.begin()
    mine.commit()
    theirs.begin()
    theirs.roll_back()
    mine.begin()
    mine.roll_back()


def test_a_transaction_that_cannot_begin_gives_its_turn_back(connections, tmp_path):
    mine, theirs = connections
    stranger = open_writer(tmp_path / "x.db", 0)
    stranger.execute("BEGIN IMMEDIATE")
    with pytest.raises(apsw.BusyError):
        mine.begin()
    stranger.execute("ROLLBACK")
    stranger.close()
    theirs.begin()
    theirs.commit()


def test_an_abandoned_connection_keeps_nobody_waiting(connections):
    mine, theirs = connections
    mine.begin()
    mine.abandon()
    theirs.begin()
    theirs.commit()


def test_the_leader_checkpoints_in_its_turn_only(connections, engines):
    mine, theirs = connections
    assert engines[0].leads()
    mine.begin()
    mine.sql("CREATE TABLE t (x)")
    mine.commit()
    # As if there had been many.
    engines[0].wal_pages = CHECKPOINT_PAGES
    theirs.begin()
    mine.idle()
    assert engines[0].upkeep().checkpoints == 0
    theirs.commit()
    mine.idle()
    assert engines[0].upkeep().checkpoints == 1


def test_one_leads_and_another_takes_over(engines):
    first, second = engines
    assert first.leads() and first.leads()
    assert not second.leads()
    first.resign()
    assert second.leads()
    assert (first.checkpoints, second.checkpoints) == (False, True)
    assert not first.leads()
    first.resign()
    assert second.leads()
