import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.prices import (
    METERS,
    Price,
    PriceBook,
    cost_nano,
    cost_pico,
    moment_ns,
    moment_text,
    rate_pico,
)

RATES = {
    "input": 150_000,
    "cache_read": 75_000,
    "cache_write": 187_500,
    "output": 600_000,
}
DAY_NS = 86_400 * 10**9

rates = st.fixed_dictionaries({meter: st.integers(0, 10**12) for meter in METERS})
usages = st.fixed_dictionaries({meter: st.integers(0, 10**12) for meter in METERS})


def price(model="m", effective_from_ns=0, sell=RATES, buy=RATES):
    return Price.of(model, effective_from_ns, sell, buy)


@pytest.mark.parametrize(
    ("quantities", "pico"),
    [
        ({}, 0),
        ({"input": 0, "output": 0}, 0),
        ({"input": 1}, 150_000),
        ({"output": 1}, 600_000),
        ({"input": 10, "cache_read": 20, "cache_write": 30, "output": 40}, 32_625_000),
    ],
)
def test_a_cost_is_the_sum_of_the_meters(quantities, pico):
    assert cost_pico(RATES, quantities) == pico


@pytest.mark.parametrize(
    ("input_pico", "quantity", "nano"),
    [
        (150_000, 1, 150),
        (37_500, 1, 38),
        (37_500, 2, 75),
        (1, 1, 1),
        (1, 1001, 2),
        (0, 9, 0),
    ],
)
def test_a_cost_is_rounded_up_once_at_the_end(input_pico, quantity, nano):
    sell = {"input": input_pico, "output": 0}

    assert cost_nano(price(sell=sell), {"input": quantity}) == nano


def test_meters_are_rounded_together_and_not_one_by_one():
    sell = {"input": 500, "output": 500}

    assert cost_nano(price(sell=sell), {"input": 1, "output": 1}) == 1


@pytest.mark.parametrize("meter", ["cache_read", "cache_write"])
def test_a_cache_meter_without_a_rate_costs_what_input_costs(meter):
    bare = {"input": 7, "output": 9}

    assert rate_pico(bare, meter) == 7
    assert cost_pico(bare, {meter: 3}) == 21
    assert price(sell=bare).sell == {
        "input": 7,
        "cache_read": 7,
        "cache_write": 7,
        "output": 9,
    }


@pytest.mark.parametrize(
    ("sell", "quantities"),
    [
        (RATES, {"seconds": 1}),
        ({"input": 1}, {"output": 1}),
        ({"output": 1}, {"input": 1}),
    ],
)
def test_a_meter_without_a_rate_is_never_free(sell, quantities):
    with pytest.raises((ValueError, KeyError)):
        cost_pico(sell, quantities)


def test_a_negative_quantity_is_never_a_credit():
    with pytest.raises(ValueError, match="output: a quantity is never negative"):
        cost_pico(RATES, {"input": 10, "output": -1})


@given(rates)
def test_zero_usage_costs_zero(sell):
    assert cost_nano(price(sell=sell), dict.fromkeys(METERS, 0)) == 0
    assert cost_nano(price(sell=sell), {}) == 0


@given(rates, usages, usages)
def test_more_usage_never_costs_less(sell, usage, more):
    total = {meter: usage[meter] + more[meter] for meter in METERS}

    assert cost_nano(price(sell=sell), usage) <= cost_nano(price(sell=sell), total)


@given(rates, usages, usages)
def test_splitting_a_request_never_makes_it_cheaper(sell, one, other):
    total = {meter: one[meter] + other[meter] for meter in METERS}
    bought = price(sell=sell)

    whole = cost_nano(bought, total)
    parts = cost_nano(bought, one) + cost_nano(bought, other)

    assert whole <= parts <= whole + 1


def test_an_id_is_the_digest_of_the_content():
    same = price(sell=dict(reversed(RATES.items())))
    filled = price(sell={"input": 1, "output": 2})
    spelled = price(
        sell={"input": 1, "cache_read": 1, "cache_write": 1, "output": 2}
    )

    assert len(price().id) == 64
    assert price().id == same.id
    assert filled.id == spelled.id


@pytest.mark.parametrize(
    "change",
    [
        {"model": "n"},
        {"effective_from_ns": 1},
        {"sell": RATES | {"input": 1}},
        {"buy": RATES | {"input": 1}},
    ],
)
def test_any_change_is_another_id(change):
    assert price(**change).id != price().id


def test_an_unknown_meter_has_no_price():
    with pytest.raises(ValueError, match="unknown meters: seconds"):
        price(sell=RATES | {"seconds": 1})


def test_the_price_at_a_moment_is_the_latest_that_has_begun():
    first, second, third = (price(effective_from_ns=day * DAY_NS) for day in (1, 2, 3))
    book = PriceBook([third, first, second])

    assert book.at("m", DAY_NS - 1) is None
    assert book.at("m", DAY_NS) == first
    assert book.at("m", 2 * DAY_NS - 1) == first
    assert book.at("m", 2 * DAY_NS) == second
    assert book.at("m", 10**19) == third
    assert book.at("other", 10**19) is None


def test_a_book_is_walked_in_the_order_of_time_of_each_model():
    book = PriceBook([price("b", 2), price("a", 1), price("b", 1)])

    assert [(item.model, item.effective_from_ns) for item in book] == [
        ("b", 1),
        ("b", 2),
        ("a", 1),
    ]
    assert book.models == ("b", "a")
    assert repr(book) == "PriceBook(3 prices)"


def test_books_with_the_same_prices_are_equal():
    assert PriceBook([price("a"), price("b")]) == PriceBook([price("b"), price("a")])
    assert hash(PriceBook([price()])) == hash(PriceBook([price()]))
    assert PriceBook([price()]) != PriceBook()
    assert PriceBook() != "prices"


def test_a_model_sold_below_cost_is_one_warning():
    cheap = price("cheap", sell=RATES, buy=RATES | {"input": 200_000, "output": 10**6})
    later = price("later", 5, sell={"input": 0, "output": 0})
    book = PriceBook([price("fair"), cheap, later])

    assert book.warnings(4) == [
        "cheap sells below cost: input 0.15 < 0.20, output 0.60 < 1.00"
        " (dollars per million tokens)"
    ]
    assert [line.split()[0] for line in book.warnings(5)] == ["cheap", "later"]


@pytest.mark.parametrize(
    ("text", "ns", "shown"),
    [
        ("1970-01-01", 0, "1970-01-01"),
        ("1970-01-02", DAY_NS, "1970-01-02"),
        ("2026-11-01", 1_793_491_200 * 10**9, "2026-11-01"),
        ("2026-11-01T08:00Z", 1_793_520_000 * 10**9, "2026-11-01T08:00:00Z"),
        ("2026-11-01T00:00:01Z", 1_793_491_201 * 10**9, "2026-11-01T00:00:01Z"),
    ],
)
def test_a_moment_is_read_and_shown(text, ns, shown):
    assert moment_ns(text) == ns
    assert moment_text(ns) == shown


@pytest.mark.parametrize(
    "text",
    [
        "",
        "today",
        "2026-11-1",
        "2026-13-01",
        "2026-02-30",
        "20261101",
        "2026-W45",
        "2026-11-01 08:00",
        "2026-11-01T08:00",
        "2026-11-01T08:00+08:00",
        "2026-11-01T25:00Z",
        "0000-01-01",
        "1969-12-31",
        "2263-01-01",
        "２０２６-11-01",
    ],
)
def test_what_is_no_moment_in_utc_is_refused(text):
    with pytest.raises(ValueError, match=".+"):
        moment_ns(text)
