"""OpenAI's dialect towards the caller: asks read, answers written."""

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from addons.wire.errors import ApiError, BadJson, BadParameter
from addons.wire.openai import ChatAsk, answer_body, read_chat, usage_object
from addons.wire.tokens import count_tokens, load_vocabulary
from addons.wire.usage import Usage

HELLO = [{"role": "user", "content": "你好"}]


def ask(**fields: Any) -> ChatAsk:
    return read_chat(orjson.dumps({"model": "gpt-4o", "messages": HELLO, **fields}))


def test_the_documented_request_is_read_with_its_defaults() -> None:
    raw = '{ "model": "gpt-4o", "messages": [ {"role": "user", "content": "你好"} ] }'
    found = read_chat(raw.encode())
    assert found.model == "gpt-4o"
    assert (found.stream, found.n, found.output_limit) == (False, 1, None)
    assert (found.include_usage, found.images, found.dropped) == (False, 0, ())
    assert found.body == {"messages": HELLO, "temperature": 0.7}
    assert found.text == "你好"


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "empty"),
        (b"{", "not valid JSON"),
        (b'{"model":"\xff"}', "not valid JSON"),
        ('{"model":"你好"}'.encode("gbk"), "not valid JSON"),
        (b'{"model":"\\ud800"}', "not valid JSON"),
        (b'{"a":NaN}', "not valid JSON"),
        (b"[]", "object"),
        (b"null", "object"),
        (b'"hi"', "object"),
        (b"model=gpt-4o", "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
    ],
)
def test_what_is_no_json_object_is_said_so(raw: bytes, said: str) -> None:
    with pytest.raises(BadJson, match=said):
        read_chat(raw)


def test_a_byte_order_mark_is_forgiven() -> None:
    raw = orjson.dumps({"model": "m", "messages": HELLO})
    assert read_chat(b"\xef\xbb\xbf" + raw).model == "m"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": None}, "model"),
        ({"model": ""}, "model"),
        ({"model": 7}, "model"),
        ({"model": "m" * 257}, "model"),
        ({"messages": None}, "messages"),
        ({"messages": "hi"}, "messages"),
        ({"stream": "yes"}, "stream"),
        ({"stream": 1}, "stream"),
        ({"n": 0}, "n"),
        ({"n": 129}, "n"),
        ({"n": True}, "n"),
        ({"temperature": 3}, "temperature"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": "100"}, "max_tokens"),
        ({"max_tokens": 1.0}, "max_tokens"),
        ({"max_tokens": -1, "max_completion_tokens": 5}, "max_tokens"),
        ({"max_completion_tokens": 10**9 + 1}, "max_completion_tokens"),
        ({"stream_options": True}, "stream_options"),
        ({"stream_options": {"include_usage": 1}}, "stream_options.include_usage"),
    ],
)
def test_a_wrong_field_is_named(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(BadParameter) as caught:
        ask(**fields)
    assert caught.value.param == param


@pytest.mark.parametrize(
    ("fields", "limit"),
    [
        ({}, None),
        ({"max_tokens": None}, None),
        ({"max_tokens": 5}, 5),
        ({"max_completion_tokens": 6}, 6),
        ({"max_tokens": 5, "max_completion_tokens": 6}, 6),
        ({"max_completion_tokens": 6, "max_tokens": 5}, 6),
        ({"max_tokens": 5, "max_completion_tokens": None}, 5),
    ],
)
def test_the_newer_name_of_the_output_limit_wins(
    fields: dict[str, Any], limit: int | None
) -> None:
    assert ask(**fields).output_limit == limit


@pytest.mark.parametrize(
    ("options", "include"),
    [
        (None, False),
        ({}, False),
        ({"include_usage": None}, False),
        ({"include_usage": False}, False),
        ({"include_usage": True}, True),
    ],
)
def test_usage_is_included_when_asked_for(options: Any, include: bool) -> None:
    assert ask(stream=True, stream_options=options).include_usage is include


def test_what_the_gateway_decides_is_not_in_the_body() -> None:
    found = ask(
        stream=True,
        stream_options={"include_usage": True},
        n=2,
        max_tokens=9,
        user="someone@example.com",
        safety_identifier="x",
        seed=7,
    )
    assert found.body == {"messages": HELLO, "temperature": 0.7, "seed": 7}
    assert (found.stream, found.n, found.dropped) == (True, 2, ())


@pytest.mark.parametrize(
    "name",
    [
        "__proto__",
        "audio",
        "best_of",
        "metadata",
        "modalities",
        "prediction",
        "prompt_cache_key",
        "service_tier",
        "store",
        "web_search_options",
    ],
)
def test_what_is_not_on_the_list_is_left_out_and_named(name: str) -> None:
    found = ask(**{name: {"a": 1}})
    assert found.dropped == (name,)
    assert name not in found.body


def test_a_null_is_as_good_as_absent() -> None:
    names = ("temperature", "stop", "tools", "stream", "n", "logit_bias", "odd")
    found = ask(**dict.fromkeys(names))
    assert found.body == {"messages": HELLO, "temperature": 0.7}
    assert (found.n, found.stream, found.dropped) == (1, False, ())


def test_a_given_temperature_is_kept_to_the_digit() -> None:
    assert ask(temperature=0).body["temperature"] == 0
    assert ask(temperature=0.30000000000000004).body["temperature"] == (
        0.30000000000000004
    )


def test_the_text_is_all_that_costs_input() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    found = ask(
        messages=[
            {"role": "system", "content": "be brief"},
            {
                "role": "user",
                "name": "ann",
                "content": [
                    {"type": "text", "text": "look"},
                    {"type": "image_url", "image_url": {"url": "https://a.example/x"}},
                ],
            },
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "content": "4", "tool_call_id": "c"},
        ],
        tools=[{"function": {"name": "f", "description": "finds"}}],
    )
    for piece in ("be brief", "ann", "look", "{}", "4", "finds"):
        assert piece in found.text
    assert "a.example" not in found.text
    assert found.images == 1
    assert found.overhead_tokens == 15


texts = st.text(max_size=40) | st.sampled_from(["", "   ", "a\n\n\nb", "🙂🙂", "1234567"])


@settings(max_examples=50)
@given(contents=st.lists(texts, min_size=1, max_size=5))
def test_the_bound_is_never_below_the_count(contents: list[str]) -> None:
    load_vocabulary()
    found = ask(messages=[{"role": "user", "content": text} for text in contents])
    assert count_tokens(found.text) + found.overhead_tokens <= found.input_tokens_max


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner)
    ),
    max_leaves=8,
)
names = st.sampled_from(
    [
        "logit_bias",
        "max_tokens",
        "messages",
        "n",
        "response_format",
        "seed",
        "stop",
        "stream",
        "stream_options",
        "tool_choice",
        "tools",
        "top_p",
    ]
)


@given(fields=st.dictionaries(names, json_values, max_size=3))
def test_any_json_is_read_or_refused(fields: dict[str, Any]) -> None:
    try:
        found = ask(**fields)
    except ApiError as error:
        assert error.status == 400
    else:
        assert orjson.dumps(found.body)


USAGE = Usage({"input": 6, "cache_read": 4, "cache_write": 0, "output": 5}, 2)


def test_usage_has_openai_s_shape_and_the_cost_to_the_last_digit() -> None:
    raw = orjson.dumps(usage_object(USAGE, "0.000000123"))
    assert b'"cost":0.000000123}' in raw
    found = orjson.loads(raw)
    assert found["prompt_tokens"] == 10
    assert found["completion_tokens"] == 5
    assert found["total_tokens"] == 15
    assert found["prompt_tokens_details"] == {
        "cached_tokens": 4,
        "cache_write_tokens": 0,
    }
    assert found["completion_tokens_details"] == {"reasoning_tokens": 2}
    assert "cost" not in usage_object(USAGE)


def test_all_that_was_written_to_a_cache_is_told_as_one() -> None:
    shape = usage_object(Usage({"input": 1, "cache_write": 2, "cache_write_1h": 3}))
    assert shape["prompt_tokens"] == 6
    assert shape["prompt_tokens_details"]["cache_write_tokens"] == 5


def test_an_answer_gets_our_name_our_usage_and_its_cost() -> None:
    answer = {"id": "up-1", "model": "upstream-2026", "choices": [{"index": 0}]}
    raw = answer_body(answer, "gpt-4o", "10.00", USAGE, request_id="r1", created=7)
    found = orjson.loads(raw)
    assert (found["id"], found["model"], found["created"]) == ("r1", "gpt-4o", 7)
    assert found["usage"]["total_tokens"] == 15
    assert b'"cost":10.00' in raw
    assert answer["model"] == "upstream-2026", "the answer itself is not touched"


def test_without_our_usage_the_provider_s_is_kept() -> None:
    answer = {"id": "up-1", "created": 5, "usage": {"total_tokens": 3}}
    found = orjson.loads(answer_body(answer, "m", "0.1", created=7))
    assert found == {
        "id": "up-1",
        "created": 5,
        "model": "m",
        "usage": {"total_tokens": 3, "cost": 0.1},
    }


@pytest.mark.parametrize(
    ("fields", "defaulted"),
    [({}, {"temperature"}), ({"temperature": None}, {"temperature"}),
     ({"temperature": 0.7}, set())],
)
def test_what_the_caller_did_not_say_is_known(
    fields: dict[str, Any], defaulted: set[str]
) -> None:
    asked = {"model": "m", "messages": [{"role": "user", "content": "hi"}], **fields}
    assert read_chat(orjson.dumps(asked)).defaulted == defaulted
