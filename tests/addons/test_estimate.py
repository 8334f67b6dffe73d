"""Estimate: bills are exact, and what is likely is never above the worst case."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from addons.estimate import (
    TYPICAL_OUTPUT_TOKENS,
    bill_of,
    chat_estimate,
    estimate_shape,
    pieces_estimate,
)
from addons.quoting import quote_of
from addons.wire.errors import BadParameter, PriceUnknown, UnknownModel
from addons.wire.images import ImageAsk
from addons.wire.videos import VideoAsk
from config import Price, PriceBook
from config.price_text import terms_id, terms_text
from config.prices import PLAIN, Case, When, cost_nano
from tests.config.priced import prices, quantities, situations
from tests.fakes import exchanges

CENT_PICO = 10**10
NOW_NS = 10**18
HD = Case(When.of_facts({"quality": ["hd"]}), {"image": 8 * CENT_PICO}, {})
WIDE = Case(When.of_facts({"resolution": ["1080p"]}), {"second": 9 * CENT_PICO}, {})
BOOK = PriceBook(
    [
        exchanges.PRICE,
        Price.of("dall-e-3", 0, {"image": 4 * CENT_PICO}, {"image": 1}, [HD]),
        Price.of("gen-2", 0, {"generation": 15 * CENT_PICO}, {"second": 1}),
        Price.of("pika", 0, {"second": 4 * CENT_PICO}, {"second": 1}, [WIDE]),
        Price.of("free", 0, {"image": 0}, {"image": 0}),
        Price.of("later", NOW_NS + 1, {"image": 1}, {"image": 1}),
    ]
)


@given(price=prices(), situation=situations, used=quantities)
def test_a_bill_is_the_sum_of_its_lines_rounded_up_once(price, situation, used) -> None:
    bill = bill_of(price, used, situation)
    assert bill.cost_nano == cost_nano(price, used, situation)
    assert bill.cost_nano == -(-sum(line.cost_pico for line in bill.lines) // 1000)


@given(
    price=prices(),
    situation=situations,
    input_tokens=st.integers(0, 3_000),
    output_tokens=st.integers(1, 3_000),
    choices=st.integers(1, 3),
    counted=st.integers(0, 4_000),
    limited=st.booleans(),
)
def test_what_is_likely_is_never_above_the_worst_case(
    price, situation, input_tokens, output_tokens, choices, counted, limited
) -> None:
    first = quote_of(
        price, input_tokens, output_tokens, choices, situation=situation
    )
    found = chat_estimate(first, counted, limited)
    assert found.worst.cost_nano == first.amount_nano
    assert found.expected.cost_nano <= found.worst.cost_nano


@pytest.mark.parametrize(
    ("limit", "limited", "output", "said"),
    [
        (16_384, False, TYPICAL_OUTPUT_TOKENS, "no limit was asked for"),
        (100, False, 100, "no limit was asked for"),
        (16_384, True, 16_384, "the limit asked for"),
    ],
)
def test_the_output_that_is_supposed_is_said(limit, limited, output, said) -> None:
    first = quote_of(exchanges.PRICE, 1000, limit, 2)
    found = chat_estimate(first, 10, limited)
    (fed, made) = found.expected.lines
    assert (fed.meter, fed.quantity) == ("input", 10)
    assert (made.meter, made.quantity) == ("output", 2 * output)
    assert f"output {output} tokens a choice" in found.assumption
    assert said in found.assumption


@pytest.mark.parametrize(
    ("ask", "lines", "nano"),
    [
        (ImageAsk("dall-e-3", "x"), [("image", 1, 4)], 4 * 10**7),
        (ImageAsk("dall-e-3", "x", 3, quality="hd"), [("image", 3, 8)], 24 * 10**7),
        (VideoAsk("gen-2", "x"), [("generation", 1, 15)], 15 * 10**7),
        (VideoAsk("gen-2", "x", 60), [("generation", 1, 15)], 15 * 10**7),
        (VideoAsk("pika", "x", 5), [("second", 5, 4)], 20 * 10**7),
        (
            VideoAsk("pika", "x", 5, resolution="1080p"),
            [("second", 5, 9)],
            45 * 10**7,
        ),
    ],
)
def test_a_piece_costs_what_its_parameters_say(ask, lines, nano: int) -> None:
    found = pieces_estimate(ask, BOOK, NOW_NS)
    wanted = [(meter, number, cents * CENT_PICO) for meter, number, cents in lines]
    shown = [(one.meter, one.quantity, one.rate_pico) for one in found.worst.lines]
    assert shown == wanted
    assert found.worst.cost_nano == found.expected.cost_nano == nano


def test_even_a_free_piece_is_held_for_something() -> None:
    found = pieces_estimate(ImageAsk("free", "x"), BOOK, NOW_NS)
    assert (found.worst.cost_nano, found.expected.cost_nano) == (1, 0)
    assert [line.meter for line in found.worst.lines] == ["image"]


@pytest.mark.parametrize(
    ("ask", "error"),
    [
        (ImageAsk("dall-e-9", "x"), UnknownModel),
        (VideoAsk("dall-e-9", "x"), UnknownModel),
        (ImageAsk("later", "x"), PriceUnknown),
        (ImageAsk("gpt-4o", "x"), BadParameter),
        (ImageAsk("gen-2", "x"), BadParameter),
        (VideoAsk("dall-e-3", "x"), BadParameter),
    ],
)
def test_a_piece_without_a_price_is_refused(ask, error) -> None:
    with pytest.raises(error):
        pieces_estimate(ask, BOOK, NOW_NS)


def test_in_json_every_amount_is_exact() -> None:
    first = quote_of(exchanges.PRICE, 7, 16_384, 1)
    text = orjson.dumps(estimate_shape(chat_estimate(first, 3, False))).decode()
    # By hand: 7 × 2.50 + 16384 × 10.00 dollars a million, and 3 and 512 of them.
    assert '"worst_case":{"cost":0.1638575,"cost_exact":"0.1638575"' in text
    assert '"expected":{"cost":0.0051275,"cost_exact":"0.0051275"' in text
    (line, _) = orjson.loads(text)["worst_case"]["lines"]
    assert line == {
        "meter": "input",
        "quantity": 7,
        "rate": "2.50",
        "unit": "dollars per million tokens",
        "cost_exact": "0.0000175",
    }


def test_the_price_is_named_with_what_its_rates_depended_on() -> None:
    price = pieces_estimate(ImageAsk("dall-e-3", "x"), BOOK, NOW_NS).price
    shape = estimate_shape(pieces_estimate(ImageAsk("dall-e-3", "x"), BOOK, NOW_NS))
    assert shape["price"] == {
        "id": terms_id(terms_text(price)),
        "effective_from": "1970-01-01",
        "conditions": {
            "moment_ns": NOW_NS,
            "thinking": False,
            "size": "1024x1024",
            "quality": "standard",
        },
    }
    flat = chat_estimate(quote_of(exchanges.PRICE, 1, 1, 1), 1, True)
    assert flat.situation is PLAIN
    assert estimate_shape(flat)["price"]["conditions"] == {}
