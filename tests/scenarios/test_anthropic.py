"""The official OpenAI SDK, asking for claude-3.5-sonnet: Anthropic behind the gateway.

The program speaks OpenAI's dialect and never learns that the provider does not. What
the provider gets is judged by a fake that its own SDK takes for the real one; what it
costs is compared to the nano-dollar with the list price, worked out here by hand.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import openai
import pytest
from openai import DefaultHttpxClient, OpenAI
from pydantic import BaseModel

from config import Settings
from config.money import dollars
from config.settings import Candidate
from tests.fakes.anthropic_model import THOUGHT
from tests.fakes.anthropic_script import (
    MALFORMED,
    OVERLOADED,
    PING,
    UNKNOWN,
    Answer,
    Status,
    error,
    frame,
)
from tests.fakes.anthropic_server import FakeAnthropic
from tests.fakes.openai_script import Answer as OpenAIAnswer
from tests.fakes.openai_server import FakeOpenAI
from tests.fakes.script import COMMENT, End, Gate, Raw, Silence, after, in_pieces
from tests.scenarios.dial import HELLO, Dial, chat, said
from tests.scenarios.harness import Caller, Gateway, environ_of, with_clocks

MODEL = "claude-3.5-sonnet"
ECHO = "You said: 你好 there"
PIXEL = "data:image/png;base64,iVBORw0KGgo="
# Nano-dollars a token: $3, $0.30, $3.75, $6 and $15 a million.
INPUT, READ, WRITE_5M, WRITE_1H, OUTPUT = 3000, 300, 3750, 6000, 15_000


def tool(name: str) -> dict[str, Any]:
    properties = {"city": {"type": "string"}, "days": {"type": "integer"}}
    parameters = {
        "type": "object",
        "properties": properties,
        "required": ["city", "days"],
        "additionalProperties": False,
    }
    function = {"name": name, "description": "天气", "parameters": parameters}
    return {"type": "function", "function": {**function, "strict": True}}


WEATHER, WIND = tool("get_weather"), tool("get_wind")


class Trip(BaseModel):
    city: str
    days: int


def user(content: object) -> list[dict[str, Any]]:
    return [{"role": "user", "content": content}]


BOTH = user("get_weather and get_wind, please")


@pytest.fixture(scope="module")
def claude() -> Iterator[FakeAnthropic]:
    with FakeAnthropic() as claude:
        yield claude


@pytest.fixture
def fake(claude: FakeAnthropic) -> FakeAnthropic:
    claude.requests.clear()
    claude.always(Answer())
    return claude


def environ(claude: FakeAnthropic, provider: FakeOpenAI) -> dict[str, str]:
    return {
        **environ_of(provider),
        "ANTHROPIC_BASE_URL": claude.base_url,
        "ANTHROPIC_API_KEY": "sk-ant-fake",
    }


@pytest.fixture(scope="module")
def shared(
    claude: FakeAnthropic,
    provider: FakeOpenAI,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Gateway]:
    data = tmp_path_factory.mktemp("data")
    with Gateway(data, environ(claude, provider)) as gateway:
        yield gateway


@pytest.fixture
def gateway(shared: Gateway, fake: FakeAnthropic) -> Iterator[Gateway]:
    yield shared
    shared.prove()


@pytest.fixture
def start(
    fake: FakeAnthropic, provider: FakeOpenAI, tmp_path: Path
) -> Iterator[Callable[..., Gateway]]:
    with ExitStack() as stack:

        def start(**arguments: Any) -> Gateway:
            made = Gateway(tmp_path, environ(fake, provider), **arguments)
            stack.enter_context(made)
            stack.callback(made.prove)
            return made

        yield start


@pytest.fixture
def client(gateway: Gateway, caller: Caller) -> Iterator[OpenAI]:
    http = DefaultHttpxClient(trust_env=False)
    with OpenAI(
        base_url=gateway.api, api_key=caller.key, http_client=http, max_retries=0
    ) as client:
        yield client


def ask(client: OpenAI, **parameters: Any) -> Any:
    asked = {"model": MODEL, "messages": HELLO, **parameters}
    return client.chat.completions.create(**asked)


def streamed(client: OpenAI, **parameters: Any) -> Any:
    """The answer that the SDK puts together of a stream."""
    asked = {"model": MODEL, "messages": HELLO, **parameters}
    asked["stream_options"] = {"include_usage": True}
    with client.chat.completions.stream(**asked) as events:
        return events.get_final_completion()


both_ways = pytest.mark.parametrize("get", [ask, streamed])


def text_of(chunks: list[Any]) -> str:
    return "".join(
        choice.delta.content or "" for chunk in chunks for choice in chunk.choices
    )


def charge(gateway: Gateway, caller: Caller, nano: int, evidence: str) -> Any:
    """The caller's one request cost this, and the ledger says why."""
    gateway.settled()
    (found,) = gateway.charges(caller)
    assert (found.paid_nano, found.record.evidence) == (nano, evidence)
    assert gateway.available_nano(caller) == 10 * 10**9 - nano
    return found


# What is asked, and what is answered.


@both_ways
def test_an_answer_is_openais_in_shape(
    gateway: Gateway, fake: FakeAnthropic, caller: Caller, client: OpenAI, get: Any
) -> None:
    answer = get(client)
    (choice,) = answer.choices
    assert (choice.message.content, choice.finish_reason) == (ECHO, "stop")
    assert (choice.message.role, choice.message.tool_calls) == ("assistant", None)
    assert (answer.object, answer.model) == ("chat.completion", MODEL)
    assert answer.id.startswith("req_") and answer.created > 0
    usage = answer.usage
    assert (usage.prompt_tokens, usage.completion_tokens) == (6, 5)
    assert usage.total_tokens == 11
    nano = 6 * INPUT + 5 * OUTPUT
    assert usage.cost == json.loads(dollars(nano))
    found = charge(gateway, caller, nano, "reported")
    assert (found.record.provider, found.record.upstream_model) == (
        "anthropic",
        "claude-sonnet-4-6",
    )
    (received,) = fake.requests
    stream = {"stream": True} if get is streamed else {}
    assert received.json == {
        "model": "claude-sonnet-4-6",
        "max_tokens": 8192,
        "messages": HELLO,
        "temperature": 0.7,
        "metadata": {"user_id": f"account-{caller.account_id}"},
        **stream,
    }
    assert received.headers["x-api-key"] == "sk-ant-fake"
    assert received.headers["anthropic-version"] == "2023-06-01"
    assert "authorization" not in received.headers
    assert caller.key not in received.body.decode() + str(received.headers)


@pytest.mark.parametrize("options", [{"include_usage": True}, {}])
def test_a_stream_is_openais_in_shape(client: OpenAI, options: dict[str, bool]) -> None:
    chunks = list(ask(client, stream=True, stream_options=options))
    assert text_of(chunks) == ECHO
    assert chunks[0].choices[0].delta.role == "assistant"
    assert {(chunk.object, chunk.model) for chunk in chunks} == {
        ("chat.completion.chunk", MODEL)
    }
    assert len({chunk.id for chunk in chunks}) == 1
    finishes = [c.finish_reason for chunk in chunks for c in chunk.choices]
    assert [finish for finish in finishes if finish] == ["stop"]
    assert chunks[-1].usage.cost == json.loads(dollars(6 * INPUT + 5 * OUTPUT))
    # A program that asked for no usage may index choices[0] in every chunk.
    assert (chunks[-1].choices == []) is bool(options)


SAME: dict[str, dict[str, Any]] = {
    "text": {},
    "one tool": {"messages": user("get_weather"), "tools": [WEATHER, WIND]},
    "two tools": {"messages": BOTH, "tools": [WEATHER, WIND]},
    "a tool demanded": {"tools": [WEATHER], "tool_choice": "required"},
    "a limit": {"max_tokens": 2},
    "a stop": {"stop": ["there", "\n"]},
}


# The SDK's own helper raises where a stream reaches its limit.
ALIKE = [(ask, name) for name in SAME]
ALIKE += [(streamed, name) for name in SAME if name != "a limit"]


@pytest.mark.parametrize(("get", "name"), ALIKE)
def test_no_program_sees_which_model_answers(
    client: OpenAI, provider: FakeOpenAI, get: Any, name: str
) -> None:
    """Identical but for ids and counts, which are each model's own."""
    provider.always(OpenAIAnswer())
    one, other = (get(client, model=m, **SAME[name]) for m in (MODEL, "gpt-4o"))
    assert shape_of(one) == shape_of(other)


def shape_of(answer: Any) -> Any:
    dumped = answer.model_dump()
    for name in ("id", "model", "created", "system_fingerprint"):
        del dumped[name]
    for choice in dumped["choices"]:
        # Always empty, and optional.
        choice["message"].pop("annotations", None)
        for call in choice["message"]["tool_calls"] or ():
            del call["id"]
            call["function"]["arguments"] = json.loads(call["function"]["arguments"])
    dumped["usage"] = sorted(
        (name, sorted(value) if isinstance(value, dict) else type(value).__name__)
        for name, value in dumped["usage"].items()
    )
    return dumped


@both_ways
def test_tools_go_round(fake: FakeAnthropic, client: OpenAI, get: Any) -> None:
    tools = [WEATHER, WIND]
    message = get(client, messages=BOTH, tools=tools).choices[0].message
    assert [call.function.name for call in message.tool_calls] == [
        "get_weather",
        "get_wind",
    ]
    assert [call.id for call in message.tool_calls] == ["toolu_fake0", "toolu_fake1"]
    for call in message.tool_calls:
        assert json.loads(call.function.arguments) == {"city": "text", "days": 7}
    results = [
        {"role": "tool", "tool_call_id": call.id, "content": weather}
        for call, weather in zip(message.tool_calls, ("晴", "5 m/s"))
    ]
    echoed = message.model_dump(include={"role", "content", "tool_calls"})
    for call in echoed["tool_calls"]:
        call["function"].pop("parsed_arguments", None)
        call.pop("index", None)
    answer = get(client, messages=[*BOTH, echoed, *results], tools=tools)
    assert answer.choices[0].message.content == "You said: 晴5 m/s"
    user_turn, assistant_turn, result_turn = fake.requests[-1].json["messages"]
    assert [block["type"] for block in assistant_turn["content"]] == ["tool_use"] * 2
    assert [block["tool_use_id"] for block in result_turn["content"]] == [
        "toolu_fake0",
        "toolu_fake1",
    ]


@both_ways
def test_one_tool_at_a_time(fake: FakeAnthropic, client: OpenAI, get: Any) -> None:
    answer = get(
        client, messages=BOTH, tools=[WEATHER, WIND], parallel_tool_calls=False
    )
    assert len(answer.choices[0].message.tool_calls) == 1
    assert fake.requests[0].json["tool_choice"] == {
        "type": "auto",
        "disable_parallel_tool_use": True,
    }


def test_images_arrive(fake: FakeAnthropic, client: OpenAI) -> None:
    urls = (PIXEL, "https://example.com/a%20b.png?x=1")
    images = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    answer = ask(client, messages=user([{"type": "text", "text": "what"}, *images]))
    assert answer.choices[0].message.content == "You said: what"
    assert answer.usage.prompt_tokens == 1 + 3 + 2 * 85
    sources = [block["source"] for block in fake.requests[0].json["messages"][0][
        "content"][1:]]
    assert sources == [
        {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="},
        {"type": "url", "url": urls[1]},
    ]


def test_an_answer_is_parsed_into_its_schema(
    fake: FakeAnthropic, client: OpenAI
) -> None:
    answer = client.chat.completions.parse(
        model=MODEL, messages=HELLO, response_format=Trip
    )
    assert answer.choices[0].message.parsed == Trip(city="text", days=7)
    with client.chat.completions.stream(
        model=MODEL, messages=HELLO, response_format=Trip
    ) as events:
        answer = events.get_final_completion()
    assert answer.choices[0].message.parsed == Trip(city="text", days=7)
    wanted = fake.requests[0].json["output_config"]["format"]
    assert wanted["type"] == "json_schema"


OPEN = {"type": "object", "additionalProperties": {"type": "integer"}}


@both_ways
@pytest.mark.parametrize(
    "wanted",
    [
        {"type": "json_object"},
        {"type": "json_schema", "json_schema": {"name": "x", "schema": OPEN}},
    ],
)
def test_json_is_json(
    fake: FakeAnthropic, client: OpenAI, get: Any, wanted: dict[str, Any]
) -> None:
    block = {"type": "tool_use", "id": "t", "input": {"城": [1, 2]}}
    fake.always(
        lambda received: Answer(
            blocks=[{**block, "name": received.json["tool_choice"]["name"]}],
            stop_reason="tool_use",
        )
    )
    # The SDK's own helper wants a class for its schema; the wire is what counts.
    if get is streamed:
        chunks = list(ask(client, response_format=wanted, stream=True))
        content, finish = text_of(chunks), chunks[-1].choices[0].finish_reason
        calls = [c.delta.tool_calls for chunk in chunks for c in chunk.choices]
    else:
        (choice,) = ask(client, response_format=wanted).choices
        content, finish = choice.message.content, choice.finish_reason
        calls = [choice.message.tool_calls]
    assert json.loads(content) == {"城": [1, 2]}
    assert (finish, set(calls)) == ("stop", {None})


@both_ways
def test_a_thought_is_told_apart_and_counted(
    gateway: Gateway, fake: FakeAnthropic, caller: Caller, client: OpenAI, get: Any
) -> None:
    answer = get(client, reasoning_effort="high")
    message = answer.choices[0].message
    assert (message.content, message.reasoning_content) == (ECHO, THOUGHT)
    assert answer.usage.completion_tokens_details.reasoning_tokens == 6
    assert answer.usage.completion_tokens == 11
    charge(gateway, caller, 6 * INPUT + 11 * OUTPUT, "reported")
    asked = fake.requests[0].json
    assert asked["thinking"] == {"type": "adaptive"}
    assert asked["output_config"] == {"effort": "high"}
    assert "temperature" not in asked


@both_ways
def test_every_meter_of_the_caches_is_charged_at_its_own_rate(
    gateway: Gateway, fake: FakeAnthropic, caller: Caller, client: OpenAI, get: Any
) -> None:
    fake.always(Answer(cache={"read": 101, "write_5m": 53, "write_1h": 29}))
    usage = get(client).usage
    assert usage.prompt_tokens == 6 + 101 + 53 + 29
    assert usage.prompt_tokens_details.cached_tokens == 101
    assert usage.prompt_tokens_details.cache_write_tokens == 82
    nano = 6 * INPUT + 101 * READ + 53 * WRITE_5M + 29 * WRITE_1H + 5 * OUTPUT
    assert nano == 496_050
    assert usage.cost == 0.00049605
    found = charge(gateway, caller, nano, "reported")
    assert found.record.quantities == {
        "input": 6, "cache_read": 101, "cache_write": 53, "cache_write_1h": 29,
        "output": 5,
    }


@both_ways
def test_a_refusal_is_told_and_charged(
    gateway: Gateway, fake: FakeAnthropic, caller: Caller, client: OpenAI, get: Any
) -> None:
    details = {"type": "refusal", "category": "bio", "explanation": "Too risky."}
    fake.always(Answer(blocks=[], stop_reason="refusal", stop_details=details))
    if get is streamed:
        # The SDK's helper raises at this finish; a plain stream just has it.
        *_, last, usage = ask(
            client, stream=True, stream_options={"include_usage": True}
        )
        choice, told = last.choices[0], last.choices[0].delta
    else:
        (choice,) = ask(client).choices
        told = choice.message
    assert (choice.finish_reason, told.refusal) == ("content_filter", "Too risky.")
    charge(gateway, caller, 6 * INPUT + 1 * OUTPUT, "reported")


def test_what_was_left_out_is_named(fake: FakeAnthropic, client: OpenAI) -> None:
    raw = client.chat.completions.with_raw_response.create(
        model=MODEL, messages=HELLO, seed=7, stop="\n", temperature=2, user="ann"
    )
    assert raw.headers["x-autolist-dropped"] == "seed, stop"
    assert raw.headers["x-autolist-provider"] == "anthropic"
    assert raw.headers["x-autolist-upstream-model"] == "claude-sonnet-4-6"
    asked = fake.requests[0].json
    assert asked["temperature"] == 1
    assert "ann" not in fake.requests[0].body.decode()


STRAY = {"role": "tool", "tool_call_id": "x", "content": ""}
OVER_HTTP = {"type": "image_url", "image_url": {"url": "http://a.example/b.png"}}


@pytest.mark.parametrize(
    ("parameters", "param"),
    [
        ({"n": 2}, "n"),
        ({"logprobs": True}, "logprobs"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"messages": [*HELLO, STRAY]}, "messages[1].tool_call_id"),
        ({"messages": user([OVER_HTTP])}, "messages[0].content[0].image_url.url"),
    ],
)
def test_what_it_cannot_do_is_refused_before_it_is_asked(
    gateway: Gateway,
    fake: FakeAnthropic,
    caller: Caller,
    client: OpenAI,
    parameters: dict[str, Any],
    param: str,
) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        ask(client, **parameters)
    assert caught.value.param == param
    assert fake.requests == []
    charge(gateway, caller, 0, "none")


# What goes wrong.


LOW = "Your credit balance is too low to access the Anthropic API."
BLOCKED = "Output blocked by content filtering policy"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("behaviour", "status", "code"),
    [
        (Status(400, "messages.0: odd"), 400, "upstream_refused"),
        (Status(400, LOW), 502, "upstream_billing"),
        (Status(400, BLOCKED), 400, "content_policy_violation"),
        (Status(401), 502, "upstream_auth"),
        (Status(402), 502, "upstream_billing"),
        (Status(403), 502, "upstream_auth"),
        (Status(404), 502, "upstream_model_unavailable"),
        (Status(413), 400, "upstream_refused"),
        (Status(429, headers={"retry-after": "17"}), 429, "rate_limit_exceeded"),
        (Status(500), 502, "upstream_error"),
        (Status(504), 502, "upstream_timeout"),
        (Status(529), 502, "upstream_overloaded"),
        (Raw(b"<html>bad gateway</html>", 502), 502, "upstream_error"),
        (Raw(b"<html>fine</html>"), 502, "upstream_error"),
        (Raw(b'{"type":"message","content":[],"sto'), 502, "upstream_error"),
        (Answer(edits=[after(0, End.RST)]), 502, "upstream_error"),
        (Silence(End.FIN), 502, "upstream_error"),
    ],
)
def test_an_error_is_one_of_ours_and_free(
    gateway: Gateway,
    fake: FakeAnthropic,
    caller: Caller,
    client: OpenAI,
    behaviour: Any,
    status: int,
    code: str,
    stream: bool,
) -> None:
    fake.script(behaviour)
    with pytest.raises(openai.APIStatusError) as caught:
        ask(client, stream=stream)
    assert (caught.value.status_code, caught.value.code) == (status, code)
    assert "credit" not in caught.value.message
    if status == 429:
        assert caught.value.response.headers["retry-after"] == "17"
    charge(gateway, caller, 0, "none")
    assert ask(client).choices[0].message.content == ECHO


# message_start, content_block_start and a ping stand before the text.
FRAMES = 3
# "You said: ", by our own tokenizer.
COUNTED = 4


def overload(type: str) -> bytes:
    return frame(error("m", type))


@pytest.mark.parametrize(
    ("edit", "code"),
    [
        ([OVERLOADED], "upstream_overloaded"),
        ([overload("rate_limit_error")], "rate_limit_exceeded"),
        ([overload("api_error")], "upstream_error"),
        ([End.FIN], "upstream_error"),
        ([End.RST], "upstream_error"),
    ],
)
@pytest.mark.parametrize("cache", [{}, {"read": 40, "write_1h": 10}])
def test_a_stream_that_dies_is_charged_for_what_was_delivered(
    gateway: Gateway,
    fake: FakeAnthropic,
    caller: Caller,
    client: OpenAI,
    edit: list[Any],
    code: str,
    cache: dict[str, int],
) -> None:
    """The start told the whole input; the output is counted by ourselves."""
    gate = Gate()
    fake.script(Answer(cache=cache, edits=[after(FRAMES + 2, gate, *edit)]))
    chunks, stream = [], ask(client, stream=True)
    for chunk in stream:
        chunks.append(chunk)
        if text_of(chunks) == "You said: ":
            break
    gate.open()
    with pytest.raises(openai.APIError) as caught:
        list(stream)
    assert caught.value.code == code
    nano = 6 * INPUT + COUNTED * OUTPUT
    nano += cache.get("read", 0) * READ + cache.get("write_1h", 0) * WRITE_1H
    found = charge(gateway, caller, nano, "partial")
    assert found.record.outcome == "upstream_died"


def test_a_cut_stream_never_looks_like_success(
    gateway: Gateway, fake: FakeAnthropic, caller: Caller
) -> None:
    """Even when only the very last event is missing."""
    fake.script(Answer(edits=[after(FRAMES + 5, End.FIN)]))
    with Dial(gateway.port) as dial:
        reply = dial.ask(chat(caller.key, model=MODEL, stream=True))
    assert said(reply.events) == ECHO
    assert "error" in reply.events[-1]
    assert b"[DONE]" not in reply.body


def test_who_leaves_midstream_pays_for_what_was_delivered(
    gateway: Gateway, fake: FakeAnthropic, caller: Caller, client: OpenAI
) -> None:
    gate = Gate()
    fake.script(Answer(edits=[after(FRAMES + 2, gate)]))
    chunks, stream = [], ask(client, stream=True)
    for chunk in stream:
        chunks.append(chunk)
        if text_of(chunks) == "You said: ":
            break
    stream.close()
    found = charge(gateway, caller, 6 * INPUT + COUNTED * OUTPUT, "partial")
    assert found.record.outcome == "client_left_midstream"
    assert fake.requests[0].disconnected.wait(10)


@pytest.mark.parametrize(
    "edit",
    [
        in_pieces(1),
        after(4, PING),
        after(4, COMMENT),
        after(4, UNKNOWN),
        after(4, MALFORMED),
    ],
)
def test_what_is_harmless_harms_nothing(
    gateway: Gateway, fake: FakeAnthropic, caller: Caller, client: OpenAI, edit: Any
) -> None:
    fake.script(Answer(edits=[edit]))
    answer = streamed(client)
    assert answer.choices[0].message.content == ECHO
    charge(gateway, caller, 6 * INPUT + 5 * OUTPUT, "reported")


@pytest.mark.parametrize(
    ("behaviour", "stream"),
    [
        (Silence(), False),
        (Silence(), True),
        (Answer(edits=[after(1, End.SILENCE)]), True),
        # Signs of life are no content.
        (Answer(edits=[after(1, *[PING] * 9, End.SILENCE)]), True),
    ],
)
def test_a_provider_that_never_begins_is_given_up(
    start: Callable[..., Gateway], fake: FakeAnthropic, behaviour: Any, stream: bool
) -> None:
    gateway = start(change=with_clocks(first_byte_seconds=0.3, idle_seconds=0.3))
    caller = gateway.caller()
    fake.script(behaviour)
    with Dial(gateway.port) as dial:
        reply = dial.ask(chat(caller.key, model=MODEL, stream=stream))
    assert (reply.status, reply.error["code"]) == (502, "upstream_timeout")
    charge(gateway, caller, 0, "none")


def test_a_provider_that_falls_silent_is_given_up(
    start: Callable[..., Gateway], fake: FakeAnthropic
) -> None:
    gateway = start(change=with_clocks(idle_seconds=0.3))
    caller = gateway.caller()
    fake.script(Answer(edits=[after(FRAMES + 2, End.SILENCE)]))
    with Dial(gateway.port) as dial:
        reply = dial.ask(chat(caller.key, model=MODEL, stream=True))
    assert said(reply.events) == "You said: "
    assert reply.events[-1]["error"]["code"] == "upstream_timeout"
    charge(gateway, caller, 6 * INPUT + COUNTED * OUTPUT, "partial")


def with_openai_behind(settings: Settings) -> Settings:
    """The same model at another provider, should the first one fail."""
    model = settings.models[MODEL]
    candidates = (*model.candidates, Candidate("openai", "gpt-4o", priority=1))
    models = {**settings.models, MODEL: replace(model, candidates=candidates)}
    return replace(settings, models=models)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "behaviour",
    [
        Status(429),
        Status(500),
        Status(529),
        Status(401),
        Status(400, LOW),
        Silence(End.RST),
        Raw(b"<html>"),
    ],
)
def test_another_provider_is_asked_in_its_own_dialect(
    start: Callable[..., Gateway],
    fake: FakeAnthropic,
    provider: FakeOpenAI,
    behaviour: Any,
    stream: bool,
) -> None:
    gateway = start(change=with_openai_behind)
    caller = gateway.caller()
    provider.requests.clear()
    provider.always(OpenAIAnswer())
    fake.script(behaviour)
    with Dial(gateway.port) as dial:
        reply = dial.ask(chat(caller.key, model=MODEL, stream=stream, stop=["\n", "x"]))
    content = (
        said(reply.events) if stream else reply.json["choices"][0]["message"]["content"]
    )
    assert content == ECHO
    assert reply.headers["x-autolist-attempts"] == "2"
    assert reply.headers["x-autolist-provider"] == "openai"
    assert "x-autolist-dropped" not in reply.headers
    (first,), (second,) = fake.requests, provider.requests
    assert first.json["stop_sequences"] == ["x"]
    assert second.json["stop"] == ["\n", "x"]
    assert (first.json["model"], second.json["model"]) == (
        "claude-sonnet-4-6",
        "gpt-4o",
    )
    # Charged once, by the price of what was asked for.
    charge(gateway, caller, 6 * INPUT + 5 * OUTPUT, "reported")


@pytest.mark.parametrize("behaviour", [Status(400), Status(413), Status(400, BLOCKED)])
def test_no_other_provider_is_asked_what_one_has_judged(
    start: Callable[..., Gateway],
    fake: FakeAnthropic,
    provider: FakeOpenAI,
    behaviour: Status,
) -> None:
    gateway = start(change=with_openai_behind)
    caller = gateway.caller()
    provider.requests.clear()
    fake.script(behaviour)
    with Dial(gateway.port) as dial:
        assert dial.ask(chat(caller.key, model=MODEL)).status == 400
    assert provider.requests == []
    charge(gateway, caller, 0, "none")
