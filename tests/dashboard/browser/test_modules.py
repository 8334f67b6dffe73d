"""The modules that compute: amounts without loss, days, the parts of a stack."""

import ast
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.dashboard.browser.visits import IN_A_BROWSER

pytestmark = IN_A_BROWSER

MINUS = "\u2212"


@pytest.fixture
def run(page: Page) -> Any:
    """Calls what a module exports; whole numbers beyond any float come back as text."""
    page.goto("/public/login.html")

    def called(module: str, name: str, *values: Any) -> Any:
        return page.evaluate(
            """async ([module, name, values]) => {
                const given = values.map((one) => (one?.nano ? BigInt(one.nano) : one));
                const made = (await import(`/public/js/${module}.js`))[name](...given);
                return typeof made === "bigint" ? String(made) : made;
            }""",
            [module, name, values],
        )

    return called


def test_amounts_are_short_and_never_more_than_they_are(run: Any) -> None:
    shown = {
        "10.00": "$10.00",
        "0.00": "$0.00",
        "1234567.899": "$1,234,567.89",
        "0.0297": "$0.029",
        "0.05": "$0.05",
        "0.42": "$0.42",
        "0.4299": "$0.42",
        "0.0004213": "$0.00042",
        "0.000000001": "$0.000000001",
        "-0.0004213": f"{MINUS}$0.00042",
        "-12.345": f"{MINUS}$12.34",
    }
    assert {exact: run("money", "short", exact) for exact in shown} == shown


@pytest.mark.parametrize(
    ("exact", "nano"),
    [
        ("0.00", "0"),
        ("0.000000001", "1"),
        ("10.00", "10000000000"),
        ("-0.05", "-50000000"),
        ("9007199254.740993123", "9007199254740993123"),
    ],
)
def test_exact_text_is_whole_nano_dollars(run: Any, exact: str, nano: str) -> None:
    assert run("money", "nano", exact) == nano
    assert run("money", "ofNano", {"nano": nano}) == exact


def test_pico_dollars_keep_their_twelve_digits(run: Any) -> None:
    assert run("money", "ofPico", "60000001") == "0.000060000001"


def test_days_are_utc_days(run: Any) -> None:
    assert run("dates", "shifted", "2026-03-01", -1) == "2026-02-28"
    assert run("dates", "daysOf", "2026-12-30", "2027-01-02") == [
        "2026-12-30", "2026-12-31", "2027-01-01", "2027-01-02"
    ]
    assert run("dates", "daysOf", "2026-12-30", "2026-12-01") == []


def test_milliseconds_are_read_as_seconds(run: Any) -> None:
    shown = {0: "0 ms", 999: "999 ms", 1204: "1.20 s", 12_345: "12.3 s"}
    assert {ms: run("dates", "seconds", ms) for ms in shown} == shown
    assert run("dates", "seconds", None) == "—"


def test_of_many_models_the_smaller_ones_are_one_part(page: Page) -> None:
    page.goto("/public/login.html")
    stack = page.evaluate(
        """async () => {
            const { stackOf } = await import("/public/js/stack.js");
            const { MEASURES } = await import("/public/js/measures.js");
            const rows = Array.from({ length: 9 }, (_, n) => (
                { day: n % 2 ? "2026-01-02" : "2026-01-01", model: `m${n}`,
                  cost: `0.00000000${n}` }
            ));
            const days = ["2026-01-01", "2026-01-02"];
            return stackOf(rows, days, MEASURES.cost).map((part) => (
                [part.name, part.amounts.map(String), String(part.total)]
            ));
        }"""
    )
    assert stack == [
        ["m8", ["8", "0"], "8"],
        ["m7", ["0", "7"], "7"],
        ["m6", ["6", "0"], "6"],
        ["m5", ["0", "5"], "5"],
        ["m4", ["4", "0"], "4"],
        [None, ["2", "4"], "6"],
    ]


@pytest.mark.parametrize(
    ("tokens", "cost"),
    [((0, 0), "0.00"), ((1, 0), "0.0000025"), ((12, 34), "0.00037")],
)
def test_a_running_answer_is_priced_as_the_ledger_does(
    run: Any, tokens: tuple[int, int], cost: str
) -> None:
    pricing = {"input": "2.50", "output": "10.00"}
    assert run("estimate", "costOf", pricing, *tokens) == cost


def test_what_is_no_whole_nano_dollar_is_rounded_up(run: Any) -> None:
    assert run("estimate", "costOf", {"input": "0.003"}, 1, 0) == "0.000000003"
    assert run("estimate", "costOf", {"input": "0.0001"}, 1, 0) == "0.000000001"


@pytest.mark.parametrize(
    ("number", "exact"),
    [(0, "0.00"), (1e-9, "0.000000001"), (0.04, "0.04"), (12.345678, "12.345678")],
)
def test_a_number_of_dollars_is_its_exact_text(
    run: Any, number: float, exact: str
) -> None:
    assert run("estimate", "exactText", number) == exact


def test_tokens_are_guessed_by_script(run: Any) -> None:
    assert run("estimate", "guessTokens", "") == 0
    assert run("estimate", "guessTokens", "four" * 10) == 10
    assert run("estimate", "guessTokens", "\u4f60\u597d" * 7) == 10


def test_code_holds_any_value(run: Any) -> None:
    body = {"a": [True, False, None, 1.5, "it's \"so\"\n"], "b": {}}
    call = {"path": "x", "body": body, "key": "k"}
    source = run("snippets", "snippet", "python", call)
    _, _, rest = source.partition("json=")
    text = rest[: rest.index(",\n)")]
    assert ast.literal_eval(text.strip()) == body
    assert "'\\''s" in run("snippets", "snippet", "curl", call)
