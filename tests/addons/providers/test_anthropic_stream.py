"""Each event, and what the caller gets for it."""

from typing import Any

import orjson
import pytest

from addons.providers.anthropic import ANTHROPIC
from addons.providers.anthropic_request import ANSWER_TOOL
from addons.providers.anthropic_stream import BLOCKS_MAX, MessageEvents
from addons.wire.chat_stream import PING, ChatStream, Malformed
from addons.wire.errors import (
    ApiError,
    UpstreamBilling,
    UpstreamFailed,
    UpstreamOverloaded,
    UpstreamRefused,
    UpstreamThrottled,
    UpstreamTimeout,
)
from addons.wire.usage import Invalid, Usage

Event = dict[str, Any]
START: Event = {"type": "message_start", "message": {"id": "msg_1"}}
STOP: Event = {"type": "message_stop"}


def opens(kind: str, index: int = 0, **more: Any) -> Event:
    block = {"type": kind, **more}
    return {"type": "content_block_start", "index": index, "content_block": block}


def adds(kind: str, text: Any, index: int = 0) -> Event:
    names = {"text_delta": "text", "thinking_delta": "thinking",
             "input_json_delta": "partial_json", "signature_delta": "signature"}
    delta = {"type": kind, names.get(kind, "what"): text}
    return {"type": "content_block_delta", "index": index, "delta": delta}


def closes(index: int = 0) -> Event:
    return {"type": "content_block_stop", "index": index}


def ends(reason: Any = "end_turn", usage: Any = None, **more: Any) -> Event:
    delta = {"stop_reason": reason, **more}
    return {"type": "message_delta", "delta": delta, "usage": usage}


def frame(event: Any) -> bytes:
    name = event.get("type") if isinstance(event, dict) else "odd"
    return b"event: %b\ndata: %b\n\n" % (str(name).encode(), orjson.dumps(event))


def stream_of(*events: Any) -> tuple[ChatStream, list[Any]]:
    """The stream after these events, and the choices it handed on."""
    stream = ANTHROPIC.open_stream("claude-3.5-sonnet", "req-1", True)
    out = b"".join([stream.feed(frame(event)) for event in events])
    frames = [one for one in out.split(b"\n\n") if one.startswith(b"data: ")]
    chunks = [orjson.loads(one.removeprefix(b"data: ")) for one in frames]
    return stream, [choice for chunk in chunks for choice in chunk["choices"]]


def deltas(*events: Any) -> list[Any]:
    return [choice["delta"] for choice in stream_of(*events)[1]]


def call(index: int, **more: Any) -> dict[str, Any]:
    return {"tool_calls": [{"index": index, **more}]}


def call_opens(index: int, id: str, name: str = "f") -> dict[str, Any]:
    function = {"name": name, "arguments": ""}
    return call(index, id=id, type="function", function=function)


def call_adds(index: int, arguments: str) -> dict[str, Any]:
    return call(index, function={"arguments": arguments})


ROLE = {"role": "assistant", "content": ""}
SILENT = {"role": "assistant", "content": None}
DELTAS: dict[str, tuple[list[Event], list[Any]]] = {
    "a start": ([START], []),
    "a text": (
        [opens("text", text=""), adds("text_delta", "hi"), closes()],
        [ROLE, {"content": "hi"}],
    ),
    "a text that begins at once": (
        [opens("text", text="h"), adds("text_delta", "i")],
        [ROLE, {"content": "h"}, {"content": "i"}],
    ),
    "an empty piece": ([opens("text", text=""), adds("text_delta", "")], []),
    "a thought": (
        [opens("thinking", thinking="", signature=""), adds("thinking_delta", "hm"),
         adds("signature_delta", "xx"), closes()],
        [ROLE, {"reasoning_content": "hm"}],
    ),
    "a hidden thought": ([opens("redacted_thinking", data="xx"), closes()], []),
    "a call": (
        [opens("tool_use", id="t1", name="f", input={}), adds("input_json_delta", ""),
         adds("input_json_delta", '{"a"'), adds("input_json_delta", ":1}"), closes()],
        [SILENT, call_opens(0, "t1"), call_adds(0, '{"a"'), call_adds(0, ":1}")],
    ),
    "a call without arguments": (
        [opens("tool_use", id="t1", name="f", input={}), adds("input_json_delta", ""),
         closes()],
        [SILENT, call_opens(0, "t1"), call_adds(0, "{}")],
    ),
    "a call whose arguments come at once": (
        [opens("tool_use", id="t1", name="f", input={"a": 1}), closes()],
        [SILENT, call_opens(0, "t1"), call_adds(0, '{"a":1}')],
    ),
    "calls are counted apart from blocks": (
        [opens("text", 0, text="x"), opens("tool_use", 1, id="t1", name="f"),
         opens("thinking", 2), opens("tool_use", 3, id="t2", name="g"),
         adds("input_json_delta", "{1}", 3), adds("input_json_delta", "{0}", 1)],
        [ROLE, {"content": "x"}, call_opens(0, "t1"), call_opens(1, "t2", "g"),
         call_adds(1, "{1}"), call_adds(0, "{0}")],
    ),
    "an answer in JSON": (
        [opens("tool_use", id="t1", name=ANSWER_TOOL, input={}),
         adds("input_json_delta", '{"a":1}'), closes()],
        [ROLE, {"content": '{"a":1}'}],
    ),
    "an empty answer in JSON": (
        [opens("tool_use", id="t1", name=ANSWER_TOOL, input={}), closes()],
        [ROLE, {"content": "{}"}],
    ),
    "a citation": (
        [opens("text", text=""), adds("citations_delta", {"a": 1})], []
    ),
    "an end without a start": ([ends(), STOP], [ROLE, {}]),
}


@pytest.mark.parametrize(("events", "found"), DELTAS.values(), ids=list(DELTAS))
def test_events_become_deltas(events: list[Event], found: list[Any]) -> None:
    stream, choices = stream_of(*events)
    assert [choice["delta"] for choice in choices] == found
    assert (stream.reading.skipped, stream.reading.fault) == (0, None)


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("end_turn", "stop"),
        ("max_tokens", "length"),
        ("refusal", "content_filter"),
        (None, "stop"),
        (7, "stop"),
    ],
)
def test_the_finish_comes_when_the_message_stops(reason: Any, finish: str) -> None:
    stream, choices = stream_of(START, opens("text", text="x"), ends(reason))
    assert all(choice["finish_reason"] is None for choice in choices)
    assert not stream.reading.finished
    stream, choices = stream_of(START, opens("text", text="x"), ends(reason), STOP)
    assert choices[-1]["finish_reason"] == finish
    assert stream.reading.finished and stream.ended
    assert stream.reading.finish == (reason if type(reason) is str else finish)


def test_the_answer_s_own_tool_is_no_call() -> None:
    answered = opens("tool_use", id="t1", name=ANSWER_TOOL, input={"a": 1})
    called = opens("tool_use", 1, id="t2", name="f")
    for events, finish in (([answered], "stop"), ([answered, called], "tool_calls")):
        _, choices = stream_of(*events, ends("tool_use"), STOP)
        assert choices[-1]["finish_reason"] == finish


def test_a_refusal_is_explained() -> None:
    details = {"type": "refusal", "explanation": "Too risky."}
    _, choices = stream_of(START, ends("refusal", stop_details=details), STOP)
    assert choices[-1]["delta"] == {"refusal": "Too risky."}
    assert choices[-1]["finish_reason"] == "content_filter"


def test_only_real_content_starts_a_stream() -> None:
    stream, _ = stream_of(START, {"type": "ping"}, opens("text", text=""))
    assert not stream.started
    for event in (opens("text", text="x"), opens("tool_use", id="t", name="f")):
        assert stream_of(START, event)[0].started


def test_a_ping_is_passed_on_as_a_comment() -> None:
    stream = ANTHROPIC.open_stream("m", "r")
    assert stream.feed(frame({"type": "ping"})) == PING
    assert PING.startswith(b":")


WRONG: list[Any] = [
    {"type": "mystery"},
    {"type": None},
    {"type": ["ping"]},
    {},
    [],
    7,
    {"type": "message_start"},
    {"type": "message_start", "message": []},
    {"type": "message_delta", "delta": None},
    opens("mystery"),
    opens("text", "0", text="x"),
    opens("text", True, text="x"),
    opens("text", text=7),
    {"type": "content_block_start", "index": 0},
    {"type": "content_block_start", "index": 0, "content_block": {"type": []}},
    opens("tool_use", id="t"),
    opens("tool_use", name="f"),
    opens("tool_use", id="t", name="f", input="{}"),
    adds("text_delta", "a block that is not open", 9),
    closes(9),
]


@pytest.mark.parametrize("wrong", WRONG, ids=range(len(WRONG)))
def test_what_makes_no_sense_is_skipped_and_counted(wrong: Any) -> None:
    around = [START, opens("text", 1, text="a"), wrong, adds("text_delta", "b", 1)]
    stream, choices = stream_of(*around, ends(), STOP)
    assert [one["delta"].get("content") for one in choices] == ["", "a", "b", None]
    assert stream.reading.skipped == 1
    assert stream.reading.finished


@pytest.mark.parametrize(
    "delta",
    [{"type": "mystery_delta"}, {"type": []}, {}, None, {"type": "text_delta"},
     {"type": "text_delta", "text": 7}],
)
def test_a_wrong_delta_is_skipped_and_counted(delta: Any) -> None:
    event = {"type": "content_block_delta", "index": 0, "delta": delta}
    stream, choices = stream_of(opens("text", text="a"), event)
    assert (len(choices), stream.reading.skipped) == (2, 1)


def test_a_block_nobody_knows_is_counted_once_with_all_its_deltas() -> None:
    unknown = [opens("mystery", 0), adds("text_delta", "x"), closes()]
    stream, choices = stream_of(*unknown, opens("text", 1, text="a"))
    assert [choice["delta"] for choice in choices] == [ROLE, {"content": "a"}]
    assert stream.reading.skipped == 1


def test_an_input_too_deep_to_write_is_no_call() -> None:
    deep: Any = {}
    for _ in range(500):
        deep = {"a": deep}
    with pytest.raises(Malformed):
        MessageEvents().feed(opens("tool_use", id="t", name="f", input=deep))


def test_blocks_are_limited() -> None:
    events = MessageEvents()
    for index in range(BLOCKS_MAX):
        events.feed(opens("text", index, text=""))
    with pytest.raises(Malformed):
        events.feed(opens("text", BLOCKS_MAX, text=""))


# Usage.

STARTED = {
    "input_tokens": 10,
    "cache_read_input_tokens": 7,
    "cache_creation_input_tokens": 5,
    "cache_creation": {"ephemeral_5m_input_tokens": 3, "ephemeral_1h_input_tokens": 2},
    "output_tokens": 1,
}


def usage_of(*usages: Any) -> Any:
    first, *later = usages
    start = {"type": "message_start", "message": {"usage": first}}
    stream, _ = stream_of(start, *[ends(usage=usage) for usage in later], STOP)
    return stream.reading.usage


@pytest.mark.parametrize(
    ("later", "output", "reasoning"),
    [
        ([], 1, 0),
        ([{"output_tokens": 9}], 9, 0),
        ([{"output_tokens": 4}, {"output_tokens": 9}], 9, 0),
        # The totals at the end know nothing of how long a cache is kept.
        ([{"input_tokens": 10, "cache_read_input_tokens": 7,
           "cache_creation_input_tokens": 5, "output_tokens": 9}], 9, 0),
        ([{"output_tokens": 9, "cache_creation": None,
           "cache_creation_input_tokens": None, "input_tokens": None}], 9, 0),
        ([{"output_tokens": 9, "output_tokens_details": {"thinking_tokens": 6}}], 9, 6),
        ([None], 1, 0),
        (["odd"], 1, 0),
    ],
)
def test_usage_is_what_was_last_said_of_each(
    later: list[Any], output: int, reasoning: int
) -> None:
    assert usage_of(STARTED, *later) == Usage(
        {"input": 10, "cache_read": 7, "cache_write": 3, "cache_write_1h": 2,
         "output": output},
        reasoning,
    )


def test_what_more_is_written_to_a_cache_is_kept_for_five_minutes() -> None:
    found = usage_of(STARTED, {"cache_creation_input_tokens": 9, "output_tokens": 2})
    assert found.quantities["cache_write"] == 7
    assert found.quantities["cache_write_1h"] == 2
    assert found.prompt == 10 + 7 + 9


def test_without_the_split_all_is_kept_for_five_minutes() -> None:
    whole = {name: STARTED[name] for name in STARTED if name != "cache_creation"}
    assert usage_of(whole).quantities == {
        "input": 10, "cache_read": 7, "cache_write": 5, "output": 1,
    }


def test_nonsense_is_not_believed() -> None:
    assert isinstance(usage_of({**STARTED, "output_tokens": -1}), Invalid)
    assert isinstance(usage_of(STARTED, {"output_tokens": True}), Invalid)
    assert usage_of({}) is None


def test_a_provider_cannot_fill_the_memory_with_fields() -> None:
    events = MessageEvents()
    for number in range(100):
        events.feed(ends(usage={f"field{number}": "x" * 99}, **{f"f{number}": "x"}))
    assert (events.usage, events.ending) == ({}, {"stop_reason": "end_turn"})


# Ends that are none.


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"type": "overloaded_error", "message": "Overloaded"}, UpstreamOverloaded),
        ({"type": "api_error", "message": "m"}, UpstreamFailed),
        ({"type": "rate_limit_error", "message": "m"}, UpstreamThrottled),
        ({"type": "timeout_error", "message": "m"}, UpstreamTimeout),
        ({"type": "billing_error", "message": "m"}, UpstreamBilling),
        ({"type": "invalid_request_error", "message": "m"}, UpstreamRefused),
        ({"type": "something_new", "message": "m"}, UpstreamFailed),
        (None, UpstreamFailed),
        ("oops", UpstreamFailed),
    ],
)
def test_an_error_ends_the_stream(error: Any, kind: type[ApiError]) -> None:
    broken = {"type": "error", "error": error}
    stream, choices = stream_of(START, opens("text", text="a"), broken, STOP)
    assert type(stream.reading.fault) is kind
    assert stream.ended and not stream.reading.finished
    assert [choice["delta"] for choice in choices] == [ROLE, {"content": "a"}]


@pytest.mark.parametrize("closed", [True, False])
def test_a_stream_that_stops_without_saying_so_was_cut(closed: bool) -> None:
    stream = ANTHROPIC.open_stream("m", "r")
    raw = b"".join(map(frame, (START, opens("text", text="a"), ends())))
    stream.feed(raw if closed else raw[:-1])
    stream.flush()
    assert not stream.reading.finished
    assert stream.reading.fault is None


def test_an_end_that_nothing_closed_is_one() -> None:
    stream = ANTHROPIC.open_stream("m", "r")
    raw = b"".join(map(frame, (START, opens("text", text="a"), ends(), STOP)))
    stream.feed(raw[:-2])
    assert not stream.reading.finished
    stream.flush()
    assert stream.reading.finished
    assert b'"finish_reason":"stop"' in stream.tail(None, None)
