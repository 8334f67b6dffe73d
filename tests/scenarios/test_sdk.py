"""The official SDK, unmodified, told only where the gateway is.

The judge is the SDK itself without a gateway: each ask is put to the provider directly
too, and what the provider received and what the program got back must be the same but
for what the gateway is there to add.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI, DefaultAsyncHttpxClient, DefaultHttpxClient, OpenAI
from pydantic import BaseModel

from config.money import dollars, parse_nano
from storage.accounts import set_account_status
from tests.fakes.openai_script import Answer, End, Gate, Status, after
from tests.fakes.openai_server import FakeOpenAI
from tests.scenarios.dial import HELLO
from tests.scenarios.harness import Caller, Gateway, with_limits

ECHO = "You said: 你好 there"
MODEL_OUTPUT_TOKENS = 16_384
PIXEL = "data:image/png;base64,iVBORw0KGgo="
CALL_ID = "call_1"


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
NAMED = {"type": "function", "function": {"name": "get_wind"}}
CALL = {
    "id": CALL_ID,
    "type": "function",
    "function": {"name": "get_weather", "arguments": '{"city": "上海", "days": 1}'},
}


class Trip(BaseModel):
    city: str
    days: int


TRIP = {
    "type": "json_schema",
    "json_schema": {
        "name": "trip",
        "strict": True,
        "schema": WEATHER["function"]["parameters"],
    },
}


def user(content: object) -> list[dict[str, Any]]:
    return [{"role": "user", "content": content}]


def image(url: str, **fields: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url, **fields}}


BOTH_TOOLS = user("get_weather and get_wind, please")
ASKS: dict[str, dict[str, Any]] = {
    "the least": {},
    "every parameter": {
        "messages": [
            {"role": "system", "content": "Be brief.", "name": "rules"},
            {"role": "developer", "content": [{"type": "text", "text": "Really."}]},
            {"role": "user", "content": "Hi", "name": "ann"},
            {"role": "assistant", "content": "Hello.", "refusal": "no"},
            *user("你好 \u0000\u2028 </script> 🙂 there"),
        ],
        "temperature": 0,
        "top_p": 0.5,
        "max_completion_tokens": 9,
        "stop": ["\n\n", "STOP"],
        "presence_penalty": -0.5,
        "frequency_penalty": 2,
        "logit_bias": {"50256": -100},
        "seed": 2**62,
        "reasoning_effort": "low",
        "verbosity": "high",
    },
    "an older name of the limit": {"max_tokens": 3},
    "two tools called": {
        "messages": BOTH_TOOLS,
        "tools": [WEATHER, WIND],
        "parallel_tool_calls": True,
    },
    "a tool demanded": {"tools": [WEATHER, WIND], "tool_choice": NAMED},
    "some tool demanded": {"tools": [WEATHER], "tool_choice": "required"},
    "no tool allowed": {
        "messages": BOTH_TOOLS,
        "tools": [WEATHER],
        "tool_choice": "none",
    },
    "a tool's answer": {
        "messages": [
            *user("get_weather"),
            {"role": "assistant", "content": None, "tool_calls": [CALL]},
            {"role": "tool", "tool_call_id": CALL_ID, "content": "晴"},
        ],
        "tools": [WEATHER],
    },
    "images": {
        "messages": user(
            [
                {"type": "text", "text": "what is "},
                image(PIXEL, detail="low"),
                image("https://example.com/a%20b.png?x=1&y=2"),
                {"type": "text", "text": "this?"},
            ]
        )
    },
    "two choices": {"n": 2},
    "logprobs": {"logprobs": True, "top_logprobs": 2},
    "a JSON object": {"response_format": {"type": "json_object"}},
    "a JSON schema": {"response_format": TRIP},
}

Statuses = list[int]


@pytest.fixture
def statuses() -> Statuses:
    """The status of everything the client heard, retries included."""
    return []


@pytest.fixture
def client(
    gateway: Gateway, caller: Caller, statuses: Statuses
) -> Iterator[OpenAI]:
    http = watched(lambda reply: statuses.append(reply.status_code))
    with OpenAI(
        base_url=gateway.api, api_key=caller.key, http_client=http
    ) as client:
        yield client


@pytest.fixture
async def later(gateway: Gateway, caller: Caller) -> AsyncIterator[AsyncOpenAI]:
    http = DefaultAsyncHttpxClient(trust_env=False)
    async with AsyncOpenAI(
        base_url=gateway.api, api_key=caller.key, http_client=http
    ) as client:
        yield client


@pytest.fixture
def direct(fake: FakeOpenAI) -> Iterator[OpenAI]:
    """The provider without a gateway before it."""
    with OpenAI(
        base_url=fake.base_url, api_key="sk-fake", http_client=watched()
    ) as client:
        yield client


def watched(*hooks: Callable[[Any], None]) -> DefaultHttpxClient:
    return DefaultHttpxClient(trust_env=False, event_hooks={"response": list(hooks)})


def asked(parameters: dict[str, Any]) -> dict[str, Any]:
    return {"model": "gpt-4o", "messages": HELLO, **parameters}


def ask(client: OpenAI, **parameters: Any) -> Any:
    return client.chat.completions.create(**asked(parameters))


def text_of(chunks: list[Any]) -> str:
    return "".join(
        choice.delta.content or "" for chunk in chunks for choice in chunk.choices
    )


def passed_on(sent: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """What a provider gets of a body: what was left unsaid is said, nothing else."""
    body = {"temperature": 0.7, "max_completion_tokens": MODEL_OUTPUT_TOKENS, **sent}
    if "max_tokens" in body:
        body["max_completion_tokens"] = body.pop("max_tokens")
    if body.get("stream"):
        body["stream_options"] = {"include_usage": True, "include_obfuscation": False}
    return body | {"user": f"account-{caller.account_id}"}


def compare_requests(fake: FakeOpenAI, caller: Caller) -> None:
    """The first request came through the gateway, the second one did not."""
    through, straight = fake.requests
    assert through.json == passed_on(straight.json, caller)
    assert through.headers["authorization"] == "Bearer sk-fake"
    assert caller.key not in through.body.decode()


def compare_answers(through: Any, straight: Any) -> None:
    ours, theirs = through.model_dump(), straight.model_dump()
    assert ours["choices"] == theirs["choices"]
    for name in ("object", "created", "model", "system_fingerprint"):
        assert ours[name] == theirs[name]
    compare_usage(through.usage, straight.usage)


def compare_chunks(through: list[Any], straight: list[Any]) -> None:
    """Chunk by chunk the same; only the last one knows what it cost."""
    dumps = [[one.model_dump() for one in chunks] for chunks in (through, straight)]
    for ours, theirs in zip(*dumps, strict=True):
        for name in ("choices", "object", "created", "model", "system_fingerprint"):
            assert ours[name] == theirs[name]
    assert len({chunk.id for chunk in through}) == 1
    assert {chunk.usage for chunk in through[:-1]} == {None}


def compare_usage(ours: Any, theirs: Any) -> None:
    for name in ("prompt_tokens", "completion_tokens", "total_tokens"):
        assert getattr(ours, name) == getattr(theirs, name)
    assert ours.prompt_tokens_details.cached_tokens == 0
    assert ours.completion_tokens_details.reasoning_tokens == 0


def charged(gateway: Gateway, caller: Caller, *usages: Any) -> None:
    """Each of these is what one of the caller's requests cost, and all there is."""
    gateway.settled()
    charges = gateway.charges(caller)
    costs = [json.loads(dollars(charge.paid_nano)) for charge in charges]
    assert sorted(costs) == sorted(usage.cost for usage in usages)
    spent = sum(charge.paid_nano for charge in charges)
    assert gateway.available_nano(caller) == 10 * 10**9 - spent
    assert all(charge.record.evidence == "reported" for charge in charges)


# What is asked, and what is answered.


@pytest.mark.parametrize("name", ASKS)
def test_an_answer_is_the_providers_own(
    gateway: Gateway,
    fake: FakeOpenAI,
    caller: Caller,
    client: OpenAI,
    direct: OpenAI,
    name: str,
) -> None:
    through, straight = (ask(one, **ASKS[name]) for one in (client, direct))
    compare_requests(fake, caller)
    compare_answers(through, straight)
    charged(gateway, caller, through.usage)


@pytest.mark.parametrize("options", [{"include_usage": True}, {}])
@pytest.mark.parametrize("name", ASKS)
def test_a_stream_is_the_providers_own(
    gateway: Gateway,
    fake: FakeOpenAI,
    caller: Caller,
    client: OpenAI,
    direct: OpenAI,
    name: str,
    options: dict[str, bool],
) -> None:
    parameters = {**ASKS[name], "stream": True, "stream_options": options}
    through, straight = (list(ask(one, **parameters)) for one in (client, direct))
    compare_requests(fake, caller)
    compare_chunks(through, straight)
    if options:
        compare_usage(through[-1].usage, straight[-1].usage)
    # A program that asked for no usage may index choices[0] in every chunk.
    assert (through[-1].choices == []) is bool(options)
    charged(gateway, caller, through[-1].usage)


@pytest.mark.parametrize("name", ASKS)
async def test_the_async_client_gets_the_same(
    gateway: Gateway,
    fake: FakeOpenAI,
    caller: Caller,
    later: AsyncOpenAI,
    direct: OpenAI,
    name: str,
) -> None:
    create = later.chat.completions.create
    through = await create(**asked(ASKS[name]))
    compare_answers(through, ask(direct, **ASKS[name]))
    compare_requests(fake, caller)
    fake.requests.clear()
    parameters = {**ASKS[name], "stream": True}
    chunks = [chunk async for chunk in await create(**asked(parameters))]
    compare_chunks(chunks, list(ask(direct, **parameters)))
    compare_requests(fake, caller)
    charged(gateway, caller, through.usage, chunks[-1].usage)


async def test_many_at_once_get_each_their_own(
    gateway: Gateway, caller: Caller, later: AsyncOpenAI
) -> None:
    async def one(number: int) -> Any:
        answer = await later.chat.completions.create(
            **asked({"messages": user(f"number {number}")})
        )
        assert answer.choices[0].message.content == f"You said: number {number}"
        return answer.usage

    charged(gateway, caller, *await asyncio.gather(*map(one, range(40))))


# The SDK's other ways to ask.


def test_a_raw_response_shows_the_receipt(
    gateway: Gateway, caller: Caller, client: OpenAI
) -> None:
    raw = client.chat.completions.with_raw_response.create(**asked({}))
    answer = raw.parse()
    (charge,) = gateway.charges(caller)
    assert answer.choices[0].message.content == ECHO
    assert raw.headers["x-autolist-cost"] == dollars(charge.paid_nano)
    assert f'"cost":{dollars(charge.paid_nano)}}}' in raw.text
    assert raw.headers["x-autolist-balance"] == dollars(gateway.available_nano(caller))
    assert answer.id == answer._request_id == raw.headers["x-request-id"]
    assert answer.id == charge.request_id


def test_a_raw_response_streams(caller: Caller, client: OpenAI) -> None:
    raw = client.chat.completions.with_raw_response.create(**asked({"stream": True}))
    assert raw.headers["content-type"] == "text/event-stream; charset=utf-8"
    chunks = list(raw.parse())
    assert text_of(chunks) == ECHO
    assert {chunk.id for chunk in chunks} == {raw.headers["x-request-id"]}


async def test_an_async_raw_response_shows_the_receipt(
    gateway: Gateway, caller: Caller, later: AsyncOpenAI
) -> None:
    raw = await later.chat.completions.with_raw_response.create(**asked({}))
    assert raw.parse().choices[0].message.content == ECHO
    (charge,) = gateway.charges(caller)
    assert raw.headers["x-autolist-cost"] == dollars(charge.paid_nano)


def test_a_streamed_body_can_be_read_line_by_line(client: OpenAI) -> None:
    completions = client.chat.completions.with_streaming_response
    with completions.create(**asked({"stream": True})) as response:
        *_, last = filter(None, response.iter_lines())
    assert last == "data: [DONE]"


def test_tool_calls_of_a_stream_add_up(client: OpenAI) -> None:
    with client.chat.completions.stream(
        model="gpt-4o", messages=BOTH_TOOLS, tools=[WEATHER, WIND]
    ) as events:
        choice = events.get_final_completion().choices[0]
    assert choice.finish_reason == "tool_calls"
    for call, name in zip(
        choice.message.tool_calls, ("get_weather", "get_wind"), strict=True
    ):
        assert call.function.name == name
        assert call.function.parsed_arguments == {"city": "text", "days": 7}


def test_an_answer_is_parsed_into_its_schema(client: OpenAI) -> None:
    answer = client.chat.completions.parse(
        model="gpt-4o", messages=HELLO, response_format=Trip
    )
    assert answer.choices[0].message.parsed == Trip(city="text", days=7)
    with client.chat.completions.stream(
        model="gpt-4o", messages=HELLO, response_format=Trip
    ) as events:
        answer = events.get_final_completion()
    assert answer.choices[0].message.parsed == Trip(city="text", days=7)


async def test_an_async_answer_is_parsed_into_its_schema(later: AsyncOpenAI) -> None:
    answer = await later.chat.completions.parse(
        model="gpt-4o", messages=HELLO, response_format=Trip
    )
    assert answer.choices[0].message.parsed == Trip(city="text", days=7)


def test_models_are_listed(gateway: Gateway, client: OpenAI) -> None:
    models = {model.id: model for model in client.models.list()}
    assert list(models) == list(gateway.settings.models)
    for id, model in models.items():
        found = client.models.retrieve(id)
        assert found == model
        assert (found.object, found.owned_by) == (
            "model",
            gateway.settings.models[id].owner,
        )


async def test_models_are_listed_to_the_async_client(
    gateway: Gateway, later: AsyncOpenAI
) -> None:
    found = [model.id async for model in later.models.list()]
    assert found == list(gateway.settings.models)
    assert (await later.models.retrieve("gpt-4o")).owned_by == "OpenAI"


def test_the_short_address_is_the_same_api(
    gateway: Gateway, caller: Caller, client: OpenAI
) -> None:
    short = client.with_options(base_url=f"{gateway.url}/v1")
    answer = ask(short)
    assert answer.choices[0].message.content == ECHO
    assert text_of(list(ask(short, stream=True))) == ECHO
    assert short.models.retrieve("gpt-4o").id == "gpt-4o"
    assert len(gateway.charges(caller)) == 2


# What a program catches.


def test_a_wrong_key_is_an_authentication_error(
    fake: FakeOpenAI, client: OpenAI, statuses: Statuses
) -> None:
    with pytest.raises(openai.AuthenticationError) as caught:
        ask(client.with_options(api_key="tk_no"))
    assert (caught.value.code, statuses) == ("invalid_api_key", [401])
    assert caught.value.request_id.startswith("req_")
    with pytest.raises(openai.AuthenticationError):
        client.with_options(api_key="tk_no").models.list()
    assert fake.requests == []


def test_an_empty_balance_is_a_402_and_not_tried_again(
    gateway: Gateway, fake: FakeOpenAI, client: OpenAI, statuses: Statuses
) -> None:
    poor = gateway.caller("0.000001")
    for stream in (False, True):
        with pytest.raises(openai.APIStatusError) as caught:
            ask(client.with_options(api_key=poor.key), stream=stream)
        assert caught.value.status_code == 402
        assert caught.value.code == "insufficient_balance"
        assert caught.value.body["available"] == "0.000001"
        assert parse_nano(caught.value.body["needed"]) > 1000
        assert caught.value.response.headers["x-should-retry"] == "false"
    assert statuses == [402, 402]
    assert fake.requests == []
    assert gateway.available_nano(poor) == 1000


def test_a_disabled_account_is_denied_permission(
    gateway: Gateway, caller: Caller, client: OpenAI, statuses: Statuses
) -> None:
    gateway.storage.writer.wait(set_account_status, caller.account_id, "blocked")
    gateway.storage.directory.changed()
    with pytest.raises(openai.PermissionDeniedError) as caught:
        ask(client)
    assert (caught.value.code, statuses) == ("account_disabled", [403])


UNKNOWN: dict[str, Callable[[OpenAI], object]] = {
    "model_not_found": lambda client: ask(client, model="gpt-9"),
    "unknown_route": lambda client: client.embeddings.create(model="x", input="x"),
}


@pytest.mark.parametrize("code", UNKNOWN)
def test_what_does_not_exist_is_not_found(
    client: OpenAI, statuses: Statuses, code: str
) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        UNKNOWN[code](client)
    assert (caught.value.code, statuses) == (code, [404])


def test_an_unknown_models_page_is_not_found(client: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        client.models.retrieve("gpt-9")
    assert caught.value.code == "model_not_found"


def test_a_wrong_parameter_is_a_bad_request(
    client: OpenAI, statuses: Statuses
) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        ask(client, temperature=3)
    assert (caught.value.param, statuses) == ("temperature", [400])


def test_the_providers_judgement_keeps_its_words(
    fake: FakeOpenAI, client: OpenAI
) -> None:
    fake.script(Status(400, "No such thing.", code="odd", param="messages"))
    with pytest.raises(openai.BadRequestError, match="No such thing") as caught:
        ask(client)
    assert (caught.value.code, caught.value.param) == ("odd", "messages")


def test_a_provider_that_fails_is_an_internal_server_error(
    fake: FakeOpenAI, client: OpenAI
) -> None:
    fake.script(Status(500))
    with pytest.raises(openai.InternalServerError) as caught:
        ask(client.with_options(max_retries=0))
    assert caught.value.status_code == 502


@pytest.mark.parametrize("end", [End.FIN, End.RST])
def test_a_stream_that_breaks_raises(
    fake: FakeOpenAI, client: OpenAI, statuses: Statuses, end: End
) -> None:
    gate = Gate()
    fake.script(Answer(edits=[after(3, gate, end)]))
    stream = ask(client, stream=True)
    # Only what was read before a reset is sure to have arrived.
    chunks = [next(stream) for _ in range(3)]
    gate.open()
    with pytest.raises(openai.APIError) as caught:
        list(stream)
    assert text_of(chunks) == "You said: "
    assert caught.value.code == "upstream_error"
    assert statuses == [200]


def test_a_busy_provider_is_asked_again_when_it_said(
    gateway: Gateway,
    fake: FakeOpenAI,
    caller: Caller,
    client: OpenAI,
    statuses: Statuses,
) -> None:
    fake.script(Status(429, headers={"Retry-After": "1"}))
    before = time.monotonic()
    answer = ask(client)
    # Left alone the SDK would have come back within half a second.
    assert time.monotonic() - before >= 1
    assert statuses == [429, 200]
    paid = [charge.paid_nano for charge in gateway.charges(caller)]
    assert len(paid) == 2 and paid[0] == 0
    assert answer.usage.cost == json.loads(dollars(paid[1]))


def test_a_key_over_its_limit_comes_back_when_told(
    start, fake: FakeOpenAI
) -> None:
    """One at a time is allowed: the first one ends when the second is told to wait."""
    gateway = start(change=with_limits(concurrency=1))
    caller = gateway.caller()
    gate, statuses, heard = Gate(), [], []
    fake.script(Answer(edits=[after(2, gate)]))

    def make_room(reply: Any) -> None:
        statuses.append(reply.status_code)
        if reply.status_code == 429:
            assert reply.headers["retry-after"] == "1"
            gate.open()
            heard.extend(running)

    with (
        OpenAI(
            base_url=gateway.api, api_key=caller.key, http_client=watched()
        ) as first,
        OpenAI(
            base_url=gateway.api, api_key=caller.key, http_client=watched(make_room)
        ) as second,
    ):
        running = ask(first, stream=True)
        assert next(running).choices
        before = time.monotonic()
        answer = ask(second)
    assert time.monotonic() - before >= 1
    assert statuses == [429, 200]
    assert answer.choices[0].message.content == ECHO
    assert text_of(heard) == ECHO
    assert len(gateway.charges(caller)) == 2


def test_a_key_over_its_limit_is_a_rate_limit_error(start) -> None:
    gateway = start(change=with_limits(rpm=1))
    caller = gateway.caller()
    with OpenAI(
        base_url=gateway.api,
        api_key=caller.key,
        http_client=watched(),
        max_retries=0,
    ) as client:
        ask(client)
        with pytest.raises(openai.RateLimitError) as caught:
            ask(client)
    assert caught.value.code == "rate_limit_exceeded"
    assert caught.value.body["limit"] == "rpm"
    assert 1 <= int(caught.value.response.headers["retry-after"]) <= 60
    assert len(gateway.charges(caller)) == 1
