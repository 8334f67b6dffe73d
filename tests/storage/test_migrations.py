"""From the first schema, with data in it, to the newest: nothing is lost."""

import re
from importlib import import_module

import apsw
import pytest

from storage import DATABASE
from storage.audit import audit
from storage.chain import FIRST
from storage.errors import DatabaseDamaged
from storage.job_states import JobState
from storage.migrations import HISTORY, NAMES, _apply, migrate
from storage.reports import _TRAFFIC as TRAFFIC
from storage.sqlite import SqliteSnapshot, open_writer
from storage.statements import (
    ENTER_KEY,
    FIND_CAPS,
    INSERT_HOLD,
    INSERT_TRANSFER,
    INSERT_USAGE,
    KEY_SPENDING,
)
from tests.storage.runner import PRICE_NANO, Runner
from tests.storage.teller import PRICE, Caller, Teller

DAY_NS = 86_400 * 10**9
AT = 20_000 * DAY_NS
P = PRICE.id
RATES = '{"input":0,"cache_read":1000,"cache_write":0,"output":0}'

# A user with 1000: one call charged 300, one late for 50, a voided one, one running,
# and a voucher of 10 that was spent.
OLD = f"""
    UPDATE account SET debits_posted = 10 WHERE id = 1;
    UPDATE account SET credits_posted = 355 WHERE id = 2;
    UPDATE account SET debits_posted = 5 WHERE id = 3;
    UPDATE account SET debits_posted = 1000 WHERE id = 4;
    INSERT INTO account (id, kind, owner, credits_posted, debits_posted, debits_pending,
        created_ns) VALUES (5, 'user', 'user:u', 1010, 350, 70, 1);
    INSERT INTO "user" VALUES ('u', 'ada@example.com', 'hash', 'user', 5, 1);
    INSERT INTO key (id, account_id, hash, mask, sealed, open_holds, created_ns)
        VALUES (1, 5, x'01', 'tk', x'02', 1, 1);
    INSERT INTO price VALUES ('{P}', 'gpt-4o', 0, '{RATES}', '{RATES}', 1);
    INSERT INTO boot VALUES ('boot_old', 1, 'host', 1);
    INSERT INTO hold VALUES
        ('a', 5, 1, 300, 0, '{P}', 'gpt-4o', 1, 0, 'settled', NULL, 'boot_old', 1, 2),
        ('b', 5, 1, 300, 0, '{P}', 'gpt-4o', 1, 0, 'voided', 'x', 'boot_old', 1, 2),
        ('c', 5, 1, 300, 0, '{P}', 'gpt-4o', 1, 0, 'voided', 'x', 'boot_old', 1, 2),
        ('d', 5, 1, 70, 0, '{P}', 'gpt-4o', 1, 0, 'open', NULL, 'boot_old', 1, NULL);
    INSERT INTO transfer VALUES
        (1, 'promo:w', 'promo', 4, 5, 1000, 5, 1000, NULL, 'w', 1),
        (2, 'usage:a', 'usage', 5, 2, 300, 5, 700, 'a', NULL, 2),
        (3, 'late:b', 'late', 5, 2, 50, 5, 650, 'b', NULL, 3),
        (4, 'shortfall:b', 'shortfall', 3, 2, 5, NULL, NULL, 'b', NULL, 4),
        (5, 'topup:voucher:03', 'topup', 1, 5, 10, 5, 660, NULL, '03', 5);
    INSERT INTO usage VALUES
        ('a', 5, 1, '{P}', 'gpt-4o', 'o', 'o', 'reported', 0, 300, 0, 0, NULL, '300000',
            300, 300, 0, 'complete', 200, 1, 5, 9, 1, 0, {AT}),
        ('b', 5, 1, '{P}', 'gpt-4o', 'o', 'o', 'reported', 0, 55, 0, 0, NULL, '55000',
            55, 50, 5, 'complete', 200, 1, 5, 9, 1, 0, {AT + DAY_NS}),
        ('c', 5, 1, '{P}', 'gpt-4o', '', '', 'none', 0, 0, 0, 0, NULL, '0',
            0, 0, 0, 'x', 0, 0, NULL, 0, 0, 0, {AT});
    INSERT INTO voucher VALUES (x'03', 10, 'b', 1, 5, 5, 'topup:voucher:03');
"""

# The histories differ: each engine's first schema has its own story.
pytestmark = pytest.mark.usefixtures("only_sqlite")


@pytest.fixture
def path(tmp_path):
    return tmp_path / DATABASE


@pytest.fixture
def connection(path):
    """A ledger as the first version left it."""
    opened = open_writer(path, 1)
    opened.execute(HISTORY)
    for statement in import_module("storage.migrations.0001_initial").STATEMENTS:
        opened.execute(statement)
    opened.execute("INSERT INTO migration VALUES (?, 1)", (NAMES[0],))
    opened.execute(OLD)
    yield opened
    opened.close()


def content(connection):
    """The whole schema and every row."""
    schema = connection.execute(
        "SELECT type, name, sql FROM sqlite_schema ORDER BY 1, 2"
    ).fetchall()
    tables = [name for kind, name, _ in schema if kind == "table"]
    return schema, {
        name: connection.execute(f'SELECT * FROM "{name}"').fetchall()
        for name in tables
    }


def test_an_old_ledger_is_proved_after_the_steps(connection):
    assert migrate(connection, 9) == list(NAMES[1:])
    assert audit(SqliteSnapshot(connection)) == []
    assert migrate(connection, 9) == []


def test_its_transfers_are_chained_in_their_order(connection):
    migrate(connection, 9)
    rows = connection.execute("SELECT seq, prev_hash, hash FROM transfer").fetchall()
    assert [seq for seq, _, _ in rows] == [1, 2, 3, 4, 5]
    hashes = [FIRST, *[hashed for _, _, hashed in rows]]
    assert [previous for _, previous, _ in rows] == hashes[:-1]
    assert len(set(hashes)) == 6


def test_keys_know_what_they_spent_and_hold(connection):
    migrate(connection, 9)
    ((spent, pending),) = connection.execute("SELECT spent_nano, pending_nano FROM key")
    assert (spent, pending) == (350, 70)
    days = connection.execute("SELECT * FROM spending ORDER BY day").fetchall()
    assert days == [(1, 20_000, 300), (1, 20_001, 50)]


def test_the_guards_are_there_again(connection):
    migrate(connection, 9)
    for statement in ("UPDATE transfer SET amount_nano = 1", "DELETE FROM transfer"):
        with pytest.raises(apsw.ConstraintError, match="a transfer never"):
            connection.execute(statement)
    with pytest.raises(apsw.ConstraintError, match="FOREIGN KEY"):
        connection.execute("UPDATE voucher SET transfer_id = 'nothing'")


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE hold SET state = 'lost' WHERE id = 'd'",
        "UPDATE usage SET evidence = 'guessed'",
        "INSERT INTO transfer SELECT 6, 'gift:1', 'gift', debit_id, credit_id,"
        " amount_nano, 0, account_id, balance_nano, hold_id, NULL, ref, NULL, NULL, 6,"
        " prev_hash, hash, NULL FROM transfer WHERE seq = 1",
    ],
)
def test_a_word_that_is_none_is_refused(connection, change):
    migrate(connection, 9)
    with pytest.raises(apsw.ConstraintError, match="CHECK"):
        connection.execute(change)


@pytest.mark.parametrize("insert", [INSERT_HOLD, INSERT_TRANSFER, INSERT_USAGE])
def test_what_a_request_writes_is_checked_without_a_table(connection, insert):
    migrate(connection, 9)
    nothing = (None,) * insert.count("?")
    steps = connection.execute(f"EXPLAIN {insert}", nothing).fetchall()
    assert "OpenEphemeral" not in {step[1] for step in steps}


def test_the_words_of_a_check_change_and_no_row(connection):
    for name in NAMES[1 : NAMES.index("0007_checks")]:
        _apply(connection, name, 9)
    schema, rows = content(connection)
    _apply(connection, "0007_checks", 9)
    reworded, after = content(connection)
    changed = {one[1] for one in set(reworded) - set(schema)}
    assert changed == {"hold", "transfer", "usage"}
    assert len(reworded) == len(schema)
    assert after.pop("migration") == [*rows.pop("migration"), ("0007_checks", 9)]
    assert after == rows
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert connection.execute("PRAGMA writable_schema").fetchall() == [(0,)]


@pytest.mark.parametrize("statement", [ENTER_KEY, FIND_CAPS, KEY_SPENDING, TRAFFIC])
def test_the_days_of_an_account_or_a_key_are_found_by_an_index(connection, statement):
    migrate(connection, 9)
    nothing = (None,) * max(int(n) for n in re.findall(r"\?(\d+)", statement))
    plan = connection.execute(f"EXPLAIN QUERY PLAN {statement}", nothing).fetchall()
    looks = " ".join(text for _, _, _, text in plan)
    assert "day>?" in looks and "SCAN " not in looks


def test_the_sums_of_one_day_lie_together(connection):
    migrate(connection, 9)
    for table in ("usage_day", "spending"):
        ((first,),) = connection.execute(
            "SELECT name FROM pragma_table_info(?) WHERE pk = 1", (table,)
        )
        assert first == "day"


def test_a_step_that_fails_leaves_the_old_schema(connection):
    """A reference to nothing is found before the commit; all of it is undone."""
    connection.execute("PRAGMA foreign_keys = OFF")
    connection.execute("UPDATE voucher SET transfer_id = 'nothing'")
    with pytest.raises(DatabaseDamaged, match="row .* of voucher"):
        migrate(connection, 9)
    names = connection.execute("SELECT name FROM migration").fetchall()
    assert names == [(NAMES[0],)]
    ((columns,),) = connection.execute(
        "SELECT count(*) FROM pragma_table_info('transfer')"
    )
    assert columns == 11
    assert connection.execute("PRAGMA foreign_keys").fetchall() == [(1,)]


@pytest.mark.parametrize("number", range(1, len(NAMES)))
def test_each_step_is_done_whole_or_not_at_all(connection, number):
    """Its record is the last it writes; without that all before is undone."""
    for name in NAMES[1:number]:
        _apply(connection, name, 9)
    connection.execute(
        f"CREATE TRIGGER stop BEFORE INSERT ON migration WHEN NEW.name ="
        f" '{NAMES[number]}' BEGIN SELECT RAISE(ABORT, 'stop'); END"
    )
    before = content(connection)
    with pytest.raises(apsw.ConstraintError, match="stop"):
        migrate(connection, 9)
    assert content(connection) == before
    connection.execute("DROP TRIGGER stop")
    assert migrate(connection, 9) == list(NAMES[number:])
    assert audit(SqliteSnapshot(connection)) == []


def test_days_have_the_sums_of_old_usage(connection):
    migrate(connection, 9)
    days = connection.execute(
        "SELECT day, requests, failed, cache_read, cost_nano, paid_nano, buy_nano"
        " FROM usage_day ORDER BY day"
    ).fetchall()
    assert days == [(20_000, 2, 1, 300, 300, 300, 0), (20_001, 1, 0, 55, 55, 50, 0)]


def test_days_know_the_rare_meters_of_old_usage(connection):
    other = '{"cache_write_1h":4,"reasoning":3,"image":2,"generation":1,"second":9}'
    connection.execute(
        "UPDATE usage SET input = 9, cache_write = 10, output = 20, other = ?"
        " WHERE request_id = 'c'",
        (other,),
    )
    migrate(connection, 9)
    days = connection.execute(
        "SELECT input, cache_write, output, images, videos FROM usage_day"
        " WHERE day = 20000"
    ).fetchall()
    assert days == [(9, 14, 23, 2, 1)]


def test_the_gateway_goes_on_with_an_old_ledger(connection, open_ledger, data, path):
    """It voids what the old boot held and writes the next link."""
    connection.close()
    data.mkdir()
    path.rename(data / DATABASE)
    (data / "secret").write_bytes(bytes(32))
    (data / "secret").chmod(0o600)
    storage = open_ledger()
    assert storage.recovered == 1
    assert storage.reader.balance(5).available_nano == 660
    assert PRICE.id


def test_an_old_ledger_takes_jobs(connection, open_ledger, data, path):
    connection.close()
    data.mkdir()
    path.rename(data / DATABASE)
    (data / "secret").write_bytes(bytes(32))
    (data / "secret").chmod(0o600)
    runner = Runner(Teller(open_ledger()))
    old = Caller(5, 1, None, "u", "ada@example.com")
    assert runner.at(JobState.COMPLETED, old, amount_nano=100).live is False
    assert runner.reads.live() == 0
    assert runner.teller.available(old) == 660 - PRICE_NANO
    assert runner.teller.audit() == []


def test_the_guards_of_jobs_are_there(connection):
    migrate(connection, 9)
    guards = "SELECT name FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ?"
    names = {name for (name,) in connection.execute(guards, ("job",))}
    assert names == {"job_purpose", "job_ended", "job_no_delete"}
