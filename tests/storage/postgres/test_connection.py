"""Sessions that end at the wrong moment, and whose lease is whose."""

import pytest

from storage.errors import LedgerUnavailable
from storage.ledger import Exists, Granted, admit, topup
from storage.postgres.engine import PostgresEngine
from storage.recovery import REASON
from tests.fakes.postgres_line import COMMIT
from tests.storage.teller import NANO, Teller, ask


def nothing(db):
    return None


@pytest.mark.parametrize("arrives", [True, False])
def test_a_commit_whose_answer_is_lost_is_found_out(by_line, line, arrives):
    """The batch runs again by its ids: the answer is true, the money moved once."""
    teller = Teller(by_line)
    caller = teller.caller(NANO)
    line.cut_at(COMMIT, arrives=arrives)
    answer = teller.do(topup, caller.account_id, 5, "test", "1")
    assert isinstance(answer, Exists) is arrives
    assert (line.cuts, teller.available(caller)) == (1, NANO + 5)
    line.cut_at(COMMIT, arrives=arrives)
    assert isinstance(teller.admit(caller, "r1", NANO), Granted)
    line.cut_at(COMMIT, arrives=arrives)
    assert teller.settle("r1", 7).paid_nano == 7
    line.cut_at(COMMIT, arrives=arrives)
    assert teller.settle("r1", 7).paid_nano == 7
    assert teller.available(caller) == NANO + 5 - 7
    assert (line.cuts, by_line.writer.statistics().failures) == (4, 0)
    assert teller.audit() == []


def test_a_line_that_stays_broken_is_unavailable_and_the_next_one_heals(by_line, line):
    teller = Teller(by_line)
    caller = teller.caller(NANO)
    line.cut_at(COMMIT, arrives=True, times=4)
    with pytest.raises(LedgerUnavailable):
        teller.do(topup, caller.account_id, 5, "test", "1")
    assert not by_line.writer.statistics().healthy
    # It happened, all the same; the same id finds out.
    assert isinstance(teller.do(topup, caller.account_id, 5, "test", "1"), Exists)
    assert by_line.writer.statistics().healthy
    assert teller.available(caller) == NANO + 5
    assert teller.audit() == []


@pytest.mark.parametrize("word", [b"BEGIN", b"pg_advisory_xact_lock", b"UPDATE"])
def test_a_line_cut_at_any_word_loses_nothing(by_line, line, word):
    teller = Teller(by_line)
    caller = teller.caller(NANO)
    line.cut()
    line.cut_at(word, arrives=True)
    assert isinstance(teller.admit(caller, "r1", 5), Granted)
    assert teller.count("hold") == 1
    assert teller.audit() == []


def test_a_session_that_was_ended_is_opened_again(teller, storage, end_sessions):
    caller = teller.caller(NANO)
    assert end_sessions()
    assert isinstance(teller.admit(caller, "r1", 5), Granted)
    assert teller.available(caller) == NANO - 5
    assert storage.writer.statistics().failures == 0


def test_a_session_that_is_ended_inside_a_batch_runs_it_again(teller, end_sessions):
    caller, runs = teller.caller(NANO), []

    def interrupted(db):
        granted = admit(db, ask(caller, "r1", 5))
        runs.append(granted)
        if len(runs) == 1:
            end_sessions()
        return granted

    assert teller.do(interrupted) == runs[1]
    assert teller.available(caller) == NANO - 5


@pytest.mark.parametrize("code", ["40001", "40P01"])
@pytest.mark.parametrize("times", [1, 3, 4])
def test_a_conflict_is_tried_again_three_times(teller, storage, code, times):
    caller, runs = teller.caller(NANO), []

    def conflicting(db):
        runs.append(None)
        if len(runs) <= times:
            db.sql(f"DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{code}'; END $$")
        return topup(db, caller.account_id, 5, "test", "1")

    if times > 3:
        with pytest.raises(LedgerUnavailable):
            teller.do(conflicting)
        assert teller.available(caller) == NANO
    else:
        teller.do(conflicting)
        assert teller.available(caller) == NANO + 5
    assert len(runs) == min(times, 3) + 1


def test_a_server_that_starts_again_is_found_again(teller, storage, databases):
    caller = teller.caller(NANO)
    databases.cluster.stop()
    with pytest.raises(LedgerUnavailable):
        teller.admit(caller, "r1", 5)
    assert not storage.writer.statistics().healthy
    with pytest.raises(LedgerUnavailable):
        storage.reader.balance(caller.account_id)
    databases.cluster.start()
    assert isinstance(teller.admit(caller, "r1", 5), Granted)
    assert storage.writer.statistics().healthy
    assert teller.available(caller) == NANO - 5


def test_who_stops_inside_a_batch_does_not_stop_the_others(teller, storage):
    """Its session ends before the others give up, and with it its lock."""
    caller = teller.caller(NANO)
    stopped = storage.engine.connect()
    stopped.begin()
    assert isinstance(teller.admit(caller, "r1", 5), Granted)
    assert storage.writer.statistics().failures == 0
    stopped.abandon()


def test_the_servers_default_isolation_does_not_count(open_ledger, url):
    """What is read behind the lock must be what the batch before has left."""
    options = "options=-c%20default_transaction_isolation%3Dserializable"
    teller = Teller(open_ledger(url=f"{url}&{options}"))
    assert teller.sql("SHOW default_transaction_isolation") == [("serializable",)]
    assert teller.sql("SHOW transaction_isolation") == [("read committed",)]


def test_a_wait_for_the_others_has_an_end(open_ledger, settings, url, server):
    storage = open_ledger()
    caller = Teller(storage).caller(NANO)
    other = storage.engine.connect()
    other.sql("SET idle_in_transaction_session_timeout = 0")
    other.begin()
    hasty = storage.engine.connect()
    hasty.sql("SET lock_timeout = 50")
    with pytest.raises(storage.engine.harmless):
        hasty.begin()
    other.roll_back()
    hasty.roll_back()
    hasty.begin()
    hasty.roll_back()
    for connection in (other, hasty):
        connection.abandon()
    assert Teller(storage).available(caller) == NANO


# Leases.


def lease(server, storage):
    ((nano,),) = server(f"SELECT lease_ns FROM boot WHERE id = '{storage.boot_id}'")
    return nano


def test_the_writer_renews_its_lease(storage, server):
    first = lease(server, storage)
    storage.writer.wait(nothing)
    assert lease(server, storage) == first
    storage.engine.renew_seconds = 0.0
    storage.writer.wait(nothing)
    # The upkeep of one batch is done when the next one begins.
    storage.writer.wait(nothing)
    assert lease(server, storage) > first


def test_a_gateway_that_ends_gives_its_lease_back(open_ledger, server):
    storage = open_ledger()
    storage.close()
    assert lease(server, storage) == 0


def test_one_taken_for_dead_by_mistake_is_charged_late(
    open_ledger, other_data, server
):
    first = open_ledger()
    teller = Teller(first)
    caller = teller.caller(NANO)
    teller.admit(caller, "r1", 500)
    server(f"UPDATE boot SET lease_ns = 1 WHERE id = '{first.boot_id}' RETURNING 1")
    second = open_ledger(data=other_data())
    assert second.recovered == 1
    assert second.reader.usage("r1").record.outcome == REASON
    assert teller.available(caller) == NANO
    assert teller.settle("r1", 7).paid_nano == 7
    assert teller.available(caller) == NANO - 7
    assert teller.audit() == []


def test_who_comes_back_from_a_long_pause_keeps_what_it_holds_itself(storage, server):
    teller = Teller(storage)
    caller = teller.caller(NANO)
    teller.admit(caller, "r1", 500)
    # Until the next renewal, which is due in seconds.
    server("UPDATE boot SET lease_ns = 1 RETURNING 1")
    assert storage.sweep() == set()
    assert teller.available(caller) == NANO - 500
    teller.settle("r1", 7)
    assert teller.audit() == []


def test_one_gateway_leads_and_another_takes_over(open_ledger, other_data):
    first = open_ledger()
    second = open_ledger(data=other_data())
    assert [one.engine.leads() for one in (first, second)] == [True, False]
    first.close()
    second.engine.renew_seconds = 0.0
    # The server lets go of a lock when it notices that its session ended.
    while not second.engine.leads():
        second.writer.wait(nothing)


def test_who_lost_its_session_leads_no_more(storage, end_sessions):
    assert storage.engine.leads()
    end_sessions()
    storage.engine.renew_seconds = 60.0
    storage.writer.wait(nothing)
    storage.writer.wait(nothing)
    # On its new session it asks like anybody else.
    assert storage.engine.leads()


def test_one_that_is_stopped_leads_no_longer_than_its_lease(url):
    stopped, other = (PostgresEngine(url, 1.0, boot) for boot in ("boot_a", "boot_b"))
    stopped.lease_seconds = 0.2
    silent, alive = stopped.connect(), other.connect()
    silent.idle()
    assert stopped.leads()
    while not other.leads():
        alive.idle()
    # It goes on as if nothing had been, with a new session.
    with pytest.raises(stopped.unavailable) as lost:
        silent.sql("SELECT 1")
    assert stopped.repeats(lost.value)
    silent.abandon()
    assert not stopped.leads()
    alive.abandon()


def test_a_command_leads_nobody_and_has_no_lease(open_ledger, server):
    storage = open_ledger(gateway=False)
    storage.writer.wait(nothing)
    assert not storage.engine.leads()
    assert server("SELECT count(*) FROM boot") == [(0,)]
