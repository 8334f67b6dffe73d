"""ChatStream: what is delivered, what is metered, and how a stream ends."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from addons.wire.chat_stream import (
    CHOICES_MAX,
    DONE,
    PING,
    ChatStream,
    Malformed,
    message_text,
)
from addons.wire.errors import (
    ContentRefused,
    UpstreamBilling,
    UpstreamFailed,
    UpstreamOverloaded,
)
from addons.wire.sse import EVENT_BYTES_MAX
from addons.wire.tokens import count_tokens
from addons.wire.usage import Invalid, Usage

USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
FOUND = Usage({"input": 3, "cache_read": 0, "cache_write": 0, "output": 2})


def frame(value: Any) -> bytes:
    return b"data: " + orjson.dumps(value) + b"\n\n"


def chunk(*choices: dict[str, Any], **more: Any) -> bytes:
    head = {"id": "up-1", "object": "chat.completion.chunk", "model": "upstream-2026"}
    return frame({**head, "created": 1_700_000_000, "choices": list(choices), **more})


def says(content: str, index: int = 0, **more: Any) -> dict[str, Any]:
    delta = {"content": content, **more}
    return {"index": index, "delta": delta, "finish_reason": None}


def ends(reason: str = "stop", index: int = 0) -> dict[str, Any]:
    return {"index": index, "delta": {}, "finish_reason": reason}


ROLE = chunk(says("", role="assistant"), usage=None)
HELLO = chunk(says("hello"), usage=None)
WORLD = chunk(says(" world"), usage=None)
END = chunk(ends(), usage=None)
COUNTS = chunk(usage=USAGE)
GOOD = ROLE + HELLO + WORLD + END + COUNTS + DONE


def open_stream(include_usage: bool = False, **more: Any) -> ChatStream:
    return ChatStream("gpt-4o", "req-1", include_usage=include_usage, **more)


def chunks(out: bytes) -> list[dict[str, Any]]:
    """The JSON of every event but [DONE]."""
    events = out.split(b"\n\n")
    assert events.pop() == b"", "the last event is closed"
    assert all(event.startswith(b"data: ") for event in events)
    datas = [event.removeprefix(b"data: ") for event in events]
    return [orjson.loads(data) for data in datas if data != b"[DONE]"]


def content(out: bytes) -> str:
    """The text a reader puts together, as clients do: always choices[0]."""
    deltas = [found["choices"][0]["delta"] for found in chunks(out)]
    return "".join(delta.get("content") or "" for delta in deltas)


def test_every_chunk_carries_our_name_and_id_and_nothing_else() -> None:
    stream = open_stream()
    out = stream.feed(chunk(says("hi"), obfuscation="xxx", service_tier="y", odd={}))
    assert chunks(out) == [
        {
            "id": "req-1",
            "object": "chat.completion.chunk",
            "created": 1_700_000_000,
            "model": "gpt-4o",
            "choices": [says("hi")],
        }
    ]


def test_without_usage_asked_the_end_waits_for_the_charge() -> None:
    stream = open_stream()
    out = stream.feed(GOOD)
    assert content(out) == "hello world"
    assert b"usage" not in out
    assert b"stop" not in out
    assert b"[DONE]" not in out
    tail = stream.tail({"total_tokens": 5}, "0.00012")
    (last,) = chunks(tail)
    assert last["choices"] == [ends()]
    assert last["usage"] == {"total_tokens": 5, "cost": 0.00012}
    assert tail.endswith(b'"cost":0.00012}}\n\n' + DONE)


def test_with_usage_asked_it_comes_as_openai_sends_it() -> None:
    stream = open_stream(include_usage=True)
    out = stream.feed(GOOD)
    assert [found["usage"] for found in chunks(out)] == [None] * 4
    assert chunks(out)[-1]["choices"] == [ends()]
    (last,) = chunks(stream.tail({"total_tokens": 5}, "0.1"))
    assert last["choices"] == []
    assert last["usage"] == {"total_tokens": 5, "cost": 0.1}
    assert last["id"] == "req-1"


def test_a_reader_that_asked_for_no_usage_never_meets_an_empty_list() -> None:
    for raw in (GOOD, HELLO + DONE, DONE, GOOD + HELLO):
        stream = open_stream()
        out = stream.feed(raw) + stream.tail(dict(USAGE), "0.1")
        assert all(found["choices"] for found in chunks(out))
        assert chunks(out)[-1]["usage"]["cost"] == 0.1


def test_a_tail_without_figures_only_ends_the_stream() -> None:
    stream = open_stream()
    stream.feed(GOOD)
    (last,) = chunks(stream.tail(None, None))
    assert "usage" not in last
    assert open_stream(include_usage=True).tail(None, None) == DONE


def test_the_reading_of_a_good_stream() -> None:
    stream = open_stream()
    assert stream.feed(ROLE)
    assert not stream.started
    stream.feed(GOOD)
    reading = stream.reading
    assert stream.started
    assert reading.events == 3
    assert reading.meter.tokens() == count_tokens("hello world")
    assert reading.usage == FOUND
    assert (reading.skipped, reading.finished, reading.fault) == (0, True, None)
    assert stream.ended


def test_a_reading_keeps_the_providers_words() -> None:
    stream = open_stream()
    for id, reason in (("theirs", None), ("later", "length"), ("last", "stop")):
        choice = {"index": 0, "delta": {"content": "a"}, "finish_reason": reason}
        stream.feed(frame({"id": id, "choices": [choice]}))
    assert (stream.reading.upstream_id, stream.reading.finish) == ("theirs", "length")


@pytest.mark.parametrize(
    ("native", "kept"), [("max_tokens", "max_tokens"), ("", "stop"), (7, "stop")]
)
def test_a_translated_end_is_kept_in_the_providers_word(native, kept: str) -> None:
    stream = open_stream()
    choice = {"index": 0, "delta": {}, "finish_reason": "stop"}
    stream.feed(frame({"choices": [choice], "native_finish_reason": native}))
    assert stream.reading.finish == kept


@pytest.mark.parametrize(
    "delta",
    [
        {"content": "x"},
        {"reasoning_content": "x"},
        {"refusal": "x"},
        {"role": "assistant", "content": "x"},
        {"tool_calls": [{"index": 0, "id": "c", "function": {"name": "f"}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": "{"}}]},
    ],
)
def test_any_kind_of_content_starts_the_stream_and_is_metered(
    delta: dict[str, Any],
) -> None:
    stream = open_stream()
    out = stream.feed(chunk({"index": 0, "delta": delta, "finish_reason": None}))
    assert stream.started
    assert stream.reading.meter.characters == 1
    assert chunks(out)[0]["choices"][0]["delta"] == delta


@pytest.mark.parametrize(
    "delta",
    [
        {},
        {"role": "assistant"},
        {"role": "assistant", "content": ""},
        {"content": None, "reasoning_content": "", "tool_calls": None},
        {"tool_calls": []},
    ],
)
def test_an_empty_delta_is_handed_on_but_starts_nothing(delta: dict[str, Any]) -> None:
    stream = open_stream()
    out = stream.feed(chunk({"index": 0, "delta": delta, "finish_reason": None}))
    assert len(chunks(out)) == 1
    assert not stream.started


def test_a_finish_alone_is_an_answer() -> None:
    stream = open_stream()
    stream.feed(END)
    assert stream.started
    assert stream.reading.finished


MALFORMED = [
    b"data: {\n\n",
    b"data: hello\n\n",
    b"data: \xff\xfe\n\n",
    b'data: {"choices":[{"delta":{"content":"\xff"}}]}\n\n',
    b'data: {"choices":[{"delta":{"content":"\\ud800"}}]}\n\n',
    frame([]),
    frame("text"),
    frame(None),
    frame({}),
    frame({"choices": None}),
    frame({"choices": {"0": {}}}),
    frame({"choices": "x"}),
    frame({"choices": ["x"]}),
    frame({"choices": [None]}),
    frame({"choices": [{"delta": "x"}]}),
    frame({"choices": [{"delta": {"content": 7}}]}),
    frame({"choices": [{"delta": {"content": ["x"]}}]}),
    frame({"choices": [{"delta": {"tool_calls": "x"}}]}),
    frame({"choices": [{"delta": {"tool_calls": [{"function": {"name": 7}}]}}]}),
    frame({"choices": [{"index": "0", "delta": {}}]}),
    frame({"choices": [{"index": -1, "delta": {}}]}),
    frame({"choices": [{"index": CHOICES_MAX, "delta": {}}]}),
    frame({"choices": [{"index": True, "delta": {}}]}),
    frame({"choices": [{"delta": {}, "finish_reason": ["stop"]}]}),
    frame({"choices": [{"delta": {}, "finish_reason": True}]}),
    b'data: {"choices":[{"delta":{"x":' + b"[" * 400 + b"]" * 400 + b"}}]}\n\n",
]


@pytest.mark.parametrize("bad", MALFORMED, ids=range(len(MALFORMED)))
def test_a_malformed_chunk_is_skipped_counted_and_not_metered(bad: bytes) -> None:
    stream = open_stream()
    out = stream.feed(ROLE + HELLO + bad + WORLD + END + COUNTS + DONE)
    whole = open_stream()
    assert out == whole.feed(GOOD)
    assert stream.reading.skipped == 1
    assert stream.reading.meter.characters == whole.reading.meter.characters
    assert stream.reading.finished


@pytest.mark.parametrize(
    "quiet",
    [
        b"\n\n",
        b": keep-alive\n\n",
        b"data:\n\n",
        b"data:  \n\n",
        b"event: ping\n\n",
        chunk(),
        chunk(prompt_filter_results=[]),
        chunk(usage=None),
        chunk(error=None),
    ],
)
def test_what_is_merely_quiet_is_neither_sent_nor_held_against_anyone(
    quiet: bytes,
) -> None:
    stream = open_stream()
    assert stream.feed(quiet) == b""
    assert (stream.reading.skipped, stream.reading.fault) == (0, None)


def test_missing_parts_of_a_choice_are_filled_in() -> None:
    stream = open_stream()
    out = stream.feed(frame({"choices": [{"delta": {"content": "x"}}, {"index": 1}]}))
    assert chunks(out)[0]["choices"] == [
        {"delta": {"content": "x"}, "index": 0, "finish_reason": None},
        {"index": 1, "finish_reason": None, "delta": {}},
    ]
    assert chunks(out)[0]["created"] == 0


def test_an_empty_finish_reason_is_none() -> None:
    stream = open_stream()
    out = stream.feed(chunk({**says("x"), "finish_reason": ""}))
    assert chunks(out)[0]["choices"][0]["finish_reason"] is None
    assert not stream.reading.finished


@pytest.mark.parametrize(
    ("bad", "kind"),
    [
        (frame({"error": {"message": "m", "type": "server_error"}}), UpstreamFailed),
        (frame({"error": "text"}), UpstreamFailed),
        (b"event: error\n" + frame({"message": "m"}), UpstreamFailed),
        (frame({"error": {"code": "insufficient_quota"}}), UpstreamBilling),
        (frame({"error": {"code": "content_filter"}}), ContentRefused),
        (frame({"code": "Odd.Thing", "message": "m"}), UpstreamFailed),
        (chunk(says("x"), error={"code": 503}), UpstreamOverloaded),
        (chunk(ends("insufficient_system_resource")), UpstreamOverloaded),
        (b"data: " + b"x" * EVENT_BYTES_MAX + b"\n\n", UpstreamFailed),
    ],
)
def test_a_fault_ends_the_stream_and_nothing_follows_it(
    bad: bytes, kind: type[Exception]
) -> None:
    stream = open_stream(fatal_finishes=frozenset({"insufficient_system_resource"}))
    out = stream.feed(ROLE + HELLO + bad + WORLD + END + DONE)
    assert content(out) == "hello"
    assert type(stream.reading.fault) is kind
    assert stream.ended
    assert not stream.reading.finished
    assert stream.reading.meter.characters == 5
    assert stream.feed(GOOD) == b""
    stream.flush()


@pytest.mark.parametrize(
    ("raw", "finished"),
    [
        (b"", False),
        (ROLE, False),
        (ROLE + HELLO, False),
        (ROLE + HELLO + END, True),
        (ROLE + HELLO + END + COUNTS, True),
        (HELLO + DONE, True),
        (DONE, True),
        # The blank line that closes the last event never came.
        (HELLO + END[:-1], True),
        (HELLO + END[:-2], True),
        (HELLO + DONE[:-2], True),
        (HELLO + DONE[:-1], True),
        (HELLO + WORLD[:-2], False),
        (HELLO + WORLD[:-9], False),
        (HELLO + END[:-9], False),
    ],
)
def test_a_cut_stream_never_looks_finished(raw: bytes, finished: bool) -> None:
    stream = open_stream()
    stream.feed(raw)
    stream.flush()
    assert stream.reading.finished is finished
    assert stream.reading.fault is None


def test_an_end_that_nothing_closed_still_reaches_the_caller() -> None:
    stream = open_stream()
    out = stream.feed(HELLO + chunk({**says("!"), "finish_reason": "length"})[:-2])
    stream.flush()
    out += stream.tail(None, None)
    assert content(out) == "hello!"
    assert chunks(out)[-1]["choices"][0]["finish_reason"] == "length"


def test_an_event_too_large_at_the_very_end_is_a_fault_too() -> None:
    stream = open_stream()
    stream.feed(HELLO + b"data: " + b"x" * (EVENT_BYTES_MAX - 10) + b"\n")
    stream.feed(b"data: " + b"y" * 20)
    stream.flush()
    assert isinstance(stream.reading.fault, UpstreamFailed)
    assert stream.ended


def test_usage_after_the_end_is_read_though_nothing_closed_it() -> None:
    stream = open_stream()
    stream.feed(HELLO + END + COUNTS[:-2])
    stream.flush()
    assert stream.reading.usage == FOUND


def test_the_piece_at_a_cut_is_neither_delivered_nor_metered() -> None:
    stream = open_stream()
    stream.feed(HELLO + WORLD[:-2])
    stream.flush()
    assert stream.reading.meter.characters == 5
    assert content(stream.tail(None, None)) == ""


@pytest.mark.parametrize("announced", [1, 2])
def test_with_several_choices_all_must_finish(announced: int) -> None:
    stream = open_stream(choices=announced)
    both = says("", 0, role="assistant"), says("", 1, role="assistant")
    out = stream.feed(chunk(both[0]) + chunk(both[1]) + chunk(says("a")))
    out += stream.feed(chunk(ends(index=0)))
    assert not stream.reading.finished
    out += stream.feed(chunk(says("b", 1)) + chunk(ends("length", 1)))
    assert stream.reading.finished
    out += stream.tail({}, "0.5")
    firsts = [found["choices"][0] for found in chunks(out)]
    assert [(first["index"], first["finish_reason"]) for first in firsts] == [
        (0, None),
        (1, None),
        (0, None),
        (0, "stop"),
        (1, None),
        (1, "length"),
    ]
    assert [("usage" in found) for found in chunks(out)] == [False] * 5 + [True]


def test_one_of_two_announced_choices_is_not_the_whole_answer() -> None:
    stream = open_stream(choices=2)
    stream.feed(chunk(says("a")) + chunk(ends()))
    assert not stream.reading.finished


@pytest.mark.parametrize(
    ("frames", "usage"),
    [
        (HELLO + END, None),
        (chunk(says("a"), usage=USAGE) + END, FOUND),
        (chunk(ends(), usage=USAGE), FOUND),
        (END + COUNTS, FOUND),
        (
            chunk(says("a"), usage={**USAGE, "completion_tokens": 1})
            + chunk(says("b"), usage=USAGE)
            + END,
            FOUND,
        ),
        (
            END + chunk(usage={"prompt_tokens": 0, "completion_tokens": 0}),
            Usage({"input": 0, "cache_read": 0, "cache_write": 0, "output": 0}),
        ),
        (
            END + COUNTS + chunk(usage={**USAGE, "prompt_tokens": -1}),
            Invalid("usage.prompt_tokens is not a quantity"),
        ),
    ],
)
def test_usage_is_read_wherever_it_stands(frames: bytes, usage: Any) -> None:
    stream = open_stream()
    stream.feed(frames + DONE)
    assert stream.reading.usage == usage


def test_created_is_the_provider_s_if_it_says_and_one_for_all() -> None:
    stream = open_stream(created=5)
    out = stream.feed(chunk(says("a")) + chunk(says("b"), created=1_800_000_000))
    assert [found["created"] for found in chunks(out)] == [1_700_000_000] * 2
    silent = open_stream(created=5)
    assert chunks(silent.feed(frame({"choices": [says("a")]})))[0]["created"] == 5


def test_the_fingerprint_is_kept_as_it_changes() -> None:
    stream = open_stream()
    prints = ["fp_1", "fp_1", "fp_2", 7]
    out = stream.feed(
        b"".join(chunk(says("a"), system_fingerprint=name) for name in prints)
    )
    kept = [found.get("system_fingerprint") for found in chunks(out)]
    assert kept == ["fp_1", "fp_1", "fp_2", None]


def test_names_are_escaped_wherever_they_stand() -> None:
    stream = ChatStream('a"b\\模', "r\n1")
    assert chunks(stream.feed(HELLO))[0]["model"] == 'a"b\\模'
    assert chunks(stream.tail({}, "1"))[0]["id"] == "r\n1"


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ({}, ""),
        ({"content": "a", "refusal": "b", "reasoning_content": "c"}, "acb"),
        ({"tool_calls": [{"function": {"name": "f", "arguments": "{}"}}, {}]}, "f{}"),
    ],
)
def test_a_message_s_text_is_all_it_says(message: dict[str, Any], text: str) -> None:
    assert message_text(message) == text


pieces = st.sampled_from(
    [
        ROLE,
        HELLO,
        WORLD,
        END,
        COUNTS,
        DONE,
        *MALFORMED,
        b": life\n\n",
        chunk(),
        chunk(says("流", 1)),
        chunk(ends("length", 1)),
        frame({"error": {"code": 429}}),
        HELLO.replace(b"\n", b"\r\n"),
        HELLO.replace(b"\n", b"\r"),
    ]
)


def outcome(include_usage: bool, parts: list[bytes]) -> tuple[Any, ...]:
    stream = open_stream(include_usage)
    out = b"".join([stream.feed(part) for part in parts])
    stream.flush()
    reading = stream.reading
    return (
        out,
        stream.tail(dict(USAGE), "0.1"),
        reading.usage,
        reading.events,
        reading.skipped,
        reading.finished,
        type(reading.fault),
        reading.meter.tokens(),
    )


@given(
    parts=st.lists(pieces, max_size=8),
    cuts=st.sets(st.integers(0, 2_500), max_size=20),
    lost=st.integers(0, 60),
    include_usage=st.booleans(),
)
def test_any_chunking_gives_the_same_bytes_and_the_same_reading(
    parts: list[bytes], cuts: set[int], lost: int, include_usage: bool
) -> None:
    raw = b"".join(parts)
    raw = raw[: len(raw) - lost]
    edges = [0, *sorted(cut for cut in cuts if cut < len(raw)), len(raw)]
    pieces_of_raw = [raw[a:b] for a, b in zip(edges, edges[1:], strict=False)]
    whole = outcome(include_usage, [raw])
    assert outcome(include_usage, pieces_of_raw) == whole
    assert outcome(include_usage, [raw[i : i + 1] for i in range(len(raw))]) == whole
    chunks(whole[0] + whole[1])


class Words:
    """A provider whose events are words: one is a chunk, END ends, PING is life."""

    def __init__(self) -> None:
        self.finished = False

    def feed(self, event: dict[str, Any]) -> list[dict[str, Any]]:
        if "error" in event:
            return [event]
        word = event["word"]
        if not isinstance(word, str):
            raise Malformed
        self.finished = self.is_end(event)
        if self.finished:
            return [{"choices": [ends()], "usage": USAGE}]
        return [{"choices": [says(letter)]} for letter in word]

    def is_ping(self, event: dict[str, Any]) -> bool:
        return event.get("word") == "PING"

    def is_end(self, event: dict[str, Any]) -> bool:
        return event.get("word") == "END"


def words(*said: Any) -> bytes:
    return b"".join(frame({"word": word}) for word in said)


def test_a_translator_makes_chunks_of_a_provider_s_events() -> None:
    stream = open_stream(translator=Words())
    out = stream.feed(words("ab", "c", "END", "d"))
    assert content(out) == "abc"
    reading = stream.reading
    assert (reading.finished, stream.ended, reading.usage) == (True, True, FOUND)
    assert (reading.events, reading.meter.characters) == (4, 3)
    tail = stream.tail({"total_tokens": 5}, "0.1")
    assert chunks(tail)[0]["choices"] == [ends()]
    assert tail.endswith(DONE)


def test_a_ping_becomes_a_comment_and_starts_nothing() -> None:
    stream = open_stream(translator=Words())
    assert stream.feed(words("PING")) == PING
    assert not stream.started
    assert stream.feed(words("a")).endswith(b"}\n\n")


def test_events_nobody_knows_are_skipped_and_counted() -> None:
    stream = open_stream(translator=Words())
    out = stream.feed(frame([]) + words(7) + b"data: {\n\n" + words("a"))
    assert (content(out), stream.reading.skipped) == ("a", 3)


def test_an_error_of_a_translated_stream_is_judged() -> None:
    stream = open_stream(translator=Words())
    assert stream.feed(frame({"error": {"code": "insufficient_quota"}})) == b""
    assert type(stream.reading.fault) is UpstreamBilling


@pytest.mark.parametrize(
    ("last", "finished"),
    [
        (b'data: {"word":"END"}', True),
        (b'data: {"word":"a"}', False),
        (b"data: [1]", False),
        (b"data: {", False),
    ],
)
def test_the_end_of_a_translated_stream_needs_no_blank_line(
    last: bytes, finished: bool
) -> None:
    stream = open_stream(translator=Words())
    stream.feed(words("a") + last)
    stream.flush()
    assert stream.reading.finished is finished
