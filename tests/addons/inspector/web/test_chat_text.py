"""Streams and chats are read as somebody would read them, whatever is in them."""

import orjson
import pytest

from addons.inspector.web.chat_text import INPUT_BYTES_MAX, chat_text, stream_text
from tests.fakes.transport import DONE, chunk, usage_chunk


def event(kind: str, **fields) -> bytes:
    raw = orjson.dumps({"type": kind, **fields})
    return b"event: " + kind.encode() + b"\ndata: " + raw + b"\n\n"


def test_the_pieces_of_an_answer_are_joined() -> None:
    raw = chunk("Hel") + chunk("lo") + chunk("", "stop") + usage_chunk(3, 2) + DONE
    text = stream_text(raw)
    assert "## answer\nHello\n" in text
    assert "finish: stop" in text
    assert "usage: prompt_tokens 3, completion_tokens 2" in text
    assert text.endswith("-- 4 events, the stream has its end")


def test_a_stream_that_runs_is_read_as_far_as_it_came() -> None:
    text = stream_text(chunk("Hel") + chunk("lo") + b'data: {"choices":[{"del')
    assert "Hello" in text and "no end yet" in text


def test_calls_of_tools_are_joined() -> None:
    def call(**function) -> bytes:
        delta = {"tool_calls": [{"index": 0, "function": function}]}
        return b"data: " + orjson.dumps({"choices": [{"delta": delta}]}) + b"\n\n"

    raw = call(name="weather", arguments="") + call(arguments='{"ci')
    assert 'weather {"city"}' in stream_text(raw + call(arguments='ty"}'))


def test_choices_are_told_apart() -> None:
    raw = b"".join(
        b"data: "
        + orjson.dumps({"choices": [{"index": n, "delta": {"content": f"c{n}"}}]})
        + b"\n\n"
        for n in (0, 1, 0)
    )
    text = stream_text(raw)
    assert "## answer 0\nc0c0" in text and "## answer 1\nc1" in text


def test_another_dialect_is_read_too() -> None:
    raw = (
        event("message_start", message={"usage": {"input_tokens": 9}})
        + event("content_block_start", index=0, content_block={"type": "text"})
        + event("content_block_delta", index=0, delta={"text": "Hel"})
        + event("content_block_delta", index=0, delta={"text": "lo"})
        + event(
            "content_block_start",
            index=1,
            content_block={"type": "tool_use", "name": "weather"},
        )
        + event("content_block_delta", index=1, delta={"partial_json": "{}"})
        + event(
            "message_delta",
            delta={"stop_reason": "end_turn"},
            usage={"output_tokens": 2},
        )
        + event("message_stop")
    )
    text = stream_text(raw)
    assert "Hello" in text and "weather {}" in text and "end_turn" in text
    assert "input_tokens 9" in text and "has its end" in text


def test_an_error_is_shown() -> None:
    assert '"boom"' in stream_text(b'data: {"error":{"message":"boom"}}\n\n')


@pytest.mark.parametrize(
    "data",
    [b"1", b"[]", b"{", b'{"choices":1}', b'{"choices":[1,{"delta":3}]}', b'"x"'],
)
def test_what_is_no_chunk_is_left_out(data: bytes) -> None:
    assert "Hi" in stream_text(b"data: " + data + b"\n\n" + chunk("Hi"))


def test_only_the_start_of_a_long_stream_is_read() -> None:
    text = stream_text(chunk("word ") * (INPUT_BYTES_MAX // 40))
    assert text.endswith("only the start is shown")


def test_a_request_is_its_messages() -> None:
    parts = [{"type": "text", "text": "hi"}, {"type": "image_url"}]
    asked = {
        "model": "gpt-4o",
        "messages": [
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": parts},
        ],
    }
    text = chat_text(orjson.dumps(asked))
    assert "## system\nbe brief" in text and "## user\nhi\n[image_url]" in text
    assert '"model": "gpt-4o"' in text


def test_an_answer_is_its_choices() -> None:
    call = {"function": {"name": "weather", "arguments": "{}"}}
    message = {"role": "assistant", "content": "Hello", "tool_calls": [call]}
    choice = {"message": message, "finish_reason": "stop"}
    raw = {"choices": [choice], "usage": {"a": 1}}
    text = chat_text(orjson.dumps(raw))
    assert "## assistant\nHello\ntool call: weather {}" in text
    assert "finish: stop\nusage: a 1" in text


@pytest.mark.parametrize("raw", [b"", b"[]", b"no json"])
def test_what_is_no_chat_is_left_to_others(raw: bytes) -> None:
    with pytest.raises(ValueError):
        chat_text(raw)
