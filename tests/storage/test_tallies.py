"""Tallies: what a day's requests add up to is what their rows add up to."""

from dataclasses import replace

import pytest

from storage.ledger import settle
from storage.statements import DAY_NS, USAGE_DAY_COLUMNS
from tests.storage.teller import USED, settlement

ROWS = """
    SELECT account_id, at_ns / 86400000000000, key_id, model, count(*),
        sum(CASE outcome WHEN 'complete' THEN 0 ELSE 1 END), sum(input),
        sum(cache_read), sum(cache_write), sum(output), sum(cost_nano),
        sum(paid_nano), sum(buy_nano)
    FROM usage GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
"""
SUMS = """
    SELECT account_id, day, key_id, model, requests, failed, input, cache_read,
        cache_write, output, cost_nano, paid_nano, buy_nano
    FROM usage_day ORDER BY 1, 2, 3, 4
"""


def proved(teller):
    """The sums, which are those of the rows."""
    sums = [tuple(map(int, row)) for row in without_model(teller.sql(SUMS))]
    assert sums == [tuple(map(int, row)) for row in without_model(teller.sql(ROWS))]
    return sums


def without_model(rows):
    return [(*row[:3], *row[4:]) for row in rows]


def test_each_request_is_counted_on_its_day(teller, clock):
    caller = teller.caller()
    other = teller.caller(email="bob@example.com")
    for number in range(3):
        teller.admit(caller, f"a{number}", 100)
        teller.settle(f"a{number}", 40)
    teller.admit(other, "b", 100)
    teller.settle("b", 7)
    clock.advance(86_400)
    teller.admit(caller, "c", 100)
    teller.settle("c", 1)
    sums = proved(teller)
    assert [(row[0], row[3], row[-2]) for row in sums] == [
        (caller.account_id, 3, 120),
        (caller.account_id, 1, 1),
        (other.account_id, 1, 7),
    ]
    assert sums[1][1] - sums[0][1] == 1


def test_what_failed_is_counted_and_costs_nothing(teller):
    caller = teller.caller()
    teller.admit(caller, "a", 100)
    teller.void("a")
    ((*_, cost, paid, bought),) = sums = proved(teller)
    assert (sums[0][3], sums[0][4]) == (1, 1)
    assert (cost, paid, bought) == (0, 0, 0)


def test_a_late_charge_counts_instead_of_the_failure(teller, clock):
    caller = teller.caller()
    teller.admit(caller, "a", 100)
    teller.void("a", "recovered")
    clock.advance(86_400)
    teller.settle("a", 60)
    first, second = teller.sql(SUMS)
    assert [int(figure) for figure in first[4:]] == [0] * 9
    assert [int(figure) for figure in second[4:6]] == [1, 0]
    assert int(second[11]) == 60


def test_a_repeated_settle_counts_once(teller):
    caller = teller.caller()
    teller.admit(caller, "a", 100)
    for _ in range(3):
        teller.settle("a", 60)
    ((*_, paid, _),) = proved(teller)
    assert paid == 60


def test_many_of_a_batch_are_one_row_and_add_up(teller):
    caller = teller.caller()
    for number in range(20):
        teller.admit(caller, f"r{number}", 100)

    def settle_all(db):
        for number in range(20):
            settle(db, settlement(f"r{number}", number))

    teller.do(settle_all)
    ((*_, paid, _),) = proved(teller)
    assert paid == sum(range(20))


@pytest.mark.parametrize(
    ("quantities", "column", "expected"),
    [
        ({"image": 3}, "images", 3),
        ({"generation": 1, "second": 10}, "videos", 1),
        ({"output": 5, "reasoning": 7}, "output", 12),
        ({"cache_write": 5, "cache_write_1h": 7}, "cache_write", 12),
    ],
)
def test_other_meters_have_their_places(teller, quantities, column, expected):
    caller = teller.caller()
    teller.admit(caller, "a", 100)
    teller.void("a", "refused", replace(USED, quantities=quantities))
    assert column in USAGE_DAY_COLUMNS
    assert teller.sql(f"SELECT {column} FROM usage_day") == [(expected,)]


def test_the_day_is_the_one_of_the_charge(teller, clock):
    caller = teller.caller()
    teller.admit(caller, "a", 100)
    clock.advance(2 * 86_400)
    teller.settle("a", 5)
    assert teller.sql("SELECT day FROM usage_day") == [(clock.wall_ns() // DAY_NS,)]
