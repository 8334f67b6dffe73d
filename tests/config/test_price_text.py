"""Price text: what the ledger keeps is the price, and rates any bill again."""

import json

import pytest
from hypothesis import given

from config.price_text import (
    price_of_terms,
    price_of_texts,
    price_texts,
    terms_id,
    terms_text,
)
from config.prices import Case, Price, Situation, cost_nano, moment_ns
from config.settings import load
from config.situations import When
from tests.config.priced import prices, quantities, situations

FLAT = {"input": 2, "output": 3}


def test_a_flat_price_is_its_rates():
    price = Price.of("m", 0, FLAT, FLAT | {"reasoning": 9})

    assert price_texts(price) == (
        '{"cache_read":2,"cache_write":2,"input":2,"output":3}',
        '{"cache_read":2,"cache_write":2,"input":2,"output":3,"reasoning":9}',
    )


def test_cases_stand_beside_the_rates_with_their_conditions():
    price = Price.of(
        "m", 0, {"image": 4}, {"image": 5},
        [Case(When.of_facts({"size": ["a"]}), {}, {"image": 7})],
    )

    assert price_texts(price) == (
        '{"cases":[{"when":{"size":["a"]}}],"image":4}',
        '{"cases":[{"image":7,"when":{"size":["a"]}}],"image":5}',
    )


@given(prices())
def test_a_price_survives_storage_and_keeps_its_id(price):
    texts = price_texts(price)

    assert price_of_texts(price.model, price.effective_from_ns, *texts) == price


def test_the_shipped_prices_survive_storage(shipped):
    for price in load(shipped, {}).prices:
        texts = price_texts(price)
        assert price_of_texts(price.model, price.effective_from_ns, *texts) == price


@given(prices(), quantities, situations)
def test_a_bill_is_rated_again_from_what_is_stored(price, used, situation):
    texts = price_texts(price)
    facts, stored = json.loads(json.dumps([price.facts(situation), used]))

    again = price_of_texts(price.model, price.effective_from_ns, *texts)
    rated = cost_nano(again, stored, Situation.of_facts(facts))
    assert rated == cost_nano(price, used, situation)


def test_sides_that_do_not_fit_are_refused():
    case = Case(When.of_facts({"thinking": True}), {"output": 5}, {})
    sell, buy = price_texts(Price.of("m", 0, FLAT, FLAT, [case]))

    with pytest.raises(ValueError, match="different conditions"):
        price_of_texts("m", 0, sell, buy.replace("true", "false"))
    with pytest.raises(ValueError):
        price_of_texts("m", 0, sell, '{"input":1,"output":1}')


def test_a_text_that_was_changed_has_another_id():
    price = Price.of("m", moment_ns("2026-01-01"), FLAT, FLAT)
    sell, buy = price_texts(price)

    other = price_of_texts("m", price.effective_from_ns, sell.replace("3", "2"), buy)
    assert other.id != price.id


# Terms: the side of a price that its user sees.

TIER = Case(When(input_above=10), {"input": 4, "output": 6}, {"input": 9, "output": 9})


def test_terms_are_the_users_side_alone():
    dearer = Case(When.of_facts({"thinking": True}), {}, {"output": 9})
    price = Price.of("m", 7, FLAT, FLAT | {"reasoning": 9}, [dearer, TIER])

    assert terms_text(price) == (
        '{"cases":[{"sell":{"input":4,"output":6},"when":{"input_above":10}}],'
        '"effective_from_ns":7,"model":"m",'
        '"sell":{"cache_read":2,"cache_write":2,"input":2,"output":3}}'
    )


def test_the_buy_side_is_not_even_in_the_terms_id():
    cheap, dear = (Price.of("m", 0, FLAT, {"input": n, "output": n}) for n in (0, 9))

    assert cheap.id != dear.id
    assert terms_id(terms_text(cheap)) == terms_id(terms_text(dear))


@pytest.mark.parametrize(
    "other",
    [
        Price.of("n", 0, FLAT, FLAT),
        Price.of("m", 1, FLAT, FLAT),
        Price.of("m", 0, FLAT | {"input": 1}, FLAT),
        Price.of("m", 0, FLAT, FLAT, [TIER]),
    ],
)
def test_other_terms_have_another_id(other):
    assert terms_id(terms_text(other)) != terms_id(
        terms_text(Price.of("m", 0, FLAT, FLAT))
    )


@given(prices(), quantities, situations)
def test_terms_rate_as_their_price_does(price, used, situation):
    terms = price_of_terms(terms_text(price))

    assert cost_nano(terms, used, situation) == cost_nano(price, used, situation)
    assert terms_text(terms) == terms_text(price)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"sell":1}', '{"sell":{},"cases":[{}]}', "7"]
)
def test_what_is_no_terms_is_refused(text):
    with pytest.raises((ValueError, LookupError, TypeError)):
        price_of_terms(text)
