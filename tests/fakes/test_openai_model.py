import json

import pytest

from tests.fakes import openai_model
from tests.fakes.openai_model import Refusal, answer, chunks, complete, example, tokens


def body(text: str = "hi", **parameters) -> dict:
    said = {"role": "user", "content": text}
    return {"model": "gpt-4o", "messages": [said], **parameters}


def first_text(asked: dict) -> str:
    return answer(complete(asked, 1))["choices"][0]["message"]["content"]


@pytest.mark.parametrize(
    ("text", "count"),
    [("", 0), ("one", 1), ("one two", 2), ("你好", 2), ("a 你 b", 3), ("  x", 2)],
)
def test_tokens_are_words_and_wide_characters(text: str, count: int) -> None:
    found = tokens(text)
    assert (len(found), "".join(found)) == (count, text)


@pytest.mark.parametrize(
    ("parameters", "text", "finish"),
    [
        ({}, "You said: one two three", "stop"),
        ({"max_tokens": 3}, "You said: one ", "length"),
        ({"max_completion_tokens": 2, "max_tokens": 9}, "You said: ", "length"),
        ({"max_tokens": 5}, "You said: one two three", "stop"),
        ({"stop": "two"}, "You said: one ", "stop"),
        ({"stop": ["three", "two"]}, "You said: one ", "stop"),
    ],
)
def test_an_answer_ends_where_it_was_told(
    parameters: dict, text: str, finish: str
) -> None:
    (choice,) = answer(complete(body("one two three", **parameters), 1))["choices"]
    assert (choice["message"]["content"], choice["finish_reason"]) == (text, finish)


@pytest.mark.parametrize(
    ("choice", "called"),
    [
        ("auto", ["look"]),
        ("none", []),
        ("required", ["seek"]),
        ({"type": "function", "function": {"name": "seek"}}, ["seek"]),
    ],
)
def test_the_tool_choice_is_obeyed(choice: object, called: list[str]) -> None:
    tools = [
        {"type": "function", "function": {"name": name}} for name in ("seek", "look")
    ]
    asked = body("please look", tools=tools, tool_choice=choice)
    message = answer(complete(asked, 1))["choices"][0]["message"]
    names = [call["function"]["name"] for call in message.get("tool_calls", [])]
    assert names == called


def test_a_tool_result_is_answered_in_words() -> None:
    tools = [{"type": "function", "function": {"name": "look"}}]
    asked = body(tools=tools)
    asked["messages"] += [{"role": "tool", "tool_call_id": "x", "content": "look: 7"}]
    assert first_text(asked) == "You said: look: 7"


@pytest.mark.parametrize(
    ("response_format", "expected"),
    [
        ({"type": "json_object"}, {"echo": "You said: hi"}),
        (
            {
                "type": "json_schema",
                "json_schema": {
                    "name": "x",
                    "schema": {"properties": {"a": {"type": "integer"}}},
                },
            },
            {"a": 7},
        ),
    ],
)
def test_the_response_format_is_obeyed(
    response_format: dict, expected: object
) -> None:
    text = first_text(body(response_format=response_format))
    assert json.loads(text) == expected


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "string"}, "text"),
        ({"enum": ["b", "a"]}, "b"),
        ({"type": "boolean"}, True),
        ({"type": "array", "items": {"type": "number"}}, [7]),
        ({"type": "object"}, {}),
    ],
)
def test_an_example_fits_its_schema(schema: dict, value: object) -> None:
    assert example(schema) == value


def test_a_stream_says_what_the_answer_says() -> None:
    asked = body("one two", n=2, stream=True, logprobs=True)
    completion = complete(asked, 1)
    events = list(chunks(completion))
    for index, choice in enumerate(answer(completion)["choices"]):
        mine = [
            event["choices"][0]
            for event in events
            if event["choices"][0]["index"] == index
        ]
        text = "".join(one["delta"].get("content") or "" for one in mine)
        assert text == choice["message"]["content"]
        assert mine[-1]["finish_reason"] == choice["finish_reason"]
        logged = [one for event in mine for one in event["logprobs"]["content"]]
        assert logged == choice["logprobs"]["content"]


@pytest.mark.parametrize(
    ("options", "padded"), [({}, True), ({"include_obfuscation": False}, False)]
)
def test_events_are_padded_unless_refused(options: dict, padded: bool) -> None:
    events = chunks(complete(body(stream=True, stream_options=options), 1))
    assert {"obfuscation" in event for event in events} == {padded}


def test_other_words_may_be_put_into_its_mouth() -> None:
    assert complete(body(), 1, text="Bonjour").choices[0].pieces == ("Bonjour",)
    pieces = complete(body(), 1, pieces=iter(["a b", "c"])).choices[0].pieces
    assert pieces == ("a b", "c")


def test_a_refusal_names_its_parameter() -> None:
    with pytest.raises(Refusal) as caught:
        openai_model.check({"messages": []})
    assert caught.value.param == "model"
