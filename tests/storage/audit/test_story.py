"""The story's checks, each fed by hand with rows that are right but for one thing."""

import pytest

from storage.audit import rows
from storage.audit.story import (
    Balances,
    Links,
    Spending,
    Sums,
    charge_is_of_a_hold,
    charge_is_what_was_used,
    margin_is_booked,
    request_is_as_digested,
    shortfall_is_booked,
    topup_is_single,
)
from storage.checkpoint import BEGINNING
from storage.statements import DAY_NS
from tests.storage.teller import NANO


class PaperSnapshot:
    """Answers with what the first table has that a statement reads."""

    def __init__(self, **tables):
        self.tables = tables

    def rows(self, statement, params=()):
        name = next(name for name in self.tables if f"FROM {name}" in statement)
        return iter(self.tables[name])


@pytest.fixture
def told(teller, storage):
    """A welcome, a charge with a shortfall, the shortfall, and a late charge."""
    caller = teller.caller(NANO)
    teller.admit(caller, "r1", NANO // 2)
    teller.admit(caller, "r2", NANO // 2)
    teller.void("r2")
    teller.settle("r1", 3 * NANO)
    teller.settle("r2", 0)
    with storage.engine.snapshot() as snapshot:
        return [list(row) for row in snapshot.rows(rows.ROWS, (0, 0, 10))]


def judges():
    """New ones: some remember the rows that they were fed."""
    return [
        Links(BEGINNING).feed,
        Balances().feed,
        charge_is_of_a_hold,
        charge_is_what_was_used,
        shortfall_is_booked,
        request_is_as_digested,
        margin_is_booked,
        topup_is_single,
    ]


def test_nothing_is_found_in_rows_that_are_right(told):
    every = judges()
    assert [judge(row) for row in told for judge in every] == [None] * 4 * len(every)


CHARGE, SHORT, LATE = 1, 2, 3
WRONGS = [
    # check, row, column, what it is changed to -> the row that is named
    (charge_is_of_a_hold, CHARGE, rows.HOLD_ID, None, "transfer 2 (usage:r1)"),
    (charge_is_of_a_hold, CHARGE, rows.ID, "usage:r9", "transfer 2 (usage:r9)"),
    (charge_is_of_a_hold, SHORT, rows.HOLD_ID, None, "transfer 3 (shortfall:r1)"),
    (charge_is_what_was_used, CHARGE, rows.STATE, "voided", "hold r1"),
    (charge_is_what_was_used, LATE, rows.STATE, "settled", "hold r2"),
    (charge_is_what_was_used, CHARGE, rows.PAID, 7, "hold r1"),
    (charge_is_what_was_used, CHARGE, rows.USAGE_ID, None, None),
    (charge_is_what_was_used, CHARGE, rows.HOLD_ACCOUNT, 9, "hold r1"),
    (charge_is_what_was_used, CHARGE, rows.DEBIT, 9, "hold r1"),
    (shortfall_is_booked, CHARGE, rows.SHORTFALL, None, "usage r1"),
    (shortfall_is_booked, CHARGE, rows.COST_NANO, 7, "usage r1"),
    (shortfall_is_booked, SHORT, rows.AMOUNT, 7, "usage r1"),
    (shortfall_is_booked, SHORT, rows.SHORT, 0, "usage r1"),
    (request_is_as_digested, CHARGE, rows.STATE, "x", "request r1"),
    (request_is_as_digested, LATE, rows.PAID, 1, "request r2"),
    (request_is_as_digested, CHARGE, rows.REQUEST_HASH, None, None),
    (margin_is_booked, CHARGE, rows.BUY, 7, "transfer 2 (usage:r1)"),
]


@pytest.mark.parametrize("check, number, column, value, named", WRONGS)
def test_a_row_is_judged_by_itself(told, check, number, column, value, named):
    row = told[number]
    row[column] = value
    found = check(row)
    assert (found and found.row) == named


@pytest.mark.parametrize(
    "column, value, said",
    [
        (rows.SEQ, 7, "it follows transfer 1"),
        (rows.AT, 0, "it is not later than the one before"),
        (rows.PREVIOUS, b"x", "it does not continue the chain"),
        (rows.HASH, b"x", "its hash is not that of its content"),
        (rows.REQUEST_HASH, None, "its hash is not that of its content"),
        (rows.REASON, "x", "its hash is not that of its content"),
    ],
)
def test_a_broken_link_says_how(told, column, value, said):
    links = Links(BEGINNING)
    links.feed(told[0])
    told[1][column] = value
    assert links.feed(told[1]).text == said


def test_after_a_broken_link_the_chain_goes_on(told):
    links = Links(BEGINNING)
    told[1][rows.AMOUNT] = 1
    found = [links.feed(row) for row in told]
    assert [one is None for one in found] == [True, False, True, True]


def test_a_balance_that_does_not_follow_is_named_once(told):
    balances = Balances()
    told[1][rows.BALANCE] += 5
    found = [balances.feed(row) for row in told]
    assert found[1].text == "the balance after it is 5, its account's story says 0"
    # The next one of the account goes on from what was said.
    assert found[3].row == "transfer 4 (late:r2)"


def test_counters_that_are_no_sums_name_their_account(told):
    sums = Sums(BEGINNING)
    for row in told:
        sums.feed(row)
    accounts = [
        (1, "house", 0, 0),
        (2, "house", 0, 3 * NANO),
        (3, "house", 2 * NANO, 0),
        (4, "house", NANO, 0),
        (-1, "house", 0, 0),
        (-2, "house", 3 * NANO, 0),
        (-3, "house", 0, 3 * NANO + 1),
        (5, "user", NANO, NANO),
    ]
    (found,) = sums.finish(PaperSnapshot(account=accounts))
    assert found.row == "account -3"


def test_an_account_that_is_not_there_names_its_transfers(told):
    sums = Sums(BEGINNING)
    sums.feed(told[0])
    snapshot = PaperSnapshot(account=[(4, "house", NANO, 0)], transfer=[(1, "promo:x")])
    (found,) = sums.finish(snapshot)
    assert (found.row, "does not exist" in found.text) == ("transfer 1 (promo:x)", True)


def spending_of(told, counted, whole=True):
    spending = Spending(whole=whole)
    for row in told:
        spending.feed(row)
    snapshot = PaperSnapshot(days=[(1, 7, 9)], spending=counted)
    return list(spending.finish(snapshot))


def test_spending_by_key_and_day_is_added_up(told):
    day = told[1][rows.USED_AT] // DAY_NS
    assert spending_of(told, [(1, day, NANO)]) == []
    assert spending_of(told, [(1, day, NANO - 1), (1, day, 1)]) == []
    assert spending_of(told, [(1, day, NANO), (2, day, 0)]) == []


@pytest.mark.parametrize(
    "key, off, spent", [(1, 0, NANO - 1), (1, 1, NANO), (2, 0, NANO)]
)
def test_other_spending_is_named(told, key, off, spent):
    day = told[1][rows.USED_AT] // DAY_NS
    (found,) = spending_of(told, [(key, day + off, spent)])
    assert str(found) == "I3 key 1: its usage on day 7 is 9 more than it counts"
    assert spending_of(told, [(key, day + off, spent)], whole=False) == []


@pytest.mark.parametrize(
    "column, value",
    [
        (rows.ID, "topup:test:2"),
        (rows.ID, "topup:test1"),
        (rows.ID, "topup::1"),
        (rows.ID, "promo:test:1"),
        (rows.REF, "2"),
        (rows.DEBIT, 4),
        (rows.COPIES, 2),
    ],
)
def test_a_top_up_is_of_one_payment(column, value):
    row = [None] * rows.REQUEST
    row[rows.SEQ], row[rows.ID], row[rows.CODE] = 1, "topup:test:1", "topup"
    row[rows.REF], row[rows.DEBIT], row[rows.COPIES] = "1", 1, 1
    assert topup_is_single(row) is None
    row[column] = value
    assert topup_is_single(row).invariant == "I8"
