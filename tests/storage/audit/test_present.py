"""What stands, each thing changed by hand."""

import pytest

from storage.audit.present import STANDING, dead_boots_hold_nothing
from storage.checkpoint import BEGINNING, Checkpoint
from storage.ledger import Decision, refund
from storage.vouchers import create_vouchers, redeem
from tests.storage.ordering import Till, back, new_order, paid
from tests.storage.runner import Runner
from tests.storage.teller import NANO, Teller

CODE = "00000-00000-00000-00000"


@pytest.fixture
def storage(prepared, open_ledger):
    """Not proved afterwards: these tests break it."""
    storage = open_ledger()
    teller = Teller(storage)
    caller = teller.caller()
    teller.admit(caller, "r1", NANO)
    teller.admit(caller, "r2", NANO)
    teller.settle("r1", 5)
    teller.do(create_vouchers, [CODE], NANO, "batch")
    teller.do(redeem, caller.account_id, CODE)
    teller.do(refund, "usage:r1", 2, Decision("1", "why", "who"))
    till = Till(teller)
    till.place(new_order(caller))
    till.hear(paid())
    till.hear(back(400))
    return storage


def found_in(storage, since=BEGINNING):
    with storage.engine.snapshot() as snapshot:
        return {
            f"{one.invariant} {one.row.partition(' (')[0].partition(' ')[0]}"
            for check in STANDING
            for one in check(snapshot, since)
        }


def test_nothing_is_found_in_what_is_right(storage):
    assert found_in(storage) == set()


WRONGS = [
    ("UPDATE account SET debits_posted = 1 WHERE id = -1", {"I1 account"}),
    ("UPDATE account SET owner = 'x' WHERE id = 2", {"I2 account"}),
    ("UPDATE account SET owner = 'user:x' WHERE id = 5", {"I2 account"}),
    ("UPDATE account SET kind = 'house' WHERE id = 5", {"I2 account"}),
    ("UPDATE account SET kind = 'user' WHERE id = 1", {"I2 account", "I4 account"}),
    ("UPDATE account SET id = 9 WHERE id = 5", {"I2 account", "I2 user", "I3 account"}),
    ("UPDATE account SET debits_pending = 0 WHERE id = 5", {"I3 account"}),
    ("UPDATE key SET open_holds = 2", {"I3 key"}),
    ("UPDATE key SET pending_nano = 2", {"I3 key"}),
    ("UPDATE key SET spent_nano = 6", {"I3 key"}),
    ("UPDATE spending SET spent_nano = 6", {"I3 key", "I12 key"}),
    ("UPDATE usage_day SET cost_nano = 6, paid_nano = 6", {"I12 key"}),
    ("UPDATE usage_day SET paid_nano = 6", {"I12 key"}),
    ("UPDATE usage_day SET cost_nano = 4", {"I12 key"}),
    ("UPDATE usage_day SET day = day + 1", {"I12 key"}),
    ("UPDATE usage_day SET account_id = 1", {"I12 account", "I12 key"}),
    ("UPDATE usage_day SET key_id = 9", {"I12 key"}),
    ("UPDATE usage_day SET buy_nano = 6", {"I12 account"}),
    ("UPDATE usage_day SET requests = 3", {"I12 account"}),
    ("UPDATE usage_day SET failed = 2", {"I12 key"}),
    ("UPDATE usage_day SET failed = -1", {"I12 key"}),
    ("DELETE FROM usage_day", {"I12 account", "I12 key"}),
    (
        "UPDATE account SET credits_posted = debits_posted WHERE id = 5",
        {"I1 account", "I2 account", "I4 account"},
    ),
    ("UPDATE price SET sell = buy || ' '", set()),
    ("UPDATE price SET sell = '{\"input\":1,\"output\":1}'", {"I7 price"}),
    ("UPDATE price SET buy = 'nonsense'", {"I7 price"}),
    ("UPDATE price SET model = 'x'", {"I7 price"}),
    ("UPDATE price SET effective_from_ns = 1", {"I7 price"}),
    ("UPDATE voucher SET amount_nano = 1", {"I8 voucher"}),
    ("UPDATE voucher SET spent_by = 1", {"I8 voucher"}),
    ("UPDATE voucher SET code_hash = substr(code_hash, 2)", {"I8 voucher"}),
    ("UPDATE voucher SET transfer_id = 'usage:r1'", {"I8 voucher"}),
    ("UPDATE payment_order SET amount_nano = 2 * amount_nano", {"I8 order"}),
    ("UPDATE payment_order SET account_id = 1", {"I8 order"}),
    ("UPDATE payment_order SET object_id = 'cs_2'", {"I8 order"}),
    ("UPDATE payment_order SET object_id = NULL", {"I8 order"}),
    ("UPDATE payment_order SET method = 'epay'", {"I8 order"}),
    ("UPDATE payment_order SET transfer_id = 'usage:r1'", {"I8 order", "I8 transfer"}),
    ("UPDATE payment_order SET taken_nano = 1", {"I8 order"}),
    ("DELETE FROM payment_order", {"I8 transfer"}),
    ("UPDATE transfer SET amount_nano = 6 WHERE code = 'refund'", {"I8 transfer"}),
    ("UPDATE transfer SET reverses = 'x' WHERE code = 'refund'", {"I8 transfer"}),
]


@pytest.mark.parametrize("statement, rows", WRONGS)
def test_what_was_changed_is_named(storage, corrupt, statement, rows):
    corrupt(statement)
    assert found_in(storage) == rows


def test_requests_of_days_are_counted_with_the_whole_only(storage, corrupt):
    ((hashed,),) = Teller(storage).sql("SELECT hash FROM transfer WHERE seq = 2")
    corrupt("UPDATE usage_day SET requests = 3")
    assert found_in(storage, Checkpoint(2, 0, hashed, {})) == set()
    corrupt("UPDATE usage_day SET paid_nano = 1")
    assert found_in(storage, Checkpoint(2, 0, hashed, {})) == {"I12 key"}


def test_the_transfer_of_a_checkpoint_has_its_hash(storage):
    ((hashed,),) = Teller(storage).sql("SELECT hash FROM transfer WHERE seq = 2")
    assert found_in(storage, Checkpoint(2, 0, hashed, {})) == set()
    assert found_in(storage, Checkpoint(2, 0, b"x", {})) == {"I6 transfer"}
    assert found_in(storage, Checkpoint(99, 0, hashed, {})) == {"I6 transfer"}


def test_after_a_checkpoint_open_holds_are_looked_at(storage, corrupt):
    corrupt("UPDATE hold SET key_id = 9 WHERE id = 'r2'")
    ((hashed,),) = Teller(storage).sql("SELECT hash FROM transfer WHERE seq = 2")
    assert "I10 hold" in found_in(storage, Checkpoint(2, 0, hashed, {}))
    assert "I10 hold" not in found_in(storage)


def test_holds_of_a_dead_boot_are_named(storage):
    with storage.engine.snapshot() as snapshot:
        (found,) = dead_boots_hold_nothing(snapshot, lambda boot_id: True)
        assert list(dead_boots_hold_nothing(snapshot, lambda boot_id: False)) == []
    assert str(found) == f"I9 boot {storage.boot_id}: dead, it has 1 open holds"


def test_what_a_job_holds_is_not_its_boots(storage):
    teller = Teller(storage)
    caller = teller.caller(NANO, "jobs@example.com")
    Runner(teller).opened(caller, amount_nano=9)
    teller.void("r2")
    with storage.engine.snapshot() as snapshot:
        assert list(dead_boots_hold_nothing(snapshot, lambda boot_id: True)) == []


def test_after_a_checkpoint_live_jobs_are_looked_at(storage, corrupt):
    teller = Teller(storage)
    Runner(teller).opened(teller.caller(NANO, "jobs@example.com"), amount_nano=9)
    ((hashed,),) = teller.sql("SELECT hash FROM transfer WHERE seq = 2")
    assert found_in(storage, Checkpoint(2, 0, hashed, {})) == set()
    corrupt("UPDATE job SET model = 'x'")
    assert "I11 job" in found_in(storage, Checkpoint(2, 0, hashed, {}))
    assert "I11 job" not in found_in(storage)
