"""Metering: how a flow ended × policy × what is known → the charge."""

from dataclasses import replace

import orjson
import pytest

from addons.counting import count_input, count_text
from addons.exchange import Exchange
from addons.metering import End, Metering, Rule, believed, ending, rules_of
from addons.providers import REGISTRY
from addons.providers.base import Answer
from addons.wire.chat_stream import ChatStream
from addons.wire.errors import UnknownKey, UpstreamFailed
from addons.wire.images import ImageAnswer
from addons.wire.usage import Invalid, Usage
from config import Price
from config.prices import Case, Situation, When, cost_pico
from config.settings import Policies
from storage.replays import ReplayKey
from tests.fakes import exchanges
from tests.fakes.clock import FakeClock

USED = {"input": 9, "cache_read": 4, "cache_write": 0, "output": 6}
TEXT = "Good morning to you"
GENEROUS = Policies(
    client_left_before_headers="nothing",
    client_left_midstream="nothing",
    upstream_died="nothing",
)
OPENAI_USED = {
    "prompt_tokens": 13,
    "completion_tokens": 6,
    "prompt_tokens_details": {"cached_tokens": 4},
}


def stream(usage: object = None, finished: bool = True) -> ChatStream:
    """A stream that has delivered TEXT, and this usage if any."""
    made = REGISTRY["openai"].open_stream("gpt-4o", "req_1")
    reason = "stop" if finished else None
    choice = {"index": 0, "delta": {"content": TEXT}, "finish_reason": reason}
    chunk = {"choices": [choice]}
    if usage is not None:
        chunk["usage"] = usage
    made.feed(b"data: " + orjson.dumps(chunk) + b"\n\n")
    return made


def answer(usage: Usage | Invalid | None) -> Answer:
    return Answer({"choices": []}, usage, TEXT)


async def meter(
    record: Exchange, client_left: bool = False, policies: Policies = Policies()
) -> Exchange:
    clock = FakeClock(monotonic_ns=exchanges.START_NS + 1_234_000_000)
    metering = Metering(lambda _: policies, clock)
    flow = exchanges.travelling(record)
    await (metering.error(flow) if client_left else metering.response(flow))
    return record


# How it ended.

ANSWERED = Answer({}, None, "")
WAITED_FOR = {"contacted_ns": 1, "replay": ReplayKey("order-1", b"")}


@pytest.mark.parametrize(
    ("parts", "client_left", "end"),
    [
        ({}, False, End.COMPLETE),
        ({"committed": True}, False, End.COMPLETE),
        ({"refusal": UnknownKey()}, False, End.REFUSED),
        ({"refusal": UnknownKey()}, True, End.REFUSED),
        ({"broken": UpstreamFailed()}, False, End.BROKEN),
        ({"broken": UpstreamFailed()}, True, End.BROKEN),
        ({"refusal": UnknownKey(), "broken": UpstreamFailed()}, True, End.REFUSED),
        ({}, True, End.LEFT_EARLY),
        ({"contacted_ns": 1}, True, End.LEFT_WAITING),
        ({"contacted_ns": 1, "committed": True}, True, End.LEFT_READING),
        # A named request goes on without its client, and ends like any other.
        ({**WAITED_FOR, "answer": ANSWERED}, True, End.COMPLETE),
        ({**WAITED_FOR, "refusal": UpstreamFailed()}, True, End.REFUSED),
        (WAITED_FOR, True, End.LEFT_WAITING),
        ({"contacted_ns": 1, "answer": ANSWERED}, True, End.LEFT_WAITING),
        (
            {**WAITED_FOR, "committed": True, "ask": exchanges.ask(stream=True)},
            True,
            End.LEFT_READING,
        ),
    ],
)
def test_a_flow_ends_in_one_way(parts, client_left: bool, end: End) -> None:
    assert ending(exchanges.held(**parts), client_left) is end


# The policy.


def test_the_shipped_rules_charge_what_was_used() -> None:
    assert rules_of(Policies()) == {
        End.COMPLETE: Rule.USED,
        End.REFUSED: Rule.NOTHING,
        End.BROKEN: Rule.DELIVERED,
        End.LEFT_EARLY: Rule.NOTHING,
        End.LEFT_WAITING: Rule.INPUT,
        End.LEFT_READING: Rule.DELIVERED,
    }


def test_no_policy_makes_a_complete_answer_free() -> None:
    assert set(rules_of(GENEROUS).values()) == {Rule.NOTHING, Rule.USED}
    assert rules_of(GENEROUS)[End.COMPLETE] is Rule.USED


def test_every_end_has_a_rule() -> None:
    assert set(rules_of(Policies())) == set(End)


# The charge. Ends are made as they happen; `counted` stands for our own figures.

REPORTED = Usage(dict(USED))
HALF = Usage({"output": 6})
EARLY = {**OPENAI_USED, "completion_tokens": 1}
LATE = {**OPENAI_USED, "completion_tokens": 199}
LEFT = {"contacted_ns": 1}
READING = {**LEFT, "committed": True}
BROKEN = {**READING, "broken": UpstreamFailed()}
REFUSED = {**LEFT, "refusal": UpstreamFailed()}


@pytest.mark.parametrize(
    ("parts", "left", "policies", "evidence", "charged"),
    [
        # A complete answer.
        ({"answer": answer(REPORTED)}, False, Policies(), "reported", USED),
        ({"answer": answer(REPORTED)}, False, GENEROUS, "reported", USED),
        ({"answer": answer(None)}, False, Policies(), "counted", "both"),
        ({"answer": answer(Invalid("x"))}, False, Policies(), "invalid", "both"),
        ({"answer": answer(HALF)}, False, Policies(), "counted", "input+6"),
        ({"answer": answer(Usage({"input": 0, "output": 0}))}, False, Policies(),
         "reported", {"input": 0, "output": 0}),
        # More than was asked is the provider's fault, not the caller's debt.
        ({"answer": answer(Usage({"input": 1225, "output": 6}))}, False, Policies(),
         "invalid", "both"),
        ({"answer": answer(Usage({"input": 1224, "output": 264}))}, False, Policies(),
         "reported", {"input": 1224, "output": 264}),
        ({"answer": answer(Usage({"input": 9, "output": 265}))}, False, Policies(),
         "invalid", "both"),
        ({"answer": answer(Usage({"input": 10**12, "output": 10**12}))}, False,
         Policies(), "invalid", "both"),
        # A complete stream.
        ({"stream": stream(OPENAI_USED), **READING}, False, Policies(), "reported",
         USED),
        ({"stream": stream(), **READING}, False, Policies(), "counted", "both"),
        ({"stream": stream({"prompt_tokens": -1}), **READING}, False, Policies(),
         "invalid", "both"),
        # Refused, by us or by the provider.
        (REFUSED, False, Policies(), "none", {}),
        ({**REFUSED, "answer": answer(REPORTED)}, False, Policies(), "none", {}),
        ({**REFUSED, "stream": stream()}, True, Policies(), "none", {}),
        # The provider died in the middle.
        ({"stream": stream(), **BROKEN}, False, Policies(), "partial", "both"),
        ({"stream": stream(OPENAI_USED), **BROKEN}, False, Policies(), "reported",
         USED),
        ({"stream": stream(), **BROKEN}, False, GENEROUS, "none", {}),
        # Figures from the middle of a stream are not the last word.
        ({"stream": stream(EARLY, finished=False), **BROKEN}, False, Policies(),
         "partial", "reported+counted"),
        ({"stream": stream(EARLY, finished=False), **READING}, True, Policies(),
         "partial", "reported+counted"),
        ({"stream": stream(LATE, finished=False), **READING}, True, Policies(),
         "partial", {**USED, "output": 199}),
        # The client left.
        ({}, True, Policies(), "none", {}),
        (LEFT, True, Policies(), "estimated", "input"),
        (LEFT, True, GENEROUS, "none", {}),
        ({"stream": stream(), **READING}, True, Policies(), "partial", "both"),
        ({"stream": stream(), **READING}, True, GENEROUS, "none", {}),
        ({"stream": stream(OPENAI_USED), **READING}, True, Policies(), "reported",
         USED),
    ],
)
async def test_the_charge_follows_from_the_end_the_policy_and_the_evidence(
    parts, left: bool, policies: Policies, evidence: str, charged
) -> None:
    record = await meter(exchanges.held(**parts), left, policies)
    counted_input = await count_input(record.ask, record.model)
    counted_output = await count_text(TEXT)
    expected = {
        "input": {"input": counted_input},
        "both": {"input": counted_input, "output": counted_output},
        "input+6": {"input": counted_input, "output": 6},
        "reported+counted": {**USED, "output": counted_output},
    }.get(charged if isinstance(charged, str) else "", charged)
    assert (record.charge.record.evidence, dict(record.charge.quantities)) == (
        evidence,
        expected,
    )
    pico = cost_pico(exchanges.PRICE.sell, expected)
    assert record.charge.cost_pico == pico
    assert record.charge.cost_nano == -(-pico // 1000)


async def test_nothing_delivered_of_a_broken_answer_is_nothing_charged() -> None:
    record = await meter(exchanges.held(broken=UpstreamFailed(), contacted_ns=1))
    assert (record.charge.record.evidence, record.charge.cost_nano) == ("none", 0)


async def test_the_larger_figures_of_a_stream_are_taken_and_never_their_sum() -> None:
    made = REGISTRY["openai"].open_stream("gpt-4o", "req_1")
    for tokens in (2, 6, 5):
        usage = {"prompt_tokens": 9, "completion_tokens": tokens}
        made.feed(b"data: " + orjson.dumps({"choices": [], "usage": usage}) + b"\n\n")
    record = await meter(exchanges.held(stream=made, **READING))
    assert record.charge.quantities["output"] == 6


# What is believed: QUOTE holds 100 tokens of input and 200 of output.


@pytest.mark.parametrize(
    ("quantities", "choices", "reason"),
    [
        ({"input": 100, "output": 200}, 1, None),
        ({"input": 1_224, "output": 264}, 1, None),
        ({"input": 1_225, "output": 1}, 1, "more input than was sent"),
        ({"input": 1_000, "cache_read": 225, "output": 1}, 1, "more input"),
        ({"input": 1, "output": 265}, 1, "more output than was allowed"),
        ({"input": 1, "output": 664}, 3, None),
        ({"input": 1, "output": 665}, 3, "more output than was allowed"),
        ({"output": 265}, 1, "more output than was allowed"),
    ],
)
def test_usage_beyond_what_was_asked_is_not_believed(
    quantities, choices: int, reason: str | None
) -> None:
    usage = Usage(quantities)
    found = believed(usage, replace(exchanges.QUOTE, choices=choices))
    if reason is None:
        assert found is usage
    else:
        assert isinstance(found, Invalid) and found.reason.startswith(reason)


@pytest.mark.parametrize("usage", [None, Invalid("nonsense")])
def test_what_is_no_usage_stays_what_it_is(usage) -> None:
    assert believed(usage, exchanges.QUOTE) is usage


async def test_what_we_count_is_never_more_than_was_held() -> None:
    small = replace(exchanges.QUOTE, input_tokens=2, output_tokens=1)
    record = await meter(exchanges.held(answer=answer(None), quote=small))
    assert record.charge.quantities == {"input": 2, "output": 1}


async def test_a_provider_that_claims_too_much_is_counted_after() -> None:
    claimed = answer(Usage({"input": 10**9, "output": 10**9}))
    record = await meter(exchanges.held(answer=claimed))
    assert record.charge.record.evidence == "invalid"
    assert record.charge.cost_nano <= exchanges.QUOTE.amount_nano


async def test_the_hold_pins_the_price() -> None:
    dear = replace(exchanges.QUOTE, price=replace(exchanges.PRICE, sell={
        "input": 10**6, "cache_read": 10**6, "cache_write": 10**6, "output": 10**6
    }))
    record = await meter(exchanges.held(answer=answer(REPORTED), quote=dear))
    assert record.charge.cost_pico == sum(USED.values()) * 10**6


THOUGHT = Usage({"input": 9, "output": 6}, reasoning=4)
APART = Price.of("gpt-4o", 0, {**exchanges.SELL, "reasoning": 1}, exchanges.SELL)
LONG = Case(When(input_above=12), {"output": 20_000_000}, {})
SLOW = Case(When(thinking=True), {"output": 40_000_000}, {})
CASES = Price.of("gpt-4o", 0, exchanges.SELL, exchanges.SELL, [LONG, SLOW])


@pytest.mark.parametrize(
    ("price", "charged"),
    [
        (exchanges.PRICE, {"input": 9, "output": 6}),
        (APART, {"input": 9, "output": 2, "reasoning": 4}),
    ],
)
async def test_reasoning_is_output_unless_it_has_a_rate(price, charged) -> None:
    quote = replace(exchanges.QUOTE, price=price)
    record = await meter(exchanges.held(answer=answer(THOUGHT), quote=quote))
    assert record.charge.quantities == charged
    assert record.charge.cost_pico == cost_pico(price.sell, charged)


async def test_reasoning_of_a_broken_answer_is_apart_too() -> None:
    used = {**OPENAI_USED, "completion_tokens_details": {"reasoning_tokens": 4}}
    quote = replace(exchanges.QUOTE, price=APART)
    parts = {"stream": stream(used, finished=False), "quote": quote, **BROKEN}
    quantities = (await meter(exchanges.held(**parts))).charge.quantities
    assert quantities["reasoning"] == 4
    assert quantities["output"] == max(6, await count_text(TEXT)) - 4


@pytest.mark.parametrize(
    ("thinking", "used", "output_pico"),
    [
        (False, {"input": 12, "output": 1}, 10_000_000),
        (False, {"input": 13, "output": 1}, 20_000_000),
        (False, {"input": 9, "cache_read": 4, "output": 1}, 20_000_000),
        (True, {"input": 13, "output": 1}, 40_000_000),
    ],
)
async def test_the_rates_are_those_of_the_situation_and_what_was_used(
    thinking: bool, used, output_pico: int
) -> None:
    situation = Situation(moment_ns=7, thinking=thinking)
    quote = replace(exchanges.QUOTE, price=CASES, situation=situation)
    record = await meter(exchanges.held(answer=answer(Usage(used)), quote=quote))
    rates = {**exchanges.SELL, "output": output_pico}
    assert record.charge.cost_pico == cost_pico(rates, used)
    conditions = record.charge.record.conditions
    assert Situation.of_facts(conditions) == situation


async def test_a_flat_price_needs_no_conditions() -> None:
    record = await meter(exchanges.held(answer=answer(REPORTED)))
    assert record.charge.record.conditions == {}


# What is not metered.


@pytest.mark.parametrize("client_left", [False, True])
async def test_what_holds_no_money_is_not_metered(client_left: bool) -> None:
    record = await meter(exchanges.held(held=False), client_left)
    assert record.charge is None


async def test_a_flow_that_nobody_admitted_is_not_metered() -> None:
    metering = Metering(lambda _: Policies(), FakeClock())
    await metering.error(exchanges.flow())


# The record.


async def test_the_record_says_who_served_it_and_how_long_it_took() -> None:
    record = await meter(
        exchanges.held(
            ask=exchanges.ask(stream=True),
            answer=answer(REPORTED),
            leg=exchanges.leg("backup", model="other"),
            attempts=2,
            first_byte_ns=exchanges.START_NS + 56_789_000,
        )
    )
    usage = record.charge.record
    assert (usage.provider, usage.upstream_model, usage.attempts) == (
        "backup",
        "other",
        2,
    )
    assert (usage.first_byte_ms, usage.total_ms) == (56, 1234)
    assert (usage.model, usage.stream, usage.tokens) == ("gpt-4o", True, 19)


@pytest.mark.parametrize(
    ("parts", "left", "outcome", "status"),
    [
        ({"answer": answer(REPORTED)}, False, "complete", 200),
        ({"refusal": UpstreamFailed()}, False, "upstream_error", 502),
        ({"refusal": UpstreamFailed(code="")}, False, "refused", 502),
        ({"refusal": UpstreamFailed(code="bad\0 code")}, False, "badcode", 502),
        (BROKEN, False, "upstream_died", 502),
        ({}, True, "client_left_before_contact", 200),
        (LEFT, True, "client_left_before_headers", 200),
        (READING, True, "client_left_midstream", 200),
    ],
)
async def test_the_outcome_is_the_end_or_the_errors_code(
    parts, left: bool, outcome: str, status: int
) -> None:
    record = (await meter(exchanges.held(**parts), left)).charge.record
    assert (record.outcome, record.status) == (outcome, status)


async def test_an_exchange_that_reached_no_provider_names_none() -> None:
    record = (await meter(exchanges.held(), client_left=True)).charge.record
    assert (record.provider, record.upstream_model, record.first_byte_ms) == (
        "",
        "",
        None,
    )


SHOWN = ({"url": "a"}, {"url": "b"})


@pytest.mark.parametrize(
    ("shown", "parts", "client_left", "policies", "charged"),
    [
        (SHOWN, {}, False, Policies(), 2),
        (SHOWN[:1], {}, False, Policies(), 1),
        (SHOWN * 2, {}, False, Policies(), 2),
        ((), {"refusal": UpstreamFailed()}, False, Policies(), 0),
        (SHOWN, {"refusal": UpstreamFailed()}, False, Policies(), 0),
        (SHOWN, WAITED_FOR, True, Policies(), 2),
        (SHOWN, WAITED_FOR, True, GENEROUS, 2),
        (SHOWN, {"contacted_ns": 1}, True, Policies(), 2),
        (SHOWN, {"contacted_ns": 1}, True, GENEROUS, 0),
        (SHOWN, {}, True, Policies(), 0),
    ],
)
async def test_images_are_charged_by_those_that_are_there(
    shown, parts, client_left: bool, policies: Policies, charged: int
) -> None:
    asked = exchanges.image_ask(n=2)
    record = exchanges.image_held(ask=asked, answer=ImageAnswer((), shown), **parts)
    found = (await meter(record, client_left, policies)).charge
    assert found.cost_nano == charged * 4 * 10**7
    assert found.record.evidence == ("counted" if charged else "none")
    assert (found.record.tokens, found.record.stream) == (0, False)


async def test_images_without_an_answer_are_nothing() -> None:
    record = exchanges.image_held(contacted_ns=1)
    assert (await meter(record, client_left=True)).charge.cost_nano == 0
