import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.money import (
    MAX_INTEGER,
    NANO,
    PICO_PER_NANO,
    cents,
    charge_nano_rounded_up,
    dollars,
    dollars_per_million,
    minor_text,
    parse_millionths,
    parse_minor,
    parse_nano,
    parse_pico,
    parse_rate,
    rate_text,
)

amounts = st.integers(min_value=-MAX_INTEGER, max_value=MAX_INTEGER)
costs = st.integers(min_value=0, max_value=10**30)


@pytest.mark.parametrize(
    ("text", "nano"),
    [
        ("0", 0),
        ("-0", 0),
        ("10", 10 * NANO),
        ("10.00", 10 * NANO),
        ("0.000000001", 1),
        ("-0.000000001", -1),
        ("1.5", 1_500_000_000),
        ("007.25", 7_250_000_000),
        ("0.1000000000000", 100_000_000),
        ("9223372036.854775807", MAX_INTEGER),
    ],
)
def test_an_amount_is_read_exactly(text, nano):
    assert parse_nano(text) == nano


@pytest.mark.parametrize(
    "text",
    [
        "",
        " 1",
        "1 ",
        "1\n",
        "+1",
        "--1",
        ".5",
        "5.",
        "1e3",
        "1,000",
        "1_000",
        "$1",
        "nan",
        "inf",
        "0x10",
        "１",
        "0.0000000001",
        "9223372036.854775808",
        "1" * 21,
    ],
)
def test_what_is_no_exact_amount_is_refused(text):
    with pytest.raises(ValueError, match="amount"):
        parse_nano(text)


def test_the_same_text_in_each_unit():
    assert parse_nano("0.0375") == 37_500_000
    assert parse_pico("0.0375") == 37_500_000_000
    assert parse_rate("0.0375") == 37_500


def test_a_rate_finer_than_a_pico_dollar_is_refused_and_not_rounded():
    with pytest.raises(ValueError, match="6 decimals"):
        parse_rate("0.0000001")


@pytest.mark.parametrize(
    ("nano", "exact", "down"),
    [
        (0, "0.00", "0.00"),
        (10 * NANO, "10.00", "10.00"),
        (1, "0.000000001", "0.00"),
        (-1, "-0.000000001", "-0.01"),
        (100_000_000, "0.10", "0.10"),
        (9_999_999_999, "9.999999999", "9.99"),
        (-1_230_000_000, "-1.23", "-1.23"),
        (-1_239_000_000, "-1.239", "-1.24"),
        (12_345 * NANO, "12345.00", "12345.00"),
    ],
)
def test_an_amount_is_shown_exactly_and_in_cents_rounded_down(nano, exact, down):
    assert dollars(nano) == exact
    assert cents(nano) == down


@given(amounts)
def test_an_amount_survives_being_shown_and_read(nano):
    assert parse_nano(dollars(nano)) == nano


@given(amounts)
def test_a_rate_survives_being_shown_and_read(pico):
    assert parse_rate(dollars_per_million(pico)) == pico


@given(amounts)
def test_cents_are_never_more_than_there_is_and_less_by_under_a_cent(nano):
    shown = cents(nano)
    assert shown[-3] == "."
    assert 0 <= nano - int(shown.replace(".", "")) * (NANO // 100) < NANO // 100


@pytest.mark.parametrize(
    ("pico", "nano"), [(0, 0), (1, 1), (999, 1), (1000, 1), (1001, 2), (10**30, 10**27)]
)
def test_a_charge_is_the_cost_rounded_up(pico, nano):
    assert charge_nano_rounded_up(pico) == nano


@given(costs)
def test_a_charge_is_above_its_cost_by_less_than_one_nano(pico):
    assert 0 <= charge_nano_rounded_up(pico) * PICO_PER_NANO - pico < PICO_PER_NANO


@given(costs, costs)
def test_a_larger_cost_is_never_a_smaller_charge(one, other):
    low, high = sorted((one, other))
    assert charge_nano_rounded_up(low) <= charge_nano_rounded_up(high)


def test_a_negative_cost_is_refused():
    with pytest.raises(ValueError, match="never negative"):
        charge_nano_rounded_up(-1)


@pytest.mark.parametrize(
    ("text", "places", "minor"),
    [("72.00", 2, 7200), ("72", 2, 7200), ("0.01", 2, 1), ("1500", 0, 1500)],
)
def test_an_amount_of_another_currency_is_exact(text, places, minor):
    assert parse_minor(text, places) == minor
    assert parse_minor(minor_text(minor, places), places) == minor


def test_a_currencys_text_has_all_its_decimals():
    assert [minor_text(n, 2) for n in (0, 5, 100)] == ["0.00", "0.05", "1.00"]
    assert minor_text(7, 0) == "7"


@pytest.mark.parametrize(("text", "shown"), [("7.2", "7.20"), ("7.123456", "7.123456")])
def test_a_rate_is_exact_to_a_millionth(text, shown):
    assert rate_text(parse_millionths(text)) == shown


@pytest.mark.parametrize("text", ["7.1234567", "1e3", "", "x"])
def test_an_odd_rate_is_refused(text):
    with pytest.raises(ValueError):
        parse_millionths(text)
