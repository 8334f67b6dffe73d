"""Receipts: what one says, from rows to text, and that it says what was charged."""

import json
from dataclasses import replace

import pytest
from hypothesis import given

from config.meters import KINDS
from config.money import dollars
from config.price_text import terms_id
from config.prices import Case, Price, cost_nano
from config.situations import Situation, When
from storage.errors import LedgerBroken
from storage.receipts import (
    EVIDENCE,
    OUTCOMES,
    PIECES,
    conditions_of,
    evidence_means,
    outcome_means,
    receipt_of,
    situation_of,
)
from storage.signing import canonical
from tests.config.priced import prices, quantities, situations
from tests.storage.charged import PRICE, REQUEST, charged, voided

MOMENT_NS = 1_767_225_600 * 10**9 + 1
TIERED = Price.of(
    "m", 0, {"input": 2, "output": 3}, {"input": 1, "output": 1},
    [
        Case(When(thinking=True), {"output": 7}, {"output": 5}),
        Case(When(input_above=100), {"input": 4, "output": 9}, {}),
        Case(When(input_above=200), {}, {"input": 5}),
    ],
)


def test_a_receipt_says_all_about_a_request():
    receipt = receipt_of(charged(short_nano=70))
    assert {name: receipt[name] for name in ("object", "id", "account", "state")} == {
        "object": "receipt", "id": REQUEST, "account": "0b9d", "state": "settled",
    }
    assert (receipt["provider"], receipt["upstream_model"]) == (
        "openai", "gpt-4o-2024",
    )
    assert (receipt["upstream_id"], receipt["finish_reason"]) == ("req_theirs", "stop")
    assert (receipt["stream"], receipt["status"], receipt["attempts"]) == (True, 200, 2)
    assert (receipt["first_byte_ms"], receipt["total_ms"]) == (5, 9)
    assert receipt["hold"] == {
        "amount": "0.000370006",
        "amount_nano": "370006",
        "opened_at": "2026-01-01T00:00:00.123456789Z",
        "closed_at": "2026-01-01T00:00:01.123456789Z",
    }
    assert receipt["transfer"] == {
        "seq": 3,
        "id": f"usage:{REQUEST}",
        "amount_nano": "369931",
        "balance_nano": "10000000000",
        "at": "2026-01-01T00:00:01.123456789Z",
        "hash": bytes(range(32)).hex(),
    }
    assert receipt["trail"][0] == {
        "provider": "openai",
        "model": "gpt-4o-2024",
        "outcome": "upstream_timeout",
        "status": 0,
        "started_ms": 1,
        "total_ms": 20,
    }


def test_the_bill_is_lines_a_sum_and_one_rounding():
    # By hand: 12 × 2,500,000 + 34 × 10,000,001 = 370,000,034 pico.
    receipt = receipt_of(charged(short_nano=70))
    assert receipt["lines"] == [
        {
            "meter": "input",
            "quantity": 12,
            "rate": "2.50",
            "unit": "dollars per million tokens",
            "rate_pico": "2500000",
            "pico": "30000000",
        },
        {
            "meter": "output",
            "quantity": 34,
            "rate": "10.000001",
            "unit": "dollars per million tokens",
            "rate_pico": "10000001",
            "pico": "340000034",
        },
    ]
    assert receipt["sum_pico"] == "370000034"
    assert receipt["rounding"] == {
        "to": "nano", "direction": "up", "added_pico": "966",
    }
    assert (receipt["charge"], receipt["charge_nano"]) == ("0.000370001", "370001")
    assert (receipt["paid"], receipt["paid_nano"]) == ("0.000369931", "369931")
    assert (receipt["shortfall"], receipt["shortfall_nano"]) == ("0.00000007", "70")


def test_the_price_is_its_terms_and_their_digest():
    receipt = receipt_of(charged())
    price = receipt["price"]
    assert price["id"] == terms_id(price["terms"])
    assert price["effective_from"] == "1970-01-01T00:00:00.000000000Z"
    assert json.loads(price["terms"])["sell"]["output"] == 10_000_001


def test_what_it_cost_us_is_nobodys_business():
    text = json.dumps(receipt_of(charged()))
    assert "buy" not in text
    assert PRICE.id not in text


@pytest.mark.parametrize(
    "quantities, thinking, applied, rates",
    [
        ({"input": 100, "output": 1}, False, [], ["2", "3"]),
        ({"input": 100, "output": 1}, True, ["thinking"], ["2", "7"]),
        ({"input": 90, "cache_read": 11, "output": 1}, False,
         ["input above 100 tokens"], ["4", "4", "9"]),
        ({"input": 201, "output": 1}, True,
         ["thinking", "input above 100 tokens"], ["4", "9"]),
    ],
)
def test_the_conditions_that_picked_the_rates_are_named(
    quantities, thinking, applied, rates
):
    found = charged(TIERED, quantities, Situation(MOMENT_NS, thinking))
    receipt = receipt_of(found)
    assert receipt["applied"] == applied
    lines = {line["meter"]: line["rate_pico"] for line in receipt["lines"]}
    assert [lines[meter] for meter in quantities] == rates
    assert receipt["conditions"] == {
        "moment": "2026-01-01T00:00:00.000000001Z", "thinking": thinking,
    }


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"moment_ns": MOMENT_NS, "thinking": True},
        {"moment_ns": 0, "thinking": False, "size": "1024x1024", "quality": "hd"},
    ],
)
def test_conditions_are_told_and_read_back(facts):
    assert situation_of(conditions_of(facts)) == Situation.of_facts(facts)


@pytest.mark.parametrize(
    "outcome, why",
    [
        ("upstream_timeout", "the request failed with the error upstream_timeout"),
        ("cancelled", "whoever asked for it cancelled it"),
        ("client_left_before_contact", OUTCOMES["client_left_before_contact"]),
        ("recovered", "the gateway stopped while the request ran"),
    ],
)
def test_a_voided_request_costs_nothing_and_says_why(outcome, why):
    receipt = receipt_of(voided(outcome))
    assert (receipt["state"], receipt["outcome_means"]) == ("voided", why)
    assert (receipt["charge_nano"], receipt["paid"], receipt["sum_pico"]) == (
        "0", "0.00", "0",
    )
    assert (receipt["lines"], receipt["transfer"]) == ([], None)


def test_a_voided_request_may_have_used_what_nobody_pays():
    used = charged()
    nothing = replace(
        used.report, cost_pico=0, cost_nano=0, paid_nano=0, shortfall_nano=0
    )
    receipt = receipt_of(
        replace(used, report=nothing, state="voided", transfer=None)
    )
    assert receipt["quantities"] == {"input": 12, "output": 34}
    assert receipt["lines"] == []


def test_late_usage_says_so():
    receipt = receipt_of(charged(late=True))
    assert (receipt["state"], receipt["transfer"]["id"]) == ("late", f"late:{REQUEST}")


@pytest.mark.parametrize("change", [{"cost_nano": 1}, {"cost_pico": 1}])
def test_a_charge_that_its_price_does_not_give_has_no_receipt(change):
    found = charged()
    broken = replace(found, report=replace(found.report, **change))
    with pytest.raises(LedgerBroken, match=REQUEST):
        receipt_of(broken)


@given(prices(), quantities, situations)
def test_a_receipt_charges_what_the_ledger_did_to_the_nano(price, used, situation):
    receipt = receipt_of(charged(price, used, situation))
    nano = cost_nano(price, used, situation)
    assert (receipt["charge_nano"], receipt["charge"]) == (str(nano), dollars(nano))
    lines = [int(line["pico"]) for line in receipt["lines"]]
    assert int(receipt["sum_pico"]) == sum(lines)
    assert 0 <= nano * 1000 - sum(lines) < 1000


@given(prices(), quantities, situations)
def test_every_receipt_has_a_canonical_form(price, used, situation):
    receipt = receipt_of(charged(price, used, situation))
    assert json.loads(canonical(receipt)) == receipt


def test_the_same_rows_give_the_same_receipt():
    assert receipt_of(charged()) == receipt_of(charged())


@pytest.mark.parametrize(
    ("rates", "quantities", "means"),
    [
        ({"input": 1, "output": 1}, {"input": 5}, EVIDENCE["counted"]),
        ({"image": 9}, {"image": 2}, "the images that were delivered were counted"),
        (
            {"generation": 9},
            {"generation": 1, "second": 10},
            "the video was made and kept, and counted as it was ordered",
        ),
    ],
)
def test_what_was_counted_is_told_in_words_of_its_kind(rates, quantities, means):
    price = Price.of("model", 0, rates, rates)
    receipt = receipt_of(charged(price, quantities, evidence="counted"))
    assert (receipt["evidence"], receipt["evidence_means"]) == ("counted", means)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_nothing_is_nothing_whatever_it_would_be_paid_by(kind):
    assert evidence_means("none", kind) == EVIDENCE["none"]
    assert evidence_means("unheard of", kind) == ""


def test_every_end_and_evidence_is_put_into_words():
    pieces = [word for words in PIECES.values() for word in words.values()]
    for word in (*EVIDENCE.values(), *OUTCOMES.values(), *pieces):
        assert word and word[0].islower()
    assert outcome_means("complete") == OUTCOMES["complete"]
