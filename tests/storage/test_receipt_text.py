"""The receipt as an operator reads it."""

from dataclasses import replace

from config.prices import Case, Price
from config.situations import Situation, When
from storage.receipt_text import bill_lines, explained, facts_of
from storage.receipts import receipt_of
from tests.storage.charged import REQUEST, charged, voided


def test_the_bill_is_a_table_with_its_figures_below_one_another():
    found = charged(quantities={"input": 1200, "output": 34})
    assert bill_lines(receipt_of(found)) == [
        "                 quantity  pico-dollars each   pico-dollars",
        "  input             1,200          2,500,000  3,000,000,000",
        "  output               34         10,000,001    340,000,034",
        "  sum                                         3,340,000,034",
        "  rounded up by                                         966",
        "  charge                     0.003340001 USD  3,340,001,000",
    ]


def test_nothing_is_said_of_a_rounding_that_added_nothing():
    lines = bill_lines(receipt_of(charged(quantities={"input": 2})))
    assert not any("rounded" in line for line in lines)


def test_it_says_who_served_it_how_it_ended_and_where_the_money_went():
    found = charged(short_nano=70)
    text = "\n".join(explained(receipt_of(found), found))
    for part in (
        f"{REQUEST}: 0.000370001 USD, settled",
        "openai as gpt-4o-2024",
        "req_theirs",
        "the answer was complete (HTTP 200, finish reason stop)",
        "reported: the provider reported these quantities",
        "0.000369931 USD, 0.00000007 USD short",
        f"3 usage:{REQUEST}, 10.00 USD after it",
        "attempt 1: openai gpt-4o-2024, upstream_timeout (HTTP -), 20 ms from 1 ms on",
        "attempt 2: backup gpt-4o-2023, complete (HTTP 200), 300 ms from 22 ms on",
        "9 ms, first byte 5",
    ):
        assert part in text, part


def test_the_operator_learns_what_it_cost_us():
    found = charged()
    (line,) = (one for one in explained(receipt_of(found), found) if "bought" in one)
    assert "0.000000001 USD" in line
    assert found.report.price_id[:16] in line


def test_the_conditions_that_applied_are_named():
    case = Case(When(thinking=True), {"output": 9}, {})
    rates = {"input": 1, "output": 2}
    price = Price.of("m", 0, rates, rates, [case])
    found = charged(price, situation=Situation(0, True))
    assert dict(facts_of(receipt_of(found)))["because of"] == "thinking"
    assert "because of" not in dict(facts_of(receipt_of(charged())))


def test_a_request_that_went_nowhere_says_so():
    found = voided("client_left_before_contact", provider="", upstream_model="")
    record = replace(found.report.record, trail=(), upstream_id="", finish="",
                     first_byte_ms=None)
    found = replace(found, report=replace(found.report, record=record))
    lines = explained(receipt_of(found), found)
    assert lines[-1] == "  no provider was asked"
    text = "\n".join(lines)
    assert "served by" not in text and "their id" not in text
    assert "transfer" not in text
    assert "0.00 USD, voided" in text
