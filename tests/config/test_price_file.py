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
            " input, cache_read, cache_write, cache_write_1h, output, reasoning, image,"
            " generation, second",
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
            " effective_from, sell, buy, cases",
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


CASES = """\
large:
  - effective_from: 2026-01-01
    sell: {input: "0.40", output: "1.20", reasoning: "0.30"}
    buy: {input: "0.40", output: "1.20"}
    cases:
      - when: {thinking: true, hours: "Mon-Fri 01:00-04:00"}
        sell: {output: "4.00"}
      - when: {input_above: 256_000}
        sell: {input: "1.20"}
        buy: {input: "1.20"}
picture:
  - effective_from: 2026-01-01
    sell: {image: "0.000000000001"}
    buy: {image: "0.04"}
    cases:
      - {when: {size: [a, b], quality: hd}, buy: {image: "0.08"}}
film:
  - effective_from: 2026-01-01
    sell: {generation: "0.15"}
    buy: {second: "0.12"}
"""


def test_cases_are_read_in_order(document):
    (large, picture, film) = read_prices(document(CASES))

    assert [case.when.text for case in large.cases] == [
        "thinking, Mon-Fri 01:00-04:00 UTC",
        "input above 256000 tokens",
    ]
    assert [case.sell for case in large.cases] == [
        {"output": 4_000_000},
        {"input": 1_200_000},
    ]
    assert [case.buy for case in large.cases] == [{}, {"input": 1_200_000}]
    assert large.sell["reasoning"] == 300_000
    assert (picture.sell, picture.buy) == ({"image": 1}, {"image": 40 * 10**9})
    assert picture.cases[0].when.text == "size a or b, quality hd"
    assert film.sell == {"generation": 150 * 10**9, "second": 0}


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ('{generation: "0.15"}', '{generation: 0.15}',
         '19: film[0].sell.generation: "0.15": expected a quoted amount in dollars,'),
        ('{generation: "0.15"}', '{}',
         "19: film[0].sell: a mapping: expected rates of tokens, of images or of"),
        ('{generation: "0.15"}', '{input: "1", image: "1"}',
         "19: film[0].sell: a mapping: expected rates of tokens, of images or of"),
        ('{second: "0.12"}', '{image: "0.12"}',
         "18: film[0]: a mapping: expected a price that can be used: all rates of a"),
        ('sell: {input: "1.20"}', 'sell: {input: "0.20"}',
         "2: large[0]: a mapping: expected a price that can be used: rates never fall"),
        ("thinking: true", "thinking: yes",
         '6: large[0].cases[0].when.thinking: "yes": expected one of true, false'),
        ("Mon-Fri 01:00-04:00", "Fri-Mon 01:00-04:00",
         '6: large[0].cases[0].when.hours: "Fri-Mon 01:00-04:00": expected hours of'),
        ("256_000", "0",
         '8: large[0].cases[1].when.input_above: "0": expected a whole number ≥ 1'),
        ("{input_above: 256_000}", "{}",
         "8: large[0].cases[1].when: a mapping: expected at least one of the keys"),
        ("input_above", "above",
         "8: large[0].cases[1].when.above: \"256_000\": expected one of the keys"),
        ("[a, b]", "[]", "16: picture[0].cases[0].when.size: a list: expected at"),
        ('        sell: {output: "4.00"}\n', "",
         "6: large[0].cases[0]: a mapping: expected rates to sell, to buy, or both"),
    ],
)
def test_a_mistake_in_a_case_is_named(document, mistake, old, new, line):
    assert old in CASES

    node = document(CASES.replace(old, new, 1))

    assert mistake(read_prices, node).startswith(f"gateway.yaml:{line}")
