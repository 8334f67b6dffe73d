"""Price changes: old and new, meter by meter, wherever either has a condition."""

from hypothesis import given

from config.price_changes import Change, changes, changes_in, example
from config.prices import Case, Price, PriceBook
from config.situations import When
from tests.config.priced import PEAK, prices

FLAT = {"input": 2, "output": 3}
TIER = When(input_above=10)


def price(effective_from_ns=0, output=3, cases=(), model="m", buy=FLAT):
    sell = FLAT | {"output": output}
    return Price.of(model, effective_from_ns, sell, buy, cases)


def test_a_changed_rate_is_one_change():
    old, new = price(), price(1, output=4)

    assert list(changes(old, new)) == [Change(new, "", "output", (3, 4), (3, 3))]


def test_a_case_that_is_added_changes_what_applied_there():
    old, new = price(), price(1, cases=[Case(PEAK, {"output": 6}, {})])

    assert list(changes(old, new)) == [
        Change(new, PEAK.text, "output", (3, 6), (3, 3))
    ]


def test_a_case_that_goes_away_does_too():
    old = price(cases=[Case(TIER, {}, {"input": 7})])
    new = price(1)

    assert [(one.case, one.meter, one.buy) for one in changes(old, new)] == [
        (TIER.text, "input", (7, 2)),
        (TIER.text, "cache_read", (7, 2)),
        (TIER.text, "cache_write", (7, 2)),
    ]


def test_another_kind_of_meter_is_a_change_from_none():
    old = Price.of("m", 0, {"generation": 1}, {"generation": 1})
    new = Price.of("m", 1, {"image": 2}, {"image": 2})

    assert [(one.meter, one.sell) for one in changes(old, new)] == [
        ("image", (None, 2)),
        ("generation", (1, None)),
        ("second", (0, None)),
    ]


def test_each_version_is_compared_with_the_one_before_of_its_model():
    book = PriceBook(
        [price(2, output=5), price(0), price(1, output=4), price(7, 9, model="n")]
    )

    assert [(one.price.effective_from_ns, one.sell) for one in changes_in(book)] == [
        (1, (3, 4)),
        (2, (4, 5)),
    ]


@given(prices())
def test_a_price_changes_nothing_in_itself(any_price):
    assert list(changes(any_price, any_price)) == []


@given(prices())
def test_an_example_is_where_its_condition_holds(any_price):
    for case in any_price.cases:
        corner = example(case.when, 0)
        assert case.when.holds(corner.situation, corner.input_tokens)
