"""Opening and closing a data directory."""

import os
import stat
import sys
from dataclasses import replace

import apsw
import psycopg
import pytest

from storage import DATABASE, open_storage
from storage.errors import (
    DatabaseDamaged,
    DatabaseInUse,
    DatabaseTooNew,
    LedgerBroken,
    LedgerUnavailable,
    StorageError,
    UnsupportedPostgres,
    WrongSecret,
)
from storage.ledger import Granted, Insufficient
from storage.locks import FileLock
from tests.storage.teller import NANO, PRICE, Teller


def test_a_new_file_is_for_its_owner_alone(only_sqlite, open_ledger, data):
    storage = open_ledger()
    assert storage.engine.path == data / DATABASE
    assert stat.S_IMODE(storage.engine.path.stat().st_mode) == 0o600


def test_an_empty_directory_becomes_a_ledger(open_ledger, data):
    storage = open_ledger()
    assert storage.recovered == 0
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    assert stat.S_IMODE((data / "secret").stat().st_mode) == 0o600
    house = "SELECT owner FROM account WHERE id > 0 ORDER BY id"
    assert Teller(storage).sql(house) == [
        ("cash",),
        ("revenue",),
        ("shortfall",),
        ("promo",),
    ]


def test_what_was_written_is_there_after_the_next_opening(open_ledger):
    storage = open_ledger()
    caller = Teller(storage).caller(NANO)
    storage.close()
    storage = open_ledger()
    assert storage.reader.balance(caller.account_id).available_nano == NANO
    found = storage.reader.key_by_hash(storage.secrets.key_hash(caller.key.plain))
    assert found.id == caller.key_id


def test_there_is_one_gateway_and_any_number_of_commands(only_sqlite, open_ledger):
    """On a server there may be any number of both."""
    first = open_ledger()
    with pytest.raises(DatabaseInUse):
        open_ledger()
    commands = [open_ledger(gateway=False) for _ in range(3)]
    for number, command in enumerate(commands):
        Teller(command).caller(1, f"u{number}@example.com")
    assert len(first.reader.users()) == 3
    first.close()
    open_ledger()


def test_a_command_may_come_first(open_ledger):
    caller = Teller(open_ledger(gateway=False)).caller(NANO)
    gateway = open_ledger()
    assert gateway.reader.balance(caller.account_id).available_nano == NANO


def test_each_opening_is_a_boot_of_its_own(open_ledger):
    first = open_ledger()
    first.close()
    second = open_ledger()
    assert first.boot_id != second.boot_id
    assert Teller(second).sql("SELECT id FROM boot ORDER BY id") == [
        (boot_id,) for boot_id in sorted([first.boot_id, second.boot_id])
    ]


def test_prices_are_registered_at_the_opening(open_ledger):
    assert Teller(open_ledger()).sql("SELECT id FROM price") == [(PRICE.id,)]


def test_closing_twice_is_closing_once(open_ledger, data, url):
    storage = open_ledger()
    storage.close()
    storage.close()
    names = {path.name for path in data.iterdir()}
    files, locks = {"secret", "checkpoint.json"}, set()
    if not url:
        files |= {DATABASE, "boots"}
        locks = {"gateway", "schema", "leader", "next", "turn"}
    assert names == files | {f"{name}.lock" for name in locks}
    assert list((data / "boots").glob("*.lock")) == []


@pytest.mark.parametrize("gateway", [True, False])
def test_a_file_that_is_no_database_is_refused(only_sqlite, open_ledger, data, gateway):
    data.mkdir()
    (data / DATABASE).write_bytes(b"a letter to my landlord " * 500)
    with pytest.raises(DatabaseDamaged, match="no database"):
        open_ledger(gateway=gateway)


def test_a_ledger_without_its_secret_is_refused(open_ledger, data):
    storage = open_ledger()
    Teller(storage).caller()
    storage.close()
    (data / "secret").unlink()
    with pytest.raises(DatabaseDamaged, match="secret"):
        open_ledger()
    assert not (data / "secret").exists()


def test_a_damaged_file_is_refused_by_the_gateway(only_sqlite, open_ledger):
    """A server looks after its own pages."""
    storage = open_ledger()
    for number in range(200):
        Teller(storage).caller(1, f"u{number}@example.com")
    storage.close()
    stored = bytearray(storage.engine.path.read_bytes())
    for at in range(4096 * 3, len(stored), 4096):
        stored[at : at + 200] = b"\xff" * 200
    storage.engine.path.write_bytes(stored)
    with pytest.raises(DatabaseDamaged):
        open_ledger()
    # The refused opening let go of the locks: the answer is the same, not "in use".
    with pytest.raises(DatabaseDamaged):
        open_ledger()


def test_a_ledger_with_another_secret_is_refused(open_ledger, data):
    """Also one without keys: whoever comes second must not make them useless."""
    open_ledger().close()
    (data / "secret").write_bytes(bytes(32))
    with pytest.raises(WrongSecret, match="bring the file `secret`"):
        open_ledger(gateway=False)


def test_a_ledger_whose_secret_stayed_behind_is_refused(open_ledger, data):
    open_ledger().close()
    (data / "secret").unlink()
    with pytest.raises(DatabaseDamaged, match="bring the file `secret`"):
        open_ledger()
    assert not (data / "secret").exists()


def test_gateways_share_a_database(only_postgres, open_ledger, other_data):
    """Two machines: neither takes the other for dead."""
    first, second = Teller(open_ledger()), Teller(open_ledger(data=other_data()))
    caller = first.caller(2 * NANO)
    assert isinstance(first.admit(caller, "r1", NANO), Granted)
    assert isinstance(second.admit(caller, "r2", NANO), Granted)
    assert isinstance(first.admit(caller, "r3", 1), Insufficient)
    third = open_ledger(data=other_data())
    assert third.recovered == 0
    second.settle("r1", 7)
    first.settle("r2", 7)
    assert first.available(caller) == 2 * NANO - 14


@pytest.fixture
def without_psycopg():
    """As on a machine where nobody installed the extra."""
    name = "storage.postgres.engine"
    kept = sys.modules.get(name)
    sys.modules[name] = None
    yield
    del sys.modules[name]
    if kept is not None:
        sys.modules[name] = kept


def test_without_psycopg_the_extra_is_named(without_psycopg, data, settings):
    with pytest.raises(UnsupportedPostgres, match="the extra `postgres`"):
        open_storage(data, settings, gateway=True, url="postgresql://u@h/d")


def test_a_server_that_is_away_is_unavailable(only_postgres, data, settings):
    with pytest.raises(LedgerUnavailable, match="cannot be used now"):
        open_storage(
            data, settings, gateway=True, url="postgresql://u:pw@127.0.0.1:1/none"
        )


def test_an_address_that_is_none_is_refused_without_its_password(
    only_postgres, data, settings
):
    with pytest.raises(StorageError) as caught:
        open_storage(
            data, settings, gateway=True, url="postgresql://u:tops3cret@h/d?x=1"
        )
    assert "tops3cret" not in str(caught.value)


def test_what_is_in_the_way_is_said(only_postgres, open_ledger, url):
    """A database that is somebody else's, with a table of that name."""
    with psycopg.connect(url, autocommit=True) as other:
        other.execute("DELETE FROM migration")
    with pytest.raises(DatabaseDamaged, match="already exists"):
        open_ledger()


def test_a_newer_schema_is_refused(open_ledger):
    storage = open_ledger()
    Teller(storage).sql("INSERT INTO migration VALUES ('9999_future', 1)")
    storage.close()
    with pytest.raises(DatabaseTooNew, match="9999_future"):
        open_ledger()


def test_a_migration_is_whole_or_absent(only_sqlite, open_ledger, data, settings):
    """One that finds its work half done by somebody else changes nothing; for a server
    see test_what_is_in_the_way_is_said."""
    data.mkdir()
    connection = apsw.Connection(str(data / DATABASE))
    connection.execute("CREATE TABLE voucher (x)")
    with pytest.raises(apsw.SQLError, match="already exists"):
        open_ledger()
    tables = connection.execute(
        "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name"
    ).fetchall()
    assert tables == [("migration",), ("voucher",)]
    connection.execute("DROP TABLE voucher")
    connection.close()
    open_ledger()


def test_a_locked_file_is_unavailable(only_sqlite, open_ledger):
    """How long a server is waited for is told in postgres/test_connection.py."""
    storage = open_ledger()
    other = apsw.Connection(str(storage.engine.path))
    storage.close()
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(LedgerUnavailable):
        open_ledger()
    other.execute("ROLLBACK")
    other.close()
    open_ledger()


def test_the_machines_clock_and_chance_are_the_default(data, settings):
    storage = open_storage(data, settings, gateway=True)
    assert storage.clock.wall_ns() > 10**18
    assert storage.ids.make("x") != storage.ids.make("x")
    storage.close()


# Several processes of one gateway.


def join(open_ledger, lock):
    """As a worker does: by a descriptor of its own for the same lock, if one is needed
    at all."""
    own = None
    if lock is not None:
        own = FileLock.inherited(lock.path, os.dup(lock.fileno()))
    return open_ledger(joined=own, proved=True)


@pytest.fixture
def gateways(open_ledger):
    """So many processes of one gateway, after the first one has proved the ledger."""

    def open_some(count):
        lock = open_ledger().hand_over()
        opened = [join(open_ledger, lock) for _ in range(count)]
        if lock is not None:
            lock.release()
        return opened

    return open_some


def test_others_join_by_the_lock_that_was_handed_over(only_sqlite, open_ledger):
    """On a server nobody needs one."""
    lock = open_ledger().hand_over()
    with pytest.raises(DatabaseInUse):
        open_ledger()
    first, second = join(open_ledger, lock), join(open_ledger, lock)
    lock.release()
    assert Teller(first).audit() == []
    first.close()
    # It is held as long as one of them lives.
    with pytest.raises(DatabaseInUse):
        open_ledger()
    second.close()
    open_ledger()


def test_who_joins_goes_on_where_the_proof_ended(open_ledger):
    first = open_ledger()
    Teller(first).caller()
    assert first.auditor.audit() == []
    proved = first.auditor.proved
    first.close()
    assert open_ledger(proved=True).auditor.proved == proved


def test_after_an_alarm_no_checkpoint_is_believed(open_ledger, settings):
    large = replace(settings, boot_proof_transfers=0)
    first = open_ledger(settings=large)
    Teller(first).caller()
    assert first.auditor.audit() == []
    first.close()
    second = open_ledger(settings=large)
    assert second.auditor.whole_due
    second.alarm.sound("what another worker found")
    second.close()
    third = open_ledger(settings=large)
    assert (third.auditor.whole_due, third.alarm.reason()) == (False, None)


def test_one_leads_until_it_is_gone(gateways):
    first, second = gateways(2)
    assert sorted((first.leads(), second.leads())) == [False, True]
    if second.leads():
        first, second = second, first
    first.close()
    second.engine.renew_seconds = 0.0
    # A server lets go of a lock when it notices that a session ended.
    while not second.leads():
        second.writer.wait(lambda db: None)


def test_the_dead_are_swept_and_the_living_left_alone(gateways):
    leader, living, dying = gateways(3)
    caller = Teller(leader).caller(NANO)
    for storage, name in [(leader, "a"), (living, "b"), (dying, "c")]:
        assert isinstance(Teller(storage).admit(caller, name, 1), Granted)
    assert leader.sweep() == set()
    dying.close()
    assert leader.sweep() == {dying.boot_id}
    assert leader.recovered == 1
    assert [hold.id for hold in leader.reader.open_holds()] == ["a", "b"]


def test_an_audit_does_not_blame_a_ledger_for_a_death(gateways):
    leader, dying = gateways(2)
    caller = Teller(leader).caller(NANO)
    Teller(dying).admit(caller, "a", 1)
    dying.close()
    assert leader.auditor.audit() == []
    assert leader.reader.open_holds() == []


def test_a_finding_is_heard_by_all_until_the_whole_ledger_is_proved(
    gateways, open_ledger
):
    leader, other = gateways(2)
    assert other.alarm.reason() is None
    account = Teller(leader).caller(NANO).account_id
    wrong = "UPDATE account SET debits_pending = ?2 WHERE id = ?1"
    leader.writer.wait(lambda db: db.sql(wrong, (account, 5)))
    (found, *_) = leader.auditor.audit()
    assert other.alarm.reason() == str(found)
    leader.close()
    other.close()
    with pytest.raises(LedgerBroken):
        open_ledger()
    beside = open_ledger(gateway=False)
    beside.writer.wait(lambda db: db.sql(wrong, (account, 0)))
    beside.close()
    assert open_ledger().alarm.reason() is None
