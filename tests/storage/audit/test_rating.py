"""Rating: what was charged, computed again, whatever the price depends on."""

import json
from dataclasses import replace

import pytest

from config.price_text import price_texts
from config.prices import Case, Price, When, buy_pico, sell_pico
from config.situations import Situation
from storage.audit import rows
from storage.audit.rating import Rating, sound_prices

FLAT = Price.of(
    "flat", 0, {"input": 3, "cache_read": 1, "output": 7}, {"input": 2, "output": 5}
)
TIERED = Price.of(
    "tiered",
    0,
    {"input": 300, "output": 700, "reasoning": 900},
    {"input": 200, "output": 500},
    [Case(When(input_above=100), {"input": 600, "output": 1400}, {"input": 400})],
)
IMAGES = Price.of("image", 0, {"image": 40_000_000_000}, {"image": 1})


class PaperSnapshot:
    def __init__(self, *prices):
        self.prices = prices

    def rows(self, statement, params=()):
        return iter(
            (price.id, price.model, price.effective_from_ns, *price_texts(price))
            for price in self.prices
        )


def charged(price, counts, situation=None):
    """The row of a request that was charged as it should be."""
    sold = sell_pico(price, counts, situation or Situation())
    bought = buy_pico(price, counts, situation or Situation())
    row = [None] * (rows.USED_BUY + 1)
    row[rows.CODE], row[rows.USAGE_ID], row[rows.PRICE] = "usage", "r1", price.id
    meters = ("input", "cache_read", "cache_write", "output")
    row[rows.METERED : rows.METERED + 4] = [counts.get(name, 0) for name in meters]
    other = {name: n for name, n in counts.items() if name not in meters}
    if situation:
        other["conditions"] = situation.facts()
    row[rows.OTHER] = json.dumps(other) if other else None
    row[rows.COST_PICO], row[rows.COST_NANO] = str(sold), -(-sold // 1000)
    row[rows.USED_BUY_PICO], row[rows.USED_BUY] = str(bought), -(-bought // 1000)
    return row


RIGHT = [
    (FLAT, {"input": 10, "cache_read": 5, "cache_write": 2, "output": 7}, None),
    (FLAT, {"input": 10, "reasoning": 5}, None),
    (FLAT, {}, None),
    (TIERED, {"input": 100, "output": 1}, Situation()),
    (TIERED, {"input": 99, "cache_read": 2, "reasoning": 4}, Situation(5, True)),
    (IMAGES, {"image": 3}, None),
]


@pytest.mark.parametrize("price, counts, situation", RIGHT)
def test_a_right_charge_is_not_found(price, counts, situation):
    rating = Rating()
    rating.learn(PaperSnapshot(FLAT, TIERED, IMAGES))
    assert rating.feed(charged(price, counts, situation)) is None


@pytest.mark.parametrize("price, counts, situation", RIGHT)
@pytest.mark.parametrize(
    "column, value, said",
    [
        (rows.COST_PICO, "1", "it was charged"),
        (rows.COST_NANO, 10**15, "it was charged"),
        (rows.USED_BUY_PICO, "1", "it cost us"),
        (rows.USED_BUY, 10**15, "it cost us"),
        (rows.PRICE, "0" * 64, "is not there, or not as it was"),
        (rows.OTHER, "[", "it cannot be rated"),
        (rows.OTHER, '{"nonsense": 1}', "it cannot be rated"),
        (rows.OTHER, '{"reasoning": -1}', "it cannot be rated"),
        (rows.OTHER, "[1]", "it cannot be rated"),
    ],
)
def test_a_wrong_one_is(price, counts, situation, column, value, said):
    rating = Rating()
    rating.learn(PaperSnapshot(FLAT, TIERED, IMAGES))
    row = charged(price, counts, situation)
    row[column] = value
    assert said in rating.feed(row).text


def test_a_quantity_counts_also_where_the_price_is_flat():
    rating = Rating()
    rating.learn(PaperSnapshot(FLAT))
    for position in range(rows.METERED, rows.METERED + 4):
        row = charged(FLAT, {"input": 1000})
        row[position] += 1000
        assert rating.feed(row).row == "usage r1"


def test_only_what_charges_is_rated():
    for code, usage_id in (("shortfall", "r1"), ("promo", None), ("usage", None)):
        row = charged(FLAT, {"input": 1})
        row[rows.CODE], row[rows.USAGE_ID], row[rows.COST_NANO] = code, usage_id, 7
        assert Rating().feed(row) is None


def test_usage_from_before_the_margin_was_booked_is_rated_without():
    rating = Rating()
    rating.learn(PaperSnapshot(FLAT))
    row = charged(FLAT, {"input": 1000})
    row[rows.USED_BUY_PICO], row[rows.USED_BUY] = "", 0
    assert rating.feed(row) is None


def test_a_price_that_is_not_what_its_id_says_is_none():
    changed = replace(FLAT, id=TIERED.id)
    assert list(sound_prices(PaperSnapshot(changed, TIERED))) == [TIERED]


def test_a_new_price_is_learnt_and_the_known_are_not_read_again():
    rating = Rating()
    rating.learn(PaperSnapshot(FLAT))
    rating.learn(PaperSnapshot(FLAT, TIERED))
    assert rating.feed(charged(TIERED, {"input": 7}, Situation())) is None
