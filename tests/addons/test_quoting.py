"""Quoting: the worst case is an upper bound, and what is lowered is lowered least."""

from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from addons.counting import count_input
from addons.exchange import Quote
from addons.quoting import (
    affordable,
    counted_bound,
    fills,
    fitted,
    least_input,
    lowered,
    never_fits,
    piece_quote,
    price_in_force,
    quote_of,
    with_margin,
    within,
    worst_case,
)
from addons.wire.errors import PriceUnknown
from config import Price, PriceBook
from config.meters import IMAGES, INPUT_METERS, TOKENS
from config.prices import (
    Case,
    Situation,
    When,
    cost_nano,
    dearest,
    input_tokens,
)
from tests.config.priced import few_tokens, prices, quantities, situations
from tests.fakes import exchanges

PIXEL = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}


@pytest.mark.parametrize(
    ("fields", "extra_input", "output", "choices"),
    [
        ({}, 0, 16_384, 1),
        ({"max_tokens": 5}, 0, 5, 1),
        ({"max_completion_tokens": 6}, 0, 6, 1),
        ({"max_tokens": 16_384}, 0, 16_384, 1),
        ({"n": 3, "max_tokens": 5}, 0, 5, 3),
        ({"n": 128}, 0, 16_384, 128),
        (
            {"messages": [{"role": "user", "content": [PIXEL, PIXEL]}]},
            2_000,
            16_384,
            1,
        ),
    ],
)
def test_the_worst_case_is_all_input_and_the_whole_output_limit(
    fields, extra_input: int, output: int, choices: int
) -> None:
    ask = exchanges.ask(**fields)
    quote = worst_case(ask, exchanges.MODEL, exchanges.PRICE)
    assert quote.input_tokens == ask.input_tokens_max + extra_input
    assert (quote.output_tokens, quote.choices) == (output, choices)
    pico = 2_500_000 * quote.input_tokens + 10_000_000 * output * choices
    assert quote.amount_nano == pico // 1000
    assert not quote.lowered


async def test_no_text_has_more_tokens_than_its_worst_case() -> None:
    for text in ("价" * 50, "a b c d e f g", "\u200d🧑🏽‍🚀" * 20, "0123456789" * 9):
        ask = exchanges.ask(messages=[{"role": "user", "content": text}])
        quote = worst_case(ask, exchanges.MODEL, exchanges.PRICE)
        assert quote.input_tokens >= await count_input(ask, exchanges.MODEL)


def test_no_input_is_larger_than_the_models_context() -> None:
    small = replace(exchanges.MODEL, context_tokens=10)
    assert worst_case(exchanges.ask(), small, exchanges.PRICE).input_tokens == 10


@pytest.mark.parametrize(
    ("rates", "meter"),
    [
        ({"input": 2, "cache_read": 1, "cache_write": 2}, "input"),
        ({"input": 2, "cache_read": 1, "cache_write": 3}, "cache_write"),
        ({"input": 1, "cache_read": 9, "cache_write": 1}, "cache_read"),
        ({"input": 1}, "input"),
    ],
)
def test_input_is_held_at_the_dearest_rate_it_can_cost(rates, meter: str) -> None:
    assert dearest(rates, INPUT_METERS) == meter


def test_a_hold_is_never_empty() -> None:
    free = Price.of("m", 0, {"input": 0, "output": 0}, {"input": 0, "output": 0})
    assert quote_of(free, 100, 100, 1).amount_nano == 1


@pytest.mark.parametrize(("counted", "margin"), [(0, 0), (1, 1), (10, 13), (100, 130)])
def test_counted_input_has_a_margin(counted: int, margin: int) -> None:
    assert with_margin(counted) == margin


rates = st.integers(0, 10**9)


@st.composite
def quotes(draw) -> Quote:
    sell = {meter: draw(rates) for meter in ("input", "cache_write", "output")}
    price = Price.of("m", 0, sell, sell)
    return quote_of(
        price,
        draw(st.integers(0, 10**6)),
        draw(st.integers(1, 10**6)),
        draw(st.integers(1, 128)),
    )


@given(
    first=quotes(),
    input_tokens=st.integers(0, 10**6),
    share=st.integers(0, 1000),
    tpm=st.just(0) | st.integers(1, 10**8),
)
def test_the_lowered_limit_is_the_largest_that_is_affordable(
    first: Quote, input_tokens: int, share: int, tpm: int
) -> None:
    available = first.amount_nano * share // 500
    found = lowered(first, input_tokens, available, tpm)
    if found is None:
        assert not affordable(first, input_tokens, 1, available, tpm)
        return
    assert found.amount_nano <= available
    assert tpm == 0 or found.tokens <= tpm
    assert 1 <= found.output_tokens <= first.output_tokens
    assert (found.input_tokens, found.choices) == (input_tokens, first.choices)
    assert found.lowered is (found.output_tokens < first.output_tokens)
    if found.lowered:
        more = found.output_tokens + 1
        assert not affordable(first, input_tokens, more, available, tpm)


@given(
    price=prices(),
    situation=situations,
    used=quantities,
    spare=few_tokens,
    choices=st.integers(1, 4),
)
def test_a_hold_covers_every_charge_within_the_ask(
    price: Price, situation: Situation, used, spare: int, choices: int
) -> None:
    output = used.get("output", 0) + used.get("reasoning", 0)
    limit = -(-output // choices) + spare
    quote = quote_of(
        price, input_tokens(used) + spare, limit, choices, situation=situation
    )
    assert cost_nano(price, used, quote.situation) <= quote.amount_nano


def test_a_tier_that_the_input_can_reach_is_held_and_no_other() -> None:
    tier = Case(When(input_above=100), {"input": 10**9, "output": 10**9}, {})
    price = Price.of("m", 0, exchanges.SELL, exchanges.SELL, [tier])
    assert quote_of(price, 100, 1, 1).amount_nano == 100 * 2500 + 10_000
    assert quote_of(price, 101, 1, 1).amount_nano == 102 * 10**6


@given(first=quotes(), more=st.integers(1, 10**6))
def test_a_larger_limit_never_costs_less(first: Quote, more: int) -> None:
    assume(first.output_tokens + more <= 10**6)
    larger = quote_of(
        first.price, first.input_tokens, first.output_tokens + more, first.choices
    )
    assert larger.amount_nano >= first.amount_nano


@pytest.mark.parametrize(("floor", "output"), [(256, 300), (300, 300), (301, None)])
def test_what_is_lowered_below_the_floor_does_not_fit(floor: int, output) -> None:
    first = quote_of(exchanges.PRICE, 10, 1000, 1)
    room = quote_of(exchanges.PRICE, 10, 300, 1).amount_nano
    found = fitted(first, 10, room, floor)
    assert (found and found.output_tokens) == output


@pytest.mark.parametrize(
    ("tpm", "never"), [(0, False), (265, True), (266, False), (1010, False)]
)
def test_what_fits_no_minute_with_any_money_never_fits(tpm: int, never: bool) -> None:
    first = quote_of(exchanges.PRICE, 10, 1000, 1)
    assert never_fits(first, 10, 256, tpm) is never


@pytest.mark.parametrize(("tpm", "fits"), [(0, True), (1010, True), (1009, False)])
def test_input_and_all_output_count_against_a_minute(tpm: int, fits: bool) -> None:
    assert within(quote_of(exchanges.PRICE, 10, 500, 2), tpm) is fits


def test_who_asks_for_less_than_the_floor_gets_it() -> None:
    first = quote_of(exchanges.PRICE, 10, 5, 1)
    assert fitted(first, 10, first.amount_nano, 256) == first
    assert fitted(first, 10, first.amount_nano - 1, 256) is None


@pytest.mark.parametrize(("counted", "bound"), [(0, 0), (10, 13), (77, 100), (80, 100)])
def test_counted_input_is_never_above_the_worst_case(counted: int, bound: int) -> None:
    assert counted_bound(quote_of(exchanges.PRICE, 100, 1, 1), counted) == bound


@pytest.mark.parametrize(
    ("model", "kind", "now_ns"),
    [("gpt-5", TOKENS, 10), ("gpt-4o", IMAGES, 10), ("gpt-4o", TOKENS, 9)],
)
def test_a_price_is_of_this_model_and_kind_and_has_begun(model, kind, now_ns) -> None:
    price = Price.of("gpt-4o", 10, exchanges.SELL, exchanges.SELL)
    book = PriceBook([price])
    assert price_in_force(book, "gpt-4o", TOKENS, 10) == price
    with pytest.raises(PriceUnknown):
        price_in_force(book, model, kind, now_ns)


@pytest.mark.parametrize("text", ["word " * 20_000, "余额" * 9_000, "x " * 30_000])
async def test_no_text_has_fewer_tokens_than_its_least(text: str) -> None:
    ask = exchanges.ask(messages=[{"role": "user", "content": text}])
    assert least_input(ask) < await count_input(ask, exchanges.MODEL)


@pytest.mark.parametrize(("words", "filled"), [(10, False), (40_000, True)])
async def test_a_text_longer_than_the_context_need_not_be_counted(
    words: int, filled: bool
) -> None:
    small = replace(exchanges.MODEL, context_tokens=5_000)
    ask = exchanges.ask(messages=[{"role": "user", "content": "word " * words}])
    first = worst_case(ask, small, exchanges.PRICE)
    assert fills(ask, first) is filled
    counted = await count_input(ask, small)
    assert (counted_bound(first, counted) == first.input_tokens) is filled


def test_pieces_cost_their_number_in_the_situation_that_is_sent() -> None:
    hd = Case(When.of_facts({"quality": ["hd"]}), {"image": 7 * 10**10}, {})
    price = Price.of("dall-e-3", 0, {"image": 4 * 10**10}, {"image": 1}, [hd])
    plain = piece_quote(exchanges.image_ask(n=3), price, 5)
    assert (plain.amount_nano, plain.quantities) == (12 * 10**7, {"image": 3})
    assert plain.situation.moment_ns == 5
    dear = piece_quote(exchanges.image_ask(quality="hd"), price, 5)
    assert dear.amount_nano == 7 * 10**7


def test_a_hold_for_free_pieces_is_not_empty_either() -> None:
    price = Price.of("dall-e-3", 0, {"image": 0}, {"image": 0})
    assert piece_quote(exchanges.image_ask(), price, 0).amount_nano == 1
