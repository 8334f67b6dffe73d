import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.meters import TOKEN_METERS
from config.money import dollars_a_unit, dollars_per_million, parse_pico, parse_rate
from config.prices import (
    METERS,
    Case,
    Price,
    PriceBook,
    Situation,
    When,
    buy_pico,
    cost_nano,
    cost_pico,
    input_tokens,
    moment_ns,
    moment_text,
    rate_pico,
    sell_pico,
    worst_quantities,
)
from tests.config.priced import few_tokens, prices, quantities, situations

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


# Cases.

PEAK = When.of_facts({"hours": ["Mon-Fri 01:00-04:00"]})
THINKING = When(thinking=True)
TIER = When(input_above=10)
LONG_THOUGHT = When(input_above=10, thinking=True)
FLAT = {"input": 2, "output": 3}


def tiered():
    return Price.of(
        "m",
        0,
        FLAT,
        FLAT,
        [
            Case(THINKING, {"output": 5}, {"output": 6}),
            Case(TIER, {"input": 4, "cache_read": 3, "output": 6}, {}),
            Case(LONG_THOUGHT, {"output": 9}, {"output": 9}),
        ],
    )


@pytest.mark.parametrize(
    ("used", "thinking", "sold", "bought"),
    [
        ({"input": 10, "output": 1}, False, 23, 23),
        ({"input": 10, "output": 1}, True, 25, 26),
        ({"input": 11, "output": 1}, False, 50, 25),
        ({"input": 11, "output": 1}, True, 53, 31),
        ({"input": 1, "cache_read": 10, "output": 1}, False, 40, 25),
        ({"cache_write": 11}, False, 44, 22),
        ({"output": 1}, True, 5, 6),
    ],
)
def test_each_case_that_applies_replaces_the_rates_it_names(
    used, thinking, sold, bought
):
    situation = Situation(thinking=thinking)

    assert sell_pico(tiered(), used, situation) == sold
    assert buy_pico(tiered(), used, situation) == bought


def test_a_case_is_part_of_the_id():
    flat = Price.of("m", 0, FLAT, FLAT)
    one, other, third = (
        Price.of("m", 0, FLAT, FLAT, [Case(when, sell, {})])
        for when, sell in ((TIER, FLAT), (PEAK, FLAT), (TIER, {"output": 3}))
    )

    assert len({flat.id, one.id, other.id, third.id}) == 4


def test_reasoning_is_output_unless_it_has_a_rate_of_its_own():
    assert cost_pico(FLAT, {"output": 2, "reasoning": 5}) == 7 * 3
    assert cost_pico(FLAT | {"reasoning": 1}, {"output": 2, "reasoning": 5}) == 11
    assert not tiered().has_rate("reasoning")
    own = Case(THINKING, {"reasoning": 1}, {})
    assert Price.of("m", 0, FLAT, FLAT, [own]).has_rate("reasoning")


@pytest.mark.parametrize("sell", [{"input": 1}, {"output": 2}, {"cache_read": 1}])
@pytest.mark.parametrize("side", ["sell", "buy"])
def test_rates_that_fall_where_the_input_grows_are_refused(sell, side):
    case = Case(TIER, sell if side == "sell" else {}, sell if side == "buy" else {})

    with pytest.raises(ValueError, match="never fall where the input grows"):
        Price.of("m", 0, FLAT, FLAT, [case])


def test_a_tier_that_falls_while_the_model_thinks_is_refused():
    dear = Case(THINKING, {"output": 9}, {})

    with pytest.raises(ValueError, match="never fall"):
        Price.of("m", 0, FLAT, FLAT, [dear, Case(TIER, {"output": 8}, {})])


def test_all_rates_of_a_price_are_of_one_kind():
    with pytest.raises(ValueError, match="one kind"):
        Price.of("m", 0, FLAT, {"image": 1})
    with pytest.raises(ValueError, match="one kind"):
        Price.of("m", 0, FLAT, FLAT, [Case(TIER, {"image": 1}, {})])


def test_a_flat_price_keeps_no_facts():
    situation = Situation(7, True)

    assert Price.of("m", 0, FLAT, FLAT).facts(situation) == {}
    assert Situation.of_facts(tiered().facts(situation)) == situation


def test_a_video_is_one_generation_and_so_many_seconds():
    video = Price.of("v", 0, {"generation": 15 * 10**10}, {"second": 12 * 10**10})
    used = {"generation": 1, "second": 5}

    assert cost_nano(video, used) == 150_000_000
    assert buy_pico(video, used) == 60 * 10**10
    assert PriceBook([video]).warnings(0) == [
        "v sells below cost: 10 seconds 0.15 < 1.20 (dollars)"
    ]


def test_a_loss_in_one_case_is_a_warning_that_names_it():
    case = Case(When.of_facts({"quality": ["hd"]}), {}, {"image": 8 * 10**10})
    image = {"image": 4 * 10**10}

    assert PriceBook([Price.of("i", 0, image, image, [case])]).warnings(0) == [
        "i sells below cost: image 0.04 < 0.08 at quality hd (dollars)"
    ]


def test_a_loss_where_several_cases_meet_is_found():
    cases = [Case(PEAK, {}, {"output": 4}), Case(THINKING, {"output": 3}, {})]
    (loss,) = Price.of("m", 0, {"input": 2, "output": 4}, FLAT, cases).losses()

    assert (loss.sample, loss.sell_pico, loss.buy_pico) == ("output", 3, 4)
    assert loss.case == "thinking"


@given(prices(), quantities, situations, st.sampled_from(TOKEN_METERS), few_tokens)
def test_more_of_any_meter_never_costs_less(any_price, used, situation, meter, more):
    larger = used | {meter: used.get(meter, 0) + more}

    less_nano = cost_nano(any_price, used, situation)
    assert less_nano <= cost_nano(any_price, larger, situation)
    assert buy_pico(any_price, used, situation) <= buy_pico(
        any_price, larger, situation
    )


@given(prices(), quantities, situations, few_tokens, few_tokens)
def test_the_worst_quantities_cover_all_usage_within_the_bounds(
    any_price, used, situation, spare_input, spare_output
):
    input_max = input_tokens(used) + spare_input
    output_max = used.get("output", 0) + used.get("reasoning", 0) + spare_output
    worst = worst_quantities(any_price, situation, input_max, output_max)

    assert input_tokens(worst) == input_max
    held_nano = cost_nano(any_price, worst, situation)
    assert cost_nano(any_price, used, situation) <= held_nano


@given(prices(), situations)
def test_nothing_used_costs_nothing_in_any_situation(any_price, situation):
    assert cost_nano(any_price, {}, situation) == 0


@given(st.integers(0, 10**15))
def test_rates_are_read_and_written_exactly(pico):
    assert parse_rate(dollars_per_million(pico)) == pico
    assert parse_pico(dollars_a_unit(pico)) == pico
