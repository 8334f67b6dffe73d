"""12–16: a provider that refuses, dies, lies, or says its figures in pieces.

Prices are gpt-4o's: 2,500 nano-dollars an input token, 10,000 an output token. Words
that are cut off are counted as a tokenizer sees them, whole answers as the provider
says. After every test the ledger is proved and nobody's money is held.
"""

import logging
from collections.abc import Mapping
from typing import Any

import pytest

from storage.reader import UsageReport
from tests.fakes.openai_script import (
    Answer,
    Behaviour,
    Edit,
    End,
    Gate,
    Raw,
    Silence,
    Status,
    after,
    frame,
    in_pieces,
    with_line_ends,
)
from tests.fakes.openai_server import FakeOpenAI
from tests.faults.conftest import Start
from tests.scenarios.dial import Dial, Reply, chat, events, said
from tests.scenarios.harness import Caller, Gateway

TEN_DOLLARS = 10 * 10**9
COST_NANO = 6 * 2500 + 5 * 10_000
DONE = b"data: [DONE]"
NOWHERE = "http://127.0.0.1:1/v1"

whole_or_stream = pytest.mark.parametrize("stream", [False, True])


def ask(gateway: Gateway, caller: Caller, **parameters: Any) -> Reply:
    with Dial(gateway.port) as dial:
        return dial.ask(chat(caller.key, **parameters))


def only_charge(gateway: Gateway, caller: Caller) -> UsageReport:
    gateway.settled()
    (charge,) = gateway.charges(caller)
    assert gateway.available_nano(caller) == TEN_DOLLARS - charge.paid_nano
    return charge


def failed_for_free(gateway: Gateway, caller: Caller, reply: Reply) -> None:
    assert (reply.status, reply.error["code"]) == (502, "upstream_error")
    assert reply.error.keys() >= {"message", "type", "param", "code"}
    charge = only_charge(gateway, caller)
    assert (charge.cost_nano, charge.record.evidence) == (0, "none")
    assert charge.record.status == 502


DEAD: Mapping[str, Behaviour] = {
    "500": Status(500),
    "FIN before the head": Silence(End.FIN),
    "RST before the head": Silence(End.RST),
    "FIN before the body": Answer(edits=[after(0, End.FIN)]),
    "RST before the body": Answer(edits=[after(0, End.RST)]),
}


@whole_or_stream
@pytest.mark.parametrize("name", DEAD)
def test_12_a_provider_that_dies_before_it_speaks_costs_nothing(
    gateway: Gateway, fake: FakeOpenAI, caller: Caller, name: str, stream: bool
) -> None:
    fake.always(DEAD[name])
    failed_for_free(gateway, caller, ask(gateway, caller, stream=stream))


@whole_or_stream
def test_12_a_provider_that_is_not_there_costs_nothing(
    start: Start, stream: bool
) -> None:
    gateway = start(environ={"OPENAI_BASE_URL": NOWHERE, "OPENAI_API_KEY": "sk-fake"})
    caller = gateway.caller()
    failed_for_free(gateway, caller, ask(gateway, caller, stream=stream))


@pytest.mark.parametrize("end", [End.FIN, End.RST])
def test_13_a_stream_that_was_cut_is_charged_once_for_what_arrived(
    gateway: Gateway, fake: FakeOpenAI, caller: Caller, end: End
) -> None:
    gate = Gate()
    fake.always(Answer("one two three four ", edits=[after(3, gate, end)]))
    with Dial(gateway.port) as dial:
        dial.send(chat(caller.key, stream=True))
        assert dial.head()[0] == 200
        heard = b""
        while b"two" not in heard:
            heard += dial.piece()
        gate.open()
        heard += dial.pieces()
    *chunks, last = events(heard)
    assert said(chunks) == "one two "
    assert last["error"]["code"] == "upstream_error"
    assert DONE not in heard
    charge = only_charge(gateway, caller)
    assert (charge.record.evidence, charge.record.outcome) == (
        "partial",
        "upstream_died",
    )
    # "one two " as tokens; the input is our own count.
    quantities = charge.record.quantities
    assert quantities["output"] == 3
    assert charge.paid_nano == quantities["input"] * 2500 + 3 * 10_000


@pytest.mark.parametrize("end", [End.FIN, End.RST])
def test_13_half_of_a_whole_answer_is_none(
    gateway: Gateway, fake: FakeOpenAI, caller: Caller, end: End
) -> None:
    fake.always(Answer(edits=[after(1, end)]))
    failed_for_free(gateway, caller, ask(gateway, caller))


@whole_or_stream
def test_14_an_answer_without_usage_is_counted(
    gateway: Gateway, fake: FakeOpenAI, caller: Caller, stream: bool
) -> None:
    fake.always(Answer(report_usage=False))
    assert ask(gateway, caller, stream=stream).status == 200
    charge = only_charge(gateway, caller)
    counted = charge.record.quantities
    assert charge.record.evidence == "counted"
    assert charge.paid_nano == counted["input"] * 2500 + counted["output"] * 10_000 > 0


def usage(prompt: object, completion: object, total: object = 0) -> dict[str, object]:
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": total,
    }


ABSURD = {
    "negative": usage(-1, 5),
    "negative output": usage(6, -(10**12)),
    "a fraction": usage(1.5, 5),
    "text": usage("6", "5"),
    "a word": usage("many", None),
    "a truth": usage(True, [], {}),
    "huge": usage(6, 10**18),
    "not a number": usage(float("nan"), float("inf")),
    "more than was asked": usage(10**9, 10**9),
}


@whole_or_stream
@pytest.mark.parametrize("name", ABSURD)
def test_14_absurd_usage_is_never_a_credit_and_never_a_fortune(
    gateway: Gateway, fake: FakeOpenAI, caller: Caller, name: str, stream: bool
) -> None:
    fake.always(Answer(usage=ABSURD[name]))
    assert ask(gateway, caller, stream=stream).status in (200, 502)
    charge = only_charge(gateway, caller)
    # What is not even JSON was never said, so it is counted.
    assert charge.record.evidence in ("invalid", "none", "counted")
    assert 0 <= charge.paid_nano < 200_000


@whole_or_stream
def test_15_usage_above_the_balance_is_the_houses_loss_and_is_seen(
    gateway: Gateway,
    fake: FakeOpenAI,
    stream: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    # Enough for the hold to the last nano-dollar, and a provider that added a prompt
    # of its own: more than was held, not more than is believed.
    caller = gateway.caller("0.0033")
    fake.always(Answer(usage=usage(1000, 300)))
    with caplog.at_level(logging.WARNING):
        reply = ask(gateway, caller, stream=stream, max_tokens=300)
        gateway.settled()
    assert reply.status == 200
    (charge,) = gateway.charges(caller)
    assert charge.cost_nano == 1000 * 2500 + 300 * 10_000
    assert charge.paid_nano == 3_300_000
    assert charge.paid_nano + charge.shortfall_nano == charge.cost_nano
    assert gateway.available_nano(caller) == 0
    (line,) = [line for line in caplog.messages if "shortfall" in line]
    assert reply.headers["x-request-id"] in line


def so_far(prompt: int | None, completion: int | None) -> bytes:
    """An event with no words in it and these figures."""
    figures = {"prompt_tokens": prompt, "completion_tokens": completion}
    told = {name: number for name, number in figures.items() if number is not None}
    return frame({"choices": [], "usage": told})


FIGURES: Mapping[str, tuple[Edit, ...]] = {
    "once, at the end": (),
    "rising": (after(2, so_far(6, 1), so_far(6, 2)), after(6, so_far(6, 4))),
    "the same again and again": (after(3, *[so_far(6, 5)] * 5),),
    "falling": (after(2, so_far(6, 5)), after(5, so_far(6, 1))),
    "input first, output later": (after(2, so_far(6, None)), after(6, so_far(None, 5))),
}
CUTS: Mapping[str, tuple[Edit, ...]] = {
    "as sent": (),
    "bytes": (in_pieces(1),),
    "sevens": (in_pieces(7),),
    "CR in bytes": (with_line_ends(b"\r"), in_pieces(1)),
}


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("figures", FIGURES)
def test_16_figures_are_a_maximum_and_never_a_sum_however_they_are_cut(
    gateway: Gateway, fake: FakeOpenAI, caller: Caller, figures: str, cut: str
) -> None:
    fake.always(Answer(edits=[*FIGURES[figures], *CUTS[cut]]))
    reply = ask(gateway, caller, stream=True)
    assert said(reply.events) == "You said: 你好 there"
    charge = only_charge(gateway, caller)
    assert charge.record.evidence == "reported"
    assert (charge.record.quantities, charge.paid_nano) == (
        {"input": 6, "output": 5},
        COST_NANO,
    )


@pytest.mark.parametrize("cut", CUTS)
def test_16_figures_in_two_events_alone_are_whole(
    gateway: Gateway, fake: FakeOpenAI, caller: Caller, cut: str
) -> None:
    parts = after(2, so_far(6, None)), after(6, so_far(None, 5))
    fake.always(Answer(report_usage=False, edits=[*parts, *CUTS[cut]]))
    assert ask(gateway, caller, stream=True).status == 200
    charge = only_charge(gateway, caller)
    assert (charge.record.evidence, charge.paid_nano) == ("reported", COST_NANO)


def test_16_an_unknown_stream_end_does_not_hide_the_figures(
    gateway: Gateway, fake: FakeOpenAI, caller: Caller
) -> None:
    body = b"".join(
        [
            frame({"choices": [{"index": 0, "delta": {"content": "one"}}]}),
            frame(
                {
                    "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}],
                    "usage": usage(6, 5),
                }
            ),
        ]
    )
    fake.always(Raw(body, content_type="text/event-stream"))
    assert ask(gateway, caller, stream=True).status == 200
    assert only_charge(gateway, caller).paid_nano == COST_NANO
