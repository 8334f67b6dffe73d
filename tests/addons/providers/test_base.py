"""The record's fields, one by one, and the rewrites that providers share."""

from typing import Any

import orjson
import pytest

from addons.providers.base import (
    BRACKETS_SAFE,
    Dialect,
    bearer,
    clamp,
    developer_as_system,
    flat_text,
    in_turn,
    no_credential,
    schema_as_instruction,
    without,
)
from addons.wire.errors import BadParameter, UpstreamFailed, UpstreamOverloaded
from addons.wire.openai import ChatAsk, read_chat

HELLO = [{"role": "user", "content": "hello"}]
PICTURE = {"type": "image_url", "image_url": {"url": "https://a.example/x.png"}}
TEXT = {"type": "text", "text": "look"}
TOOLS = [{"type": "function", "function": {"name": "f"}}]


def ask(**fields: Any) -> ChatAsk:
    return read_chat(orjson.dumps({"model": "m", "messages": HELLO, **fields}))


def sent(dialect: Dialect, **fields: Any) -> dict[str, Any]:
    request = dialect.chat_request(ask(**fields), "upstream-1", 100, "account-7")
    found: dict[str, Any] = orjson.loads(request.body)
    return found


def test_fields_are_left_out_rewritten_and_added_as_the_record_says() -> None:
    dialect = Dialect(
        name="x",
        path="/speak",
        drops=frozenset({"seed"}),
        rewrites={"temperature": clamp(0, 1)},
        constants={"thinking": False},
        output_limit_field="limit",
        end_user_field="who",
    )
    assert sent(dialect, seed=7, temperature=2, top_p=1) == {
        "model": "upstream-1",
        "messages": HELLO,
        "temperature": 1,
        "top_p": 1,
        "thinking": False,
        "limit": 100,
        "who": "account-7",
    }
    request = dialect.chat_request(ask(seed=7), "m", None)
    assert (request.path, request.dropped) == ("/speak", ("seed",))
    assert "limit" not in orjson.loads(request.body)
    assert "who" not in orjson.loads(request.body)


def test_streaming_can_be_decided_by_the_caller_of_the_code() -> None:
    dialect = Dialect(name="x")
    assert dialect.chat_request(ask(stream=True), "m", 1, None, False).stream is False
    assert dialect.chat_request(ask(), "m", 1, None, True).stream is True


def test_n_is_sent_when_there_is_more_than_one() -> None:
    assert sent(Dialect(name="x"), n=2)["n"] == 2
    assert "n" not in sent(Dialect(name="x"), n=1)


@pytest.mark.parametrize(
    ("rules", "fields", "param"),
    [
        ({"choices_max": 4}, {"n": 5}, "n"),
        ({"choices_max_with_tools": 1}, {"n": 2, "tools": TOOLS}, "n"),
        (
            {"images": False},
            {"messages": [{"role": "user", "content": [TEXT, PICTURE]}]},
            "messages",
        ),
        (
            {"refused": {"tool_choice": frozenset({"required"})}},
            {"tools": TOOLS, "tool_choice": "required"},
            "tool_choice",
        ),
    ],
)
def test_what_a_provider_cannot_do_is_refused_by_name(
    rules: dict[str, Any], fields: dict[str, Any], param: str
) -> None:
    assert sent(Dialect(name="x"), **fields)
    with pytest.raises(BadParameter) as caught:
        sent(Dialect(name="x", **rules), **fields)
    assert caught.value.param == param


def test_limits_hold_at_the_limit() -> None:
    assert sent(Dialect(name="x", choices_max=4), n=4)["n"] == 4
    named = {"type": "function", "function": {"name": "required"}}
    dialect = Dialect(name="x", refused={"tool_choice": frozenset({"required"})})
    assert sent(dialect, tools=TOOLS, tool_choice=named)["tool_choice"] == named


def test_a_fatal_finish_is_a_failure() -> None:
    dialect = Dialect(name="x", fatal_finishes=frozenset({"broke"}))
    choice = {"message": {"content": "half"}, "finish_reason": "broke"}
    with pytest.raises(UpstreamOverloaded):
        dialect.read_answer(orjson.dumps({"choices": [choice]}))


def test_an_answer_is_filled_up_with_what_clients_read() -> None:
    raw = orjson.dumps({"id": [], "created": "x", "choices": [{"message": {}}]})
    found = Dialect(name="x").read_answer(raw)
    assert found.body == {
        "object": "chat.completion",
        "created": "x",
        "choices": [
            {
                "index": 0,
                "logprobs": None,
                "message": {"role": "assistant", "content": None, "refusal": None},
            }
        ],
    }


@pytest.mark.parametrize(
    ("reasons", "finish"),
    [(["stop"], "stop"), (["length", "stop"], "length"), ([None], "")],
)
def test_an_answer_keeps_the_providers_reason_for_its_end(reasons, finish) -> None:
    choices = [{"message": {}, "finish_reason": reason} for reason in reasons]
    found = Dialect(name="x").read_answer(orjson.dumps({"choices": choices}))
    assert found.finish == finish


def test_many_brackets_are_fine_if_they_are_shallow() -> None:
    message = {"content": "{" * 2 * BRACKETS_SAFE}
    raw = orjson.dumps({"choices": [{"message": message}]})
    assert Dialect(name="x").read_answer(raw).text == message["content"]


def test_credentials() -> None:
    assert bearer("s") == {"authorization": "Bearer s"}
    assert no_credential("s") == {}


def test_clamp_keeps_what_is_inside() -> None:
    assert [clamp(1, 3)(value) for value in (0, 1, 2.5, 3, 4)] == [1, 1, 2.5, 3, 3]


def test_developers_become_systems() -> None:
    messages = [{"role": "developer", "content": "a"}, *HELLO]
    found = developer_as_system(messages)
    assert [message["role"] for message in found] == ["system", "user"]
    assert messages[0]["role"] == "developer"


def test_text_is_flattened_unless_a_picture_is_with_it() -> None:
    refusal = {"type": "refusal", "refusal": "no"}
    found = flat_text(
        [
            {"role": "user", "content": [TEXT, TEXT]},
            {"role": "user", "content": [TEXT, PICTURE]},
            {"role": "assistant", "content": [TEXT, refusal]},
            {"role": "assistant", "content": None},
            *HELLO,
        ]
    )
    assert [message["content"] for message in found] == [
        "looklook",
        [TEXT, PICTURE],
        "lookno",
        None,
        "hello",
    ]


def test_fields_are_taken_out_of_messages() -> None:
    messages = [{"role": "a", "x": 1, "y": 2}, *HELLO]
    assert without("x", "y")(messages) == [{"role": "a"}, *HELLO]


def test_rewrites_run_in_turn() -> None:
    assert in_turn(lambda value: value + 1, lambda value: value * 2)(3) == 8


def test_a_schema_becomes_an_instruction_where_it_is_unknown() -> None:
    wanted = {
        "type": "json_schema",
        "json_schema": {"name": "x", "schema": {"type": "object"}},
    }
    body = {"messages": HELLO, "response_format": wanted}
    found = schema_as_instruction(body)
    assert found["response_format"] == {"type": "json_object"}
    assert found["messages"][1:] == HELLO
    assert '{"type":"object"}' in found["messages"][0]["content"]
    for other in ({"messages": HELLO}, {"response_format": {"type": "text"}}):
        assert schema_as_instruction(other) is other


def test_a_provider_s_own_request_is_composed_last() -> None:
    def compose(body: dict[str, Any], asked: ChatAsk) -> Any:
        return {"said": body["messages"], "hot": body["temperature"]}, ("top_p",)

    dialect = Dialect(
        name="x",
        compose=compose,
        headers={"version": "1"},
        rewrites={"temperature": clamp(0, 1)},
        drops=frozenset({"seed"}),
        stream_options={},
    )
    request = dialect.chat_request(ask(seed=7, temperature=2, stream=True), "m", 9)
    assert orjson.loads(request.body) == {"said": HELLO, "hot": 1}
    assert request.dropped == ("seed", "top_p")
    assert (request.headers["version"], request.stream) == ("1", True)
    assert "version" not in Dialect(name="y").chat_request(ask(), "m", 9).headers


def test_usage_is_not_asked_for_where_it_comes_anyway() -> None:
    body = sent(Dialect(name="x", stream_options={}), stream=True)
    assert (body["stream"], "stream_options" in body) == (True, False)


@pytest.mark.parametrize("value", [True, 3])
def test_what_answers_never_have_is_refused_when_asked_for(value: Any) -> None:
    dialect = Dialect(name="x", lacking=frozenset({"logprobs", "top_logprobs"}))
    name = "logprobs" if value is True else "top_logprobs"
    with pytest.raises(BadParameter) as caught:
        sent(dialect, **{name: value})
    assert (caught.value.param, caught.value.code) == (name, "unsupported_parameter")
    assert sent(dialect, **{name: type(value)(0)})


def test_a_provider_s_own_answer_is_unwrapped_first() -> None:
    def unwrap(answer: dict[str, Any]) -> dict[str, Any]:
        return {"choices": [{"message": {"content": answer["said"] + ""}}]}

    dialect = Dialect(name="x", unwrap=unwrap)
    assert dialect.read_answer(b'{"said":"hi"}').text == "hi"
    for raw in (b"{}", b'{"said":7}'):
        with pytest.raises(UpstreamFailed) as caught:
            dialect.read_answer(raw)
        assert "malformed" in caught.value.detail
