"""Demo: the whole way without a network, from an ask to the caller's bytes."""

from typing import Any

import orjson
import pytest

from addons.providers.base import Answer
from addons.providers.demo import (
    CHINESE,
    DEMO,
    ENGLISH,
    QUOTE_CHARS_MAX,
    compose,
    demo_reply,
    speak,
)
from addons.wire.chat_stream import ChatStream
from addons.wire.openai import ChatAsk, read_chat
from addons.wire.tokens import count_tokens
from addons.wire.usage import Usage

PICTURE = {"type": "image_url", "image_url": {"url": "https://a.example/x.png"}}


def ask(content: Any = "hello", **fields: Any) -> ChatAsk:
    messages = [{"role": "user", "content": content}]
    return read_chat(orjson.dumps({"model": "m", "messages": messages, **fields}))


def request(asked: ChatAsk) -> dict[str, Any]:
    body = DEMO.chat_request(asked, "demo-chat", asked.output_limit).body
    found: dict[str, Any] = orjson.loads(body)
    return found


def whole(asked: ChatAsk) -> Answer:
    ((_, raw),) = demo_reply(request(asked))
    return DEMO.read_answer(raw)


def streamed(asked: ChatAsk) -> tuple[ChatStream, str, list[int]]:
    """The stream at its end, choice 0's text, and the bytes of each piece."""
    stream = DEMO.open_stream("m", "r", True, choices=asked.n)
    outs = [stream.feed(raw) for _, raw in demo_reply(request(asked))]
    stream.flush()
    text = ""
    for event in b"".join(outs).split(b"\n\n")[:-1]:
        for choice in orjson.loads(event[6:])["choices"]:
            if choice["index"] == 0:
                text += choice["delta"].get("content") or ""
    return stream, text, [len(out) for out in outs]


@pytest.mark.parametrize(
    ("content", "phrases"),
    [
        ("你好", CHINESE),
        ("Hello 世界", CHINESE),
        ("hello", ENGLISH),
        ("こんにちは世界", ENGLISH),
        ("안녕 世界", ENGLISH),
        ("Привет", ENGLISH),
        ("123", ENGLISH),
    ],
)
def test_it_answers_in_the_language_it_is_asked_in(content: str, phrases: Any) -> None:
    said = speak([{"role": "user", "content": content}])
    assert said.startswith(phrases.greeting)
    assert content in said
    assert "AutoList Token" in said


def test_it_speaks_of_the_last_thing_its_user_said() -> None:
    said = speak(
        [
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": "first"},
            {"role": "assistant", "content": "second"},
            {"role": "user", "content": "third\n\n  line"},
            {"role": "assistant", "content": "fourth"},
        ]
    )
    assert "third line" in said
    assert "first" not in said
    assert "fourth" not in said


def test_it_says_when_there_was_no_text() -> None:
    assert ENGLISH.wordless in speak([{"role": "system", "content": "be brief"}])
    assert CHINESE.wordless in speak([{"role": "system", "content": "简短"}])
    said = speak([{"role": "user", "content": [PICTURE, PICTURE]}])
    assert "2 image(s)" in said
    assert ENGLISH.wordless not in said


@pytest.mark.parametrize("content", ["{quote} {0} %s {", "x" * 100_000])
def test_it_quotes_anything_within_a_limit(content: str) -> None:
    said = speak([{"role": "user", "content": content}])
    assert content[:QUOTE_CHARS_MAX] in said
    assert len(said) < QUOTE_CHARS_MAX + 400


@pytest.mark.parametrize("content", ["你好,世界", "tell me a story, please…"])
def test_streaming_or_not_it_says_the_same_and_counts_the_same(content: str) -> None:
    answer = whole(ask(content))
    stream, text, sizes = streamed(ask(content, stream=True))
    assert text == answer.text
    assert stream.reading.usage == answer.usage
    assert stream.reading.finished
    assert stream.reading.skipped == 0
    assert len(sizes) > 20, "word by word"
    assert isinstance(answer.usage, Usage)
    assert answer.usage.quantities["output"] == count_tokens(answer.text)
    assert answer.usage.prompt == count_tokens(content) + 6


def test_the_same_request_gets_the_same_answer() -> None:
    body = request(ask(stream=True))
    assert list(demo_reply(body)) == list(demo_reply(body))


def test_pauses_are_short_and_the_first_comes_before_anything() -> None:
    pauses = [pause for pause, _ in demo_reply(request(ask(stream=True)))]
    assert pauses[0] > 0
    assert sum(pauses) < 5


@pytest.mark.parametrize("content", ["你好", "hello"])
@pytest.mark.parametrize("limit", [1, 2, 7, 20])
def test_it_stops_at_the_limit(content: str, limit: int) -> None:
    answer = whole(ask(content, max_tokens=limit))
    assert isinstance(answer.usage, Usage)
    assert answer.usage.quantities["output"] <= limit
    assert answer.body["choices"][0]["finish_reason"] == "length"
    assert whole(ask(content)).text.startswith(answer.text)
    stream, text, _ = streamed(ask(content, max_tokens=limit, stream=True))
    assert text == answer.text
    assert stream.reading.finished


def test_a_limit_that_is_not_reached_changes_nothing() -> None:
    free = whole(ask())
    assert isinstance(free.usage, Usage)
    exact = whole(ask(max_tokens=free.usage.quantities["output"]))
    assert exact.text == free.text
    assert exact.body["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize("stop", ["demo", ["zebra", "demo"], ["demo", "there"]])
def test_it_stops_before_a_stop(stop: Any) -> None:
    answer = whole(ask(stop=stop))
    assert answer.text == ENGLISH.greeting.partition("demo")[0]
    assert answer.body["choices"][0]["finish_reason"] == "stop"


def test_several_choices_are_alike_and_all_counted() -> None:
    one, three = whole(ask()), whole(ask(n=3))
    assert len(three.body["choices"]) == 3
    assert isinstance(one.usage, Usage)
    assert isinstance(three.usage, Usage)
    assert three.usage.quantities["output"] == 3 * one.usage.quantities["output"]
    stream, text, _ = streamed(ask(n=3, stream=True))
    assert text == one.text
    assert stream.reading.usage == three.usage


@pytest.mark.parametrize(
    "wanted",
    [
        {"type": "json_object"},
        {"type": "json_schema", "json_schema": {"name": "x", "schema": {}}},
    ],
)
def test_asked_for_json_it_answers_json(wanted: dict[str, Any]) -> None:
    said = orjson.loads(whole(ask(response_format=wanted)).text)
    assert said["demo"] is True
    assert "hello" in said["message"]


def test_words_put_together_are_the_text() -> None:
    for content in ("a  b\n\nc", "你好 world，foo—bar…", "naïve\x01café", "\u200b🙂", ""):
        body = request(ask(content))
        assert compose(body).text == speak(body["messages"])


def test_the_dialect_is_played_not_called() -> None:
    assert DEMO.reply is demo_reply
    assert DEMO.auth("secret") == {}


TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}
CALLED = {"name": "weather", "arguments": '{"city":"demo"}'}


def test_a_tool_that_is_named_is_called() -> None:
    answer = whole(ask("weather?", tools=[TOOL]))
    (choice,) = answer.body["choices"]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["content"] is None
    assert [call["function"] for call in choice["message"]["tool_calls"]] == [CALLED]
    assert isinstance(answer.usage, Usage)
    assert answer.usage.quantities["output"] == count_tokens("".join(CALLED.values()))


def test_a_call_comes_in_a_stream_too() -> None:
    asked = ask("weather?", tools=[TOOL], stream=True)
    stream, text, _ = streamed(asked)
    assert (text or "", stream.reading.finish) == ("", "tool_calls")
    assert stream.reading.usage == whole(ask("weather?", tools=[TOOL])).usage


def test_a_call_that_does_not_fit_is_not_begun() -> None:
    answer = whole(ask("weather?", tools=[TOOL], max_tokens=1))
    (choice,) = answer.body["choices"]
    assert (choice["finish_reason"], answer.text) == ("length", "")
