"""Recovery: the holds of the dead are voided, those of the living are not."""

import pytest

from storage.database import Ledgerbase
from storage.job_states import LIVE, JobState
from storage.jobs import JobError
from storage.ledger import Settled, admit
from storage.locks import Boots
from storage.recovery import (
    REASON,
    VOIDS_MAX,
    boots_with_open_holds,
    record_boot,
    recover,
    register_prices,
)
from tests.storage.runner import Runner
from tests.storage.teller import NANO, PRICE, Teller, ask


def leave_holds(storage, clock, boot_id, caller, names):
    """What a boot of that name would have left in the file."""
    connection = storage.engine.connect(checked=False)
    connection.begin()
    db = Ledgerbase(connection, clock, storage.ids, boot_id)
    record_boot(db)
    for name in names:
        admit(db, ask(caller, name, 1, concurrency=100_000))
    connection.commit()
    connection.abandon()


def test_the_next_gateway_voids_what_a_dead_one_left(open_ledger, clock):
    storage = open_ledger()
    caller = Teller(storage).caller(NANO)
    leave_holds(storage, clock, "boot_dead", caller, ["a", "b", "c"])
    storage.close()
    storage = open_ledger()
    teller = Teller(storage)
    assert storage.recovered == 3
    assert teller.available(caller) == NANO
    usage = storage.reader.usage("a")
    assert (usage.record.outcome, usage.cost_nano) == (REASON, 0)
    assert teller.sql("SELECT DISTINCT state, reason FROM hold") == [
        ("voided", REASON)
    ]
    assert teller.sql("SELECT open_holds FROM key") == [(0,)]
    assert teller.audit() == []


def test_the_holds_of_the_living_are_left_alone(
    only_sqlite, open_ledger, clock, data
):
    """By its lock file; for leases see postgres/test_leases.py."""
    storage = open_ledger()
    caller = Teller(storage).caller(NANO)
    sibling = Boots(data).take("boot_alive")
    leave_holds(storage, clock, "boot_alive", caller, ["a"])
    storage.close()
    storage = open_ledger()
    assert storage.recovered == 0
    assert [hold.id for hold in storage.reader.open_holds()] == ["a"]
    sibling.release()
    storage.close()
    assert open_ledger().recovered == 1


def test_a_command_recovers_nothing(open_ledger, clock):
    storage = open_ledger()
    caller = Teller(storage).caller(NANO)
    leave_holds(storage, clock, "boot_dead", caller, ["a"])
    storage.close()
    storage = open_ledger(gateway=False)
    assert storage.recovered == 0
    assert len(storage.reader.open_holds()) == 1


def test_the_usage_of_one_taken_for_dead_is_charged_late(open_ledger, clock):
    storage = open_ledger()
    caller = Teller(storage).caller(NANO)
    leave_holds(storage, clock, "boot_slow", caller, ["a"])
    storage.close()
    teller = Teller(open_ledger())
    assert teller.settle("a", 7) == Settled(7, 0, NANO - 7)
    assert teller.audit() == []


@pytest.mark.parametrize("left", [0, 1, VOIDS_MAX, VOIDS_MAX + 1])
def test_any_number_is_voided_in_short_transactions(teller, storage, clock, left):
    caller = teller.caller(NANO)
    names = [f"r{number}" for number in range(left)]
    leave_holds(storage, clock, "boot_dead", caller, names)
    before = storage.writer.statistics().batches
    boots = teller.do(boots_with_open_holds)
    assert boots == (["boot_dead"] if left else [])
    assert recover(teller.do, boots) == left
    batches = storage.writer.statistics().batches - before
    assert batches == 1 + (-(-left // VOIDS_MAX) + 1 if left else 0)


def test_a_price_is_registered_once(teller, clock):
    clock.advance(60)
    teller.do(register_prices, [PRICE, PRICE])
    rows = teller.sql("SELECT id, model, sell FROM price")
    sell = '{"cache_read":1000,"cache_write":0,"input":0,"output":0}'
    assert rows == [(PRICE.id, "gpt-4o", sell)]


@pytest.mark.parametrize("state", JobState)
def test_a_job_goes_on_without_its_boot(open_ledger, clock, state):
    """Its hold is not voided; another process ends it, and pays for it."""
    storage = open_ledger()
    runner = Runner(Teller(storage))
    caller = runner.teller.caller(NANO)
    leave_holds(storage, clock, "boot_dead", caller, ["a"])
    job = runner.at(state, caller, amount_nano=9)
    storage.close()
    storage = open_ledger()
    assert storage.recovered == 1
    runner = Runner(Teller(storage))
    assert runner.found() == job
    assert [hold.id for hold in storage.reader.open_holds()] == (
        ["req_1"] if state in LIVE else []
    )
    assert storage.sweep() == set()
    lost = runner.reads.lost(storage.boots.is_dead)
    assert lost == ([job] if state is JobState.SUBMITTING else [])
    if state in LIVE:
        assert runner.fail(job, JobError("submission_lost", "x", 502)) is not None
        assert storage.reader.usage("req_1").record.outcome == "submission_lost"
        assert runner.teller.available(caller) == NANO
    assert storage.reader.open_holds() == []
    assert runner.teller.audit() == []


def test_a_hold_of_an_ended_job_is_no_reason_to_look(teller, storage, clock):
    runner, caller = Runner(teller), teller.caller(NANO)
    runner.at(JobState.COMPLETED, caller, "video_1", amount_nano=9)
    runner.at(JobState.RUNNING, caller, "video_2", amount_nano=9)
    assert teller.do(boots_with_open_holds) == []
    teller.admit(caller, "a", 1)
    assert teller.do(boots_with_open_holds) == [storage.boot_id]
    assert recover(teller.do, [storage.boot_id]) == 1
    assert runner.found("video_2").live
