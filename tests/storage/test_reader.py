"""The reader: pages, reports, and that it can only read."""

import threading

import apsw
import pytest

from storage.accounts import set_account_status
from storage.errors import LedgerBroken, LedgerUnavailable
from storage.ledger import topup
from storage.reader import ROWS_MAX, Balance, ChargeTransfer, HoldsOpen
from storage.statements import INSERT_PRICE
from tests.storage.teller import NANO, PRICE, Teller, used


def test_a_balance_is_what_is_posted_less_what_is_held(teller, storage):
    caller = teller.caller(10 * NANO)
    teller.admit(caller, "a", 3 * NANO)
    teller.admit(caller, "b", 2 * NANO)
    teller.settle("a", NANO)
    expected = Balance(9 * NANO, 2 * NANO, 7 * NANO)
    assert storage.reader.balance(caller.account_id) == expected


def test_transactions_are_the_users_side_of_transfers(teller, storage):
    caller = teller.caller(NANO)
    teller.caller(NANO, "bob@example.com")
    teller.admit(caller, "r1", NANO // 2)
    teller.settle("r1", 2 * NANO)
    teller.do(topup, caller.account_id, 7, "card", "pi_1")
    in_, paid, welcome = storage.reader.transactions(caller.account_id)
    assert (in_.kind, in_.amount_nano, in_.balance_nano) == ("topup", 7, 7)
    assert (in_.ref, in_.request_id, in_.model) == ("pi_1", None, None)
    assert in_.quantities == {}
    assert (paid.kind, paid.amount_nano, paid.balance_nano) == ("usage", -NANO, 0)
    assert (paid.request_id, paid.model) == ("r1", "gpt-4o")
    assert (paid.provider, paid.evidence) == ("openai", "reported")
    assert paid.quantities == used(2 * NANO).quantities
    assert (welcome.kind, welcome.amount_nano) == ("promo", NANO)
    assert in_.seq > paid.seq > welcome.seq
    assert in_.at_ns > paid.at_ns > welcome.at_ns


def test_transactions_come_in_pages(teller, storage):
    caller = teller.caller(0)
    for number in range(7):
        teller.do(topup, caller.account_id, number + 1, "test", str(number))
    pages, before = [], None
    while page := storage.reader.transactions(caller.account_id, before, 3):
        pages.append([record.amount_nano for record in page])
        before = page[-1].seq
    assert pages == [[7, 6, 5], [4, 3, 2], [1]]


@pytest.mark.parametrize("limit, rows", [(-1, 1), (0, 1), (2, 2), (10**9, 3)])
def test_a_page_has_a_limit(teller, storage, limit, rows):
    caller = teller.caller(0)
    for number in range(3):
        teller.do(topup, caller.account_id, 1, "test", str(number))
    assert len(storage.reader.transactions(caller.account_id, None, limit)) == rows
    assert ROWS_MAX == 500


@pytest.mark.parametrize(
    "search, after, limit, found",
    [
        ("", "", 10, ["ada", "bob", "bo_", "cy%"]),
        ("", "bob@example.com", 10, ["cy%"]),
        ("", "", 2, ["ada", "bo_"]),
        ("BO", "", 10, ["bo_", "bob"]),
        ("bo_", "", 10, ["bo_"]),
        ("%", "", 10, ["cy%"]),
        ("example.com", "ada@example.com", 10, ["bo_", "bob", "cy%"]),
        ("nobody", "", 10, []),
    ],
)
def test_users_are_searched_by_address(teller, storage, search, after, limit, found):
    for name in ("bob", "ada", "cy%", "bo_"):
        teller.caller(email=f"{name}@example.com")
    users = storage.reader.users(search, after, limit)
    assert [user.email for user in users] == sorted(
        f"{name}@example.com" for name in found
    )
    assert {user.status for user in users} <= {"active"}


def test_a_users_list_shows_the_status(teller, storage):
    caller = teller.caller()
    teller.do(set_account_status, caller.account_id, "blocked")
    (user,) = storage.reader.users()
    assert (user.status, user.id) == ("disabled", caller.user_id)


def test_what_is_not_there_is_none(storage):
    reader = storage.reader
    assert reader.user("nobody") is None
    assert reader.user_by_email("nobody@example.com") is None
    assert reader.key_by_hash(b"x" * 32) is None
    assert reader.default_key(99) is None
    assert reader.usage("r1") is None
    assert reader.keys(99) == reader.transactions(99) == reader.open_holds() == []


def test_open_holds_are_those_that_run(teller, storage):
    caller = teller.caller()
    for name in ("a", "b", "c"):
        teller.admit(caller, name, NANO)
    teller.settle("a", 1)
    teller.void("b")
    (hold,) = storage.reader.open_holds()
    assert (hold.id, hold.amount_nano, hold.boot_id) == ("c", NANO, storage.boot_id)
    assert storage.reader.holds_open() == HoldsOpen(1, NANO)


def test_where_nothing_is_held_the_sum_is_zero(storage):
    assert storage.reader.holds_open() == HoldsOpen(0, 0)


def test_a_reader_cannot_write(storage):
    with pytest.raises(LedgerUnavailable, match="read-?only"):
        storage.reader._rows("DELETE FROM session")


def test_each_thread_has_its_own_connection_and_all_are_closed(only_sqlite, storage):
    database, connections = storage.reader._reads._database, []

    def read():
        storage.reader.revision()
        connections.append(database.connection())

    for _ in range(3):
        thread = threading.Thread(target=read)
        thread.start()
        thread.join()
    assert len(set(map(id, connections))) == 3
    storage.reader.close()
    for connection in connections:
        with pytest.raises(apsw.ConnectionClosedError):
            connection.execute("SELECT 1")
    with pytest.raises(LedgerUnavailable):
        read_again(storage)


def read_again(storage):
    """In this thread, whose connection was closed with the others'."""
    storage.reader.revision()


# Receipts.


def test_a_receipt_is_all_rows_of_a_request(teller, storage, clock):
    caller = teller.caller()
    teller.admit(caller, "req_1", NANO)
    opened_ns = clock.wall_ns()
    clock.advance(3)
    teller.settle("req_1", 7)
    found = storage.reader.receipt("req_1")
    assert found.report == storage.reader.usage("req_1")
    assert (found.state, found.owner) == ("settled", f"user:{caller.user_id}")
    assert (found.held_nano, found.opened_ns) == (NANO, opened_ns)
    assert found.closed_ns == clock.wall_ns()
    assert found.price == PRICE
    ((seq, digest),) = teller.sql("SELECT seq, hash FROM transfer WHERE code = 'usage'")
    assert found.transfer == ChargeTransfer(
        seq, "usage:req_1", 7, 10 * NANO - 7, clock.wall_ns(), digest
    )


def test_a_receipt_of_a_void_has_no_transfer_until_its_usage_arrives(teller, storage):
    teller.admit(teller.caller(), "req_1", NANO)
    assert storage.reader.receipt("req_1") is None
    teller.void("req_1")
    found = storage.reader.receipt("req_1")
    assert (found.state, found.transfer) == ("voided", None)
    teller.settle("req_1", 5)
    found = storage.reader.receipt("req_1")
    assert (found.state, found.transfer.id) == ("late", "late:req_1")


def test_a_shortfall_is_not_taken_for_the_charge(teller, storage):
    teller.admit(teller.caller(NANO), "req_1", NANO)
    teller.settle("req_1", 3 * NANO)
    found = storage.reader.receipt("req_1")
    assert (found.transfer.id, found.transfer.amount_nano) == ("usage:req_1", NANO)
    assert found.report.shortfall_nano == 2 * NANO


@pytest.mark.parametrize("sell", ['{"input":1,"output":1}', "{}", "no"])
def test_there_is_no_receipt_by_a_price_that_is_not_its_id(open_ledger, sell):
    """The audit finds the price too, so this ledger is not proved afterwards."""
    storage = open_ledger()
    teller = Teller(storage)
    row = ("f00d", "gpt-4o", 0, sell, '{"input":1,"output":1}', 0)
    teller.sql(INSERT_PRICE, row)
    teller.admit(teller.caller(), "req_1", NANO, price_id="f00d")
    teller.void("req_1")
    with pytest.raises(LedgerBroken, match="f00d"):
        storage.reader.receipt("req_1")
    assert [found.row for found in teller.audit()] == ["price f00d"]


def test_a_hold_names_the_price_that_it_was_made_at(teller, storage):
    teller.admit(teller.caller(NANO), "a", 1)
    assert storage.reader.held_price("a") == PRICE
    with pytest.raises(LedgerBroken, match="b was never held for"):
        storage.reader.held_price("b")
