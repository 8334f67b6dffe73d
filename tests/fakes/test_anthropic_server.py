"""The fake Anthropic, judged by Anthropic's own SDK."""

from collections.abc import Iterator
from typing import Any

import anthropic
import pytest
import requests
from anthropic import Anthropic, AsyncAnthropic
from pydantic import BaseModel

from tests.fakes.anthropic_model import THOUGHT
from tests.fakes.anthropic_script import (
    ERRORS,
    MALFORMED,
    OVERLOADED,
    PING,
    UNKNOWN,
    Answer,
    Status,
)
from tests.fakes.anthropic_server import FakeAnthropic
from tests.fakes.script import COMMENT, End, Gate, Raw, after, in_pieces, with_line_ends

WAIT_SECONDS = 10
MODEL = "claude-sonnet-4-6"
HELLO = [{"role": "user", "content": "你好 there"}]
ECHO = "You said: 你好 there"
PIXEL = "iVBORw0KGgo="


def tool(name: str) -> dict[str, Any]:
    city = {"city": {"type": "string"}}
    return {"name": name, "input_schema": {"type": "object", "properties": city}}


WEATHER, WIND = tool("get_weather"), tool("get_wind")
BOTH = [{"role": "user", "content": "get_weather and get_wind"}]


class Trip(BaseModel):
    city: str
    days: int


@pytest.fixture
def fake() -> Iterator[FakeAnthropic]:
    with FakeAnthropic() as fake:
        yield fake


@pytest.fixture
def client(fake: FakeAnthropic) -> Iterator[Anthropic]:
    with Anthropic(
        base_url=fake.base_url, api_key="sk-ant-fake", max_retries=0
    ) as client:
        yield client


def ask(client: Anthropic, **parameters: Any) -> Any:
    asked = {"model": MODEL, "messages": HELLO, "max_tokens": 100}
    return client.messages.create(**{**asked, **parameters})


def streamed(client: Anthropic, **parameters: Any) -> Any:
    """The message that the SDK puts together of a stream."""
    asked = {"model": MODEL, "messages": HELLO, "max_tokens": 100}
    with client.messages.stream(**{**asked, **parameters}) as stream:
        return stream.get_final_message()


def test_an_answer_satisfies_the_sdk(fake: FakeAnthropic, client: Anthropic) -> None:
    raw = client.messages.with_raw_response.create(
        model=MODEL, messages=HELLO, max_tokens=100
    )
    answer = raw.parse()
    assert [(block.type, block.text) for block in answer.content] == [("text", ECHO)]
    assert (answer.role, answer.stop_reason) == ("assistant", "end_turn")
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (6, 5)
    assert raw.headers["request-id"] == "req_fake1"
    (received,) = fake.requests
    assert received.json == {"model": MODEL, "messages": HELLO, "max_tokens": 100}
    assert received.headers["x-api-key"] == "sk-ant-fake"
    assert received.headers["anthropic-version"] == "2023-06-01"
    assert received.finished.wait(WAIT_SECONDS)


async def test_the_async_client_is_served_too(fake: FakeAnthropic) -> None:
    async with AsyncAnthropic(
        base_url=fake.base_url, api_key="sk-ant-fake", max_retries=0
    ) as later:
        answer = await later.messages.create(
            model=MODEL, messages=HELLO, max_tokens=100
        )
        assert answer.content[0].text == ECHO
        async with later.messages.stream(
            model=MODEL, messages=HELLO, max_tokens=100
        ) as stream:
            said = [text async for text in stream.text_stream]
    assert "".join(said) == ECHO


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"max_tokens": 2},
        {"stop_sequences": ["there"]},
        {"messages": BOTH, "tools": [WEATHER, WIND]},
        {"tools": [WEATHER], "tool_choice": {"type": "any"}},
        {"thinking": {"type": "adaptive"}},
        {"system": "Be brief.", "temperature": 0.5},
        {"metadata": {"user_id": "account-7"}},
    ],
)
def test_a_stream_adds_up_to_the_whole_answer(
    client: Anthropic, parameters: dict[str, Any]
) -> None:
    whole = ask(client, **parameters).model_dump(exclude={"id", "usage"})
    joined = streamed(client, **parameters).model_dump(exclude={"id", "usage"})
    for block in joined["content"]:
        block.pop("parsed_output", None)
    assert joined == whole


def test_a_stream_counts_what_the_whole_answer_counts(
    fake: FakeAnthropic, client: Anthropic
) -> None:
    fake.always(Answer(cache={"read": 7, "write_5m": 5, "write_1h": 3}))
    for usage in (ask(client).usage, streamed(client).usage):
        assert usage.cache_read_input_tokens == 7
        assert usage.cache_creation_input_tokens == 8
        assert usage.cache_creation.ephemeral_5m_input_tokens == 5
        assert usage.cache_creation.ephemeral_1h_input_tokens == 3
        assert (usage.input_tokens, usage.output_tokens) == (6, 5)


def test_a_thought_comes_with_its_signature(client: Anthropic) -> None:
    thought, text = streamed(client, thinking={"type": "adaptive"}).content
    assert (thought.type, thought.thinking) == ("thinking", THOUGHT)
    assert thought.signature
    assert text.text == ECHO


def test_tools_go_round(client: Anthropic) -> None:
    answer = ask(client, messages=BOTH, tools=[WEATHER, WIND])
    assert [block.name for block in answer.content] == ["get_weather", "get_wind"]
    assert answer.stop_reason == "tool_use"
    results = [
        {"type": "tool_result", "tool_use_id": block.id, "content": "晴"}
        for block in answer.content
    ]
    answer = ask(
        client,
        messages=[
            *BOTH,
            {"role": "assistant", "content": answer.content},
            {"role": "user", "content": results},
        ],
        tools=[WEATHER, WIND],
    )
    assert answer.content[0].text == "You said: 晴晴"


def test_an_answer_is_parsed_into_its_schema(client: Anthropic) -> None:
    answer = client.messages.parse(
        model=MODEL, messages=HELLO, max_tokens=100, output_format=Trip
    )
    assert answer.parsed_output == Trip(city="text", days=7)


@pytest.mark.parametrize(
    "source",
    [
        {"type": "base64", "media_type": "image/png", "data": PIXEL},
        {"type": "url", "url": "https://example.com/a.png"},
    ],
)
def test_images_are_taken_and_counted(client: Anthropic, source: Any) -> None:
    content = [{"type": "text", "text": "what"}, {"type": "image", "source": source}]
    answer = ask(client, messages=[{"role": "user", "content": content}])
    assert answer.content[0].text == "You said: what"
    assert answer.usage.input_tokens == 1 + 3 + 85


def test_a_refusal_says_why(fake: FakeAnthropic, client: Anthropic) -> None:
    details = {"type": "refusal", "category": "bio", "explanation": "No."}
    fake.always(Answer(blocks=[], stop_reason="refusal", stop_details=details))
    for answer in (ask(client), streamed(client)):
        assert (answer.stop_reason, answer.content) == ("refusal", [])
        assert answer.stop_details.explanation == "No."


def test_a_wrong_key_is_refused_before_the_script(fake: FakeAnthropic) -> None:
    fake.script(Answer("secret"))
    with Anthropic(base_url=fake.base_url, api_key="sk-no", max_retries=0) as client:
        with pytest.raises(anthropic.AuthenticationError):
            ask(client)
    assert fake.requests == []


@pytest.mark.parametrize("version", [None, "2026-10-21"])
def test_another_version_is_refused(fake: FakeAnthropic, version: str | None) -> None:
    headers = {"x-api-key": "sk-ant-fake", "anthropic-version": version}
    answer = requests.post(
        f"{fake.base_url}/v1/messages", b"{}", headers=headers, timeout=WAIT_SECONDS
    )
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"


def test_wrong_parameters_are_refused(client: Anthropic) -> None:
    with pytest.raises(anthropic.BadRequestError, match="temperature"):
        ask(client, temperature=2)
    with pytest.raises(anthropic.BadRequestError, match="not permitted"):
        ask(client, extra_body={"frobnicate": 1})
    with pytest.raises(anthropic.NotFoundError, match="claude-2"):
        ask(client, model="claude-2")


@pytest.mark.parametrize("status", ERRORS)
def test_every_status_has_anthropics_body(
    fake: FakeAnthropic, client: Anthropic, status: int
) -> None:
    fake.script(Status(status, headers={"Retry-After": "7"}))
    with pytest.raises(anthropic.APIStatusError) as caught:
        ask(client)
    assert caught.value.status_code == status
    assert caught.value.type == ERRORS[status][0]
    assert caught.value.response.headers["retry-after"] == "7"
    assert ask(client).content[0].text == ECHO


def test_an_error_in_the_middle_of_a_stream_is_raised(
    fake: FakeAnthropic, client: Anthropic
) -> None:
    fake.script(Answer(edits=[after(4, OVERLOADED, End.FIN)]))
    with pytest.raises(anthropic.APIStatusError, match="Overloaded"):
        streamed(client)


@pytest.mark.parametrize(
    "edit",
    [
        in_pieces(1),
        with_line_ends(b"\r\n"),
        after(3, PING),
        after(3, COMMENT),
        after(3, UNKNOWN),
    ],
)
def test_harmless_edits_harm_nothing(
    fake: FakeAnthropic, client: Anthropic, edit: Any
) -> None:
    fake.script(Answer(edits=[edit]))
    assert streamed(client).content[0].text == ECHO


def test_garbage_is_garbage(fake: FakeAnthropic, client: Anthropic) -> None:
    broken = Answer(edits=[after(3, MALFORMED)])
    fake.script(Raw(b"<html>", content_type="text/html"), broken)
    assert ask(client) == "<html>"
    with pytest.raises(ValueError):
        streamed(client)


def test_a_gate_holds_the_stream_until_it_is_opened(
    fake: FakeAnthropic, client: Anthropic
) -> None:
    gate = Gate()
    fake.script(Answer("one two", edits=[after(4, gate)]))
    with client.messages.stream(
        model=MODEL, messages=HELLO, max_tokens=100
    ) as stream:
        said = stream.text_stream
        assert next(said) == "one "
        assert gate.reached.wait(WAIT_SECONDS)
        gate.open()
        assert next(said) == "two"
