"""The contract that every dialect in the registry keeps.

A new provider gets all of this by being in the registry; what is its own is tested in
its own file.
"""

from dataclasses import FrozenInstanceError
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from addons.providers import REGISTRY, Dialect
from addons.providers.base import Answer
from addons.wire.errors import (
    ApiError,
    UpstreamAuth,
    UpstreamBilling,
    UpstreamFailed,
    UpstreamModelGone,
    UpstreamOverloaded,
    UpstreamRefused,
    UpstreamThrottled,
)
from addons.wire.openai import ChatAsk, read_chat
from addons.wire.usage import Invalid, Usage
from tests.addons.providers.samples import CALL, samples_of

HELLO = [{"role": "user", "content": "hello"}]
# What makes images has its own contract, in test_imaging.py, and so have videos, in
# test_filming.py.
CHATTING = {name: dialect for name, dialect in REGISTRY.items() if dialect.chats}
every_dialect = pytest.mark.parametrize(
    "dialect", CHATTING.values(), ids=list(CHATTING)
)


def ask(**fields: Any) -> ChatAsk:
    return read_chat(orjson.dumps({"model": "m", "messages": HELLO, **fields}))


def sent(dialect: Dialect, asked: ChatAsk, **more: Any) -> dict[str, Any]:
    request = dialect.chat_request(asked, "upstream-1", 100, "account-7", **more)
    found: dict[str, Any] = orjson.loads(request.body)
    return found


def test_the_registry_s_names_are_the_dialects_own() -> None:
    assert {name: dialect.name for name, dialect in REGISTRY.items()} == {
        name: name for name in REGISTRY
    }


def test_every_dialect_makes_something() -> None:
    assert all(one.chats or one.imaging or one.filming for one in REGISTRY.values())


@every_dialect
def test_a_dialect_cannot_be_changed(dialect: Dialect) -> None:
    with pytest.raises(FrozenInstanceError):
        dialect.name = "other"  # type: ignore[misc]


@every_dialect
@pytest.mark.parametrize("stream", [True, False])
def test_the_request_names_the_model_the_limit_and_how_to_answer(
    dialect: Dialect, stream: bool
) -> None:
    request = dialect.chat_request(ask(stream=stream), "upstream-1", 100, "account-7")
    body = orjson.loads(request.body)
    assert (request.method, request.stream) == ("POST", stream)
    assert request.path.startswith("/")
    assert request.headers["content-type"] == "application/json"
    assert body["model"] == "upstream-1"
    assert body[dialect.output_limit_field] == 100
    assert body["messages"] == HELLO
    assert body.get("stream", False) is stream
    asked_for_usage = body.get("stream_options", {}).get("include_usage", False)
    assert asked_for_usage is (stream and bool(dialect.stream_options))


@every_dialect
def test_no_secret_is_in_a_request_before_it_is_added(dialect: Dialect) -> None:
    request = dialect.chat_request(ask(), "upstream-1", 100)
    assert not dialect.auth("s3cret").keys() & request.headers.keys()
    with_secret = request.with_headers(dialect.auth("s3cret"))
    assert with_secret.body == request.body
    assert set(with_secret.headers) >= set(request.headers)


@every_dialect
def test_a_caller_s_own_name_never_leaves(dialect: Dialect) -> None:
    body = sent(dialect, ask(user="ann@example.com", safety_identifier="ann"))
    assert "ann" not in orjson.dumps(body).decode()


@every_dialect
def test_the_same_ask_gives_the_same_request_and_stays_as_it_was(
    dialect: Dialect,
) -> None:
    asked = ask(
        messages=[
            {"role": "developer", "content": [{"type": "text", "text": "be brief"}]},
            {"role": "assistant", "content": "x", "reasoning_content": "hm"},
            *HELLO,
        ],
        temperature=2,
        top_p=0,
        response_format={"type": "json_schema", "json_schema": {"name": "x"}},
    )
    before = orjson.dumps(asked.body)
    assert sent(dialect, asked) == sent(dialect, asked)
    assert orjson.dumps(asked.body) == before


@every_dialect
def test_what_is_left_out_is_named(dialect: Dialect) -> None:
    fields = {"logit_bias": {"7": 1}, "seed": 7, "frequency_penalty": 1}
    request = dialect.chat_request(ask(**fields), "upstream-1", 100)
    body = orjson.loads(request.body)
    assert set(request.dropped) == set(fields) - set(body)


@every_dialect
def test_the_limit_is_sent_once(dialect: Dialect) -> None:
    body = sent(dialect, ask(max_tokens=7, max_completion_tokens=8))
    limits = {"max_tokens", "max_completion_tokens"} & set(body)
    assert limits == {dialect.output_limit_field}


@every_dialect
def test_a_good_answer_is_read(dialect: Dialect) -> None:
    samples = samples_of(dialect.name)
    found = dialect.read_answer(b"\n\n" + samples.said("hi there", samples.usage))
    assert isinstance(found, Answer)
    assert found.text == "hi there"
    assert isinstance(found.usage, Usage)
    assert found.usage.complete
    assert (found.usage.prompt, found.usage.quantities["output"]) == (9, 4)
    assert found.body["choices"][0]["message"]["content"] == "hi there"
    assert found.body["choices"][0]["finish_reason"] == "stop"
    assert found.body["object"] == "chat.completion"
    assert "odd" not in found.body


@every_dialect
def test_a_tool_s_call_passes_unharmed(dialect: Dialect) -> None:
    found = dialect.read_answer(samples_of(dialect.name).called)
    (choice,) = found.body["choices"]
    assert choice["message"]["tool_calls"] == [CALL]
    assert choice["message"]["content"] is None
    assert choice["finish_reason"] == "tool_calls"
    assert found.text == "f{}"


@every_dialect
def test_usage_may_be_missing_or_wrong_in_a_good_answer(dialect: Dialect) -> None:
    samples = samples_of(dialect.name)
    assert dialect.read_answer(samples.said("x", None)).usage is None
    found = dialect.read_answer(samples.said("x", samples.bad_usage)).usage
    assert isinstance(found, Invalid)


GARBAGE = [
    b"",
    b"<html>502</html>",
    b"{",
    b"[]",
    b"null",
    b"{}",
    b'"text"',
    b"\xff\xfe",
]


@every_dialect
def test_garbage_is_no_answer(dialect: Dialect) -> None:
    for raw in (*GARBAGE, *samples_of(dialect.name).garbage):
        with pytest.raises(UpstreamFailed) as caught:
            dialect.read_answer(raw)
        assert "malformed" in caught.value.detail, raw
        assert caught.value.message == UpstreamFailed.text


@every_dialect
@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"error": {"message": "m", "type": "server_error"}}, UpstreamFailed),
        ({"error": {"message": "m", "code": "invalid_api_key"}}, UpstreamAuth),
        ({"error": "oops", "choices": []}, UpstreamFailed),
        ({"code": "Odd", "message": "m", "request_id": "r"}, UpstreamFailed),
    ],
)
def test_an_error_under_status_200_is_an_error(
    dialect: Dialect, error: dict[str, Any], kind: type[ApiError]
) -> None:
    with pytest.raises(kind):
        dialect.read_answer(orjson.dumps(error))
    stream = dialect.open_stream("m", "r")
    stream.feed(b"data: " + orjson.dumps(error) + b"\n\n")
    assert type(stream.reading.fault) is kind


@every_dialect
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, UpstreamRefused),
        (401, UpstreamAuth),
        (402, UpstreamBilling),
        (403, UpstreamAuth),
        (404, UpstreamModelGone),
        (413, UpstreamRefused),
        (422, UpstreamRefused),
        (429, UpstreamThrottled),
        (500, UpstreamFailed),
        (503, UpstreamOverloaded),
        (529, UpstreamOverloaded),
    ],
)
@pytest.mark.parametrize("raw", [b"", b"<html>", b'{"error":{"message":"m"}}'])
def test_a_status_means_the_same_everywhere(
    dialect: Dialect, status: int, kind: type[ApiError], raw: bytes
) -> None:
    assert type(dialect.read_error(status, {}, raw)) is kind


@every_dialect
@settings(max_examples=50)
@given(status=st.integers(0, 999), raw=st.binary(max_size=50))
def test_an_error_is_read_from_anything(
    dialect: Dialect, status: int, raw: bytes
) -> None:
    assert isinstance(dialect.read_error(status, {}, raw), ApiError)


@every_dialect
@settings(max_examples=50)
@given(pieces=st.lists(st.binary(max_size=50), max_size=5))
def test_a_stream_takes_anything(dialect: Dialect, pieces: list[bytes]) -> None:
    stream = dialect.open_stream("m", "r")
    out = b"".join([stream.feed(piece) for piece in pieces])
    stream.flush()
    assert out == b"" or out.endswith(b"\n\n")
    if stream.reading.finished:
        raw = b"".join(pieces)
        assert any(end in raw for end in (b"[DONE]", b"finish_reason", b"_stop"))


@every_dialect
def test_a_good_stream_is_read(dialect: Dialect) -> None:
    stream = dialect.open_stream("gateway-model", "req-1", True, created=7)
    out = stream.feed(samples_of(dialect.name).hello)
    assert b'"content":"hi"' in out
    assert b'"model":"gateway-model"' in out
    assert b'"finish_reason":"stop"' in out
    assert stream.reading.finished
    assert stream.ended
    assert isinstance(stream.reading.usage, Usage)
    assert stream.reading.usage.quantities["output"] == 4


RECORDED = [
    (dialect, name) for dialect in CHATTING for name in samples_of(dialect).streams
]


def test_every_dialect_has_recordings_of_its_own_fake() -> None:
    """Those of OpenAI's fake are for who speaks as OpenAI does."""
    with_openai_s = {
        name for name in CHATTING if samples_of(name) is samples_of("openai")
    }
    assert with_openai_s == {"openai", "compatible"}
    assert all(len(samples_of(name).streams) >= 4 for name in CHATTING)


@pytest.mark.parametrize("name", CHATTING)
def test_the_usage_of_a_recording_is_read_whole(name: str) -> None:
    """Of a stream that was not cut: in the provider's own words, none of them lost."""
    stream = REGISTRY[name].open_stream("m", "r")
    stream.feed(samples_of(name).streams["text"])
    stream.flush()
    usage = stream.reading.usage
    assert isinstance(usage, Usage)
    assert usage.complete
    cached = usage.quantities.get("cache_read", 0)
    assert cached == (2 if name in ("dashscope", "deepseek") else 0)


@pytest.mark.parametrize(("name", "recorded"), RECORDED)
@settings(max_examples=25)
@given(data=st.data())
def test_any_chunking_gives_the_same_bytes_and_the_same_reading(
    name: str, recorded: str, data: st.DataObject
) -> None:
    raw = samples_of(name).streams[recorded]
    cuts = data.draw(st.lists(st.integers(0, len(raw)), max_size=12))
    places = sorted({0, len(raw), *cuts})
    pieces = [raw[start:end] for start, end in zip(places, places[1:])]
    assert heard(REGISTRY[name], pieces) == heard(REGISTRY[name], [raw])


@pytest.mark.parametrize(("name", "recorded"), RECORDED)
def test_byte_by_byte_gives_the_same(name: str, recorded: str) -> None:
    raw = samples_of(name).streams[recorded]
    single = [raw[place : place + 1] for place in range(len(raw))]
    assert heard(REGISTRY[name], single) == heard(REGISTRY[name], [raw])


def heard(dialect: Dialect, pieces: list[bytes]) -> tuple[object, ...]:
    """All that a stream comes to."""
    stream = dialect.open_stream("m", "r", choices=2)
    out = b"".join([stream.feed(piece) for piece in pieces])
    stream.flush()
    reading = stream.reading
    return (
        out + stream.tail({}, "0.1"),
        reading.usage,
        reading.events,
        reading.skipped,
        reading.finished,
        type(reading.fault),
        reading.meter.tokens(),
    )
