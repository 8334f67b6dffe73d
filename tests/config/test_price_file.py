import pytest

from config.price_file import read_prices
from config.prices import Price, PriceBook, moment_ns

TWO_VERSIONS = """\
small:
  - effective_from: 2026-01-01
    sell: {input: "0.15", cache_read: "0.075", output: "0.60"}
    buy: {input: "0.10", output: "0.40"}
  - effective_from: 2026-11-01T08:00Z
    sell: {input: "0.0375", output: "${OUTPUT:-0.15}"}
    buy: {input: "0", output: "0"}
"""


def test_versions_are_read_in_pico_dollars_a_token(document):
    assert read_prices(document(TWO_VERSIONS)) == PriceBook(
        [
            Price.of(
                "small",
                moment_ns("2026-01-01"),
                {"input": 150_000, "cache_read": 75_000, "output": 600_000},
                {"input": 100_000, "output": 400_000},
            ),
            Price.of(
                "small",
                moment_ns("2026-11-01T08:00Z"),
                {"input": 37_500, "output": 150_000},
                {"input": 0, "output": 0},
            ),
        ]
    )


def test_a_moment_may_be_quoted(document):
    quoted = TWO_VERSIONS.replace("2026-01-01", '"2026-01-01"')

    assert read_prices(document(quoted)) == read_prices(document(TWO_VERSIONS))


def test_a_missing_cache_rate_is_the_rate_of_input(document):
    price = read_prices(document(TWO_VERSIONS)).at("small", moment_ns("2026-02-01"))

    assert price.sell["cache_read"] == 75_000
    assert price.sell["cache_write"] == price.sell["input"] == 150_000
    assert price.buy["cache_read"] == price.buy["input"] == 100_000


def test_a_file_may_have_no_prices(document):
    assert read_prices(document("{}")) == PriceBook()


AMOUNT = 'expected a quoted amount in dollars per million tokens, as in "2.50"'


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ('"0.15"', "0.15", f'3: small[0].sell.input: "0.15": {AMOUNT}'),
        ('"0.15"', "1", f'3: small[0].sell.input: "1": {AMOUNT}'),
        ('"0.15"', '"0.0000001"', f'3: small[0].sell.input: "0.0000001": {AMOUNT}'),
        ('"0.15"', '"-0.15"', f'3: small[0].sell.input: "-0.15": {AMOUNT}'),
        ('"0.15"', '"$0.15"', f'3: small[0].sell.input: "$0.15": {AMOUNT}'),
        ('"0.15"', '""', f'3: small[0].sell.input: "": {AMOUNT}'),
        ('"0.15"', "[]", f"3: small[0].sell.input: a list: {AMOUNT}"),
        (', output: "0.60"', "", f"3: small[0].sell.output: nothing: {AMOUNT}"),
        (
            "cache_read:",
            "cached:",
            '3: small[0].sell.cached: "0.075": expected one of the keys'
            " input, cache_read, cache_write, output",
        ),
        (
            '    buy: {input: "0.10", output: "0.40"}\n',
            "",
            "2: small[0].buy: nothing: expected a mapping with input,",
        ),
        (
            "2026-01-01",
            "yesterday",
            '2: small[0].effective_from: "yesterday": expected a moment in UTC such as'
            " 2026-11-01 or 2026-11-01T08:00Z",
        ),
        (
            "effective_from: 2026-01-01",
            "effective_form: 2026-01-01",
            '2: small[0].effective_form: "2026-01-01": expected one of the keys'
            " effective_from, sell, buy",
        ),
        (
            "2026-11-01T08:00Z",
            "2026-01-01T00:00Z",
            "5: small[1]: a mapping: expected an effective_from that no other version",
        ),
        (
            "${OUTPUT:-0.15}",
            "${OUTPUT}",
            '6: small[1].sell.output: "${OUTPUT}": expected the environment variable'
            " OUTPUT to be set",
        ),
    ],
)
def test_a_mistake_is_named(document, mistake, old, new, line):
    assert old in TWO_VERSIONS

    node = document(TWO_VERSIONS.replace(old, new, 1))

    assert mistake(read_prices, node).startswith(f"gateway.yaml:{line}")


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("small: []", "1: small: a list: expected at least one version"),
        ("small: {}", "1: small: a mapping: expected a list of versions"),
        ("small:", "1: small: nothing: expected a list of versions"),
        ("- small", "1: a list: expected a mapping"),
        ("small: [1]", '1: small[0]: "1": expected a mapping with effective_from,'),
    ],
)
def test_a_model_has_a_list_of_versions(document, mistake, content, line):
    assert mistake(read_prices, document(content)).startswith(f"gateway.yaml:{line}")
