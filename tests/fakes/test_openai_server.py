"""The fake OpenAI, judged by OpenAI's own SDK and by raw sockets."""

import base64
import json
import socket
from collections.abc import AsyncIterator, Iterator

import openai
import pytest
from openai import AsyncOpenAI, OpenAI

from tests.fakes.openai_script import (
    COMMENT,
    MALFORMED,
    Answer,
    End,
    Endless,
    Gate,
    Images,
    Raw,
    Silence,
    Status,
    after,
    error,
    frame,
    in_pieces,
    with_line_ends,
)
from tests.fakes.openai_server import FakeOpenAI
from tests.fakes.png import comment

WAIT_SECONDS = 10
HELLO = [{"role": "user", "content": "你好 there"}]
ECHO = "You said: 你好 there"
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
            "required": ["city"],
        },
    },
}
PIXEL = "data:image/png;base64,iVBORw0KGgo="


@pytest.fixture
def fake(fake_openai: FakeOpenAI) -> FakeOpenAI:
    return fake_openai


@pytest.fixture
def client(fake: FakeOpenAI) -> Iterator[OpenAI]:
    with OpenAI(base_url=fake.base_url, api_key="sk-fake", max_retries=0) as client:
        yield client


@pytest.fixture
async def later(fake: FakeOpenAI) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(
        base_url=fake.base_url, api_key="sk-fake", max_retries=0
    ) as client:
        yield client


def ask(client: OpenAI, **parameters):
    return client.chat.completions.create(
        **{"model": "gpt-4o", "messages": HELLO, **parameters}
    )


def said(stream) -> str:
    return "".join(
        chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices
    )


def dial(fake: FakeOpenAI, **parameters) -> socket.socket:
    """A request over a bare socket, for what no client library would show."""
    body = json.dumps({"model": "gpt-4o", "messages": HELLO, **parameters}).encode()
    raw = socket.create_connection(("127.0.0.1", fake.port), WAIT_SECONDS)
    raw.sendall(
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: fake\r\n"
        b"Authorization: Bearer sk-fake\r\nContent-Length: %d\r\n\r\n%b"
        % (len(body), body)
    )
    return raw


def read_until(raw: socket.socket, end: bytes) -> bytes:
    seen = b""
    while end not in seen:
        piece = raw.recv(65536)
        assert piece, f"closed after {seen!r}"
        seen += piece
    return seen


# What an honest server does.


def test_an_answer_satisfies_the_sdk(fake: FakeOpenAI, client: OpenAI) -> None:
    raw = client.chat.completions.with_raw_response.create(
        model="gpt-4o", messages=HELLO
    )
    answer = raw.parse()
    assert answer.choices[0].message.content == ECHO
    assert answer.choices[0].finish_reason == "stop"
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (6, 5)
    assert raw.headers["x-request-id"] == "req_fake1"
    (received,) = fake.requests
    assert received.json == {"model": "gpt-4o", "messages": HELLO}
    assert received.headers["authorization"] == "Bearer sk-fake"
    assert received.finished.wait(WAIT_SECONDS)


async def test_the_async_client_is_served_too(later: AsyncOpenAI) -> None:
    answer = await later.chat.completions.create(model="gpt-4o", messages=HELLO)
    assert answer.choices[0].message.content == ECHO
    stream = await later.chat.completions.create(
        model="gpt-4o", messages=HELLO, stream=True
    )
    chunks = [chunk async for chunk in stream]
    assert said(chunks) == ECHO


def test_a_stream_carries_no_usage_unless_asked(client: OpenAI) -> None:
    chunks = list(ask(client, stream=True))
    assert said(chunks) == ECHO
    assert {chunk.usage for chunk in chunks} == {None}
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert len({(chunk.id, chunk.created, chunk.model) for chunk in chunks}) == 1


def test_a_stream_ends_with_usage_if_asked(client: OpenAI) -> None:
    *chunks, last = ask(client, stream=True, stream_options={"include_usage": True})
    assert said(chunks) == ECHO
    assert last.choices == []
    assert last.usage.total_tokens == 11
    assert last.usage.prompt_tokens_details.cached_tokens == 0


@pytest.mark.parametrize("stream", [False, True])
def test_tools_are_called_when_the_prompt_names_them(
    client: OpenAI, stream: bool
) -> None:
    asked = [{"role": "user", "content": "please get_weather for Paris"}]
    if stream:
        with client.chat.completions.stream(
            model="gpt-4o", messages=asked, tools=[WEATHER]
        ) as events:
            choice = events.get_final_completion().choices[0]
    else:
        choice = ask(client, messages=asked, tools=[WEATHER]).choices[0]
    (call,) = choice.message.tool_calls
    assert choice.finish_reason == "tool_calls"
    assert choice.message.content is None
    assert call.function.name == "get_weather"
    assert json.loads(call.function.arguments) == {"city": "text", "days": 7}


@pytest.mark.parametrize("stream", [False, True])
def test_every_choice_is_counted(client: OpenAI, stream: bool) -> None:
    if stream:
        options = {"include_usage": True}
        *chunks, last = ask(client, n=3, stream=True, stream_options=options)
        seen = {chunk.choices[0].index for chunk in chunks}
        usage = last.usage
    else:
        answer = ask(client, n=3)
        seen = {choice.index for choice in answer.choices}
        usage = answer.usage
    assert (seen, usage.completion_tokens) == ({0, 1, 2}, 15)


def test_logprobs_come_when_asked(client: OpenAI) -> None:
    (choice,) = ask(client, logprobs=True, top_logprobs=2).choices
    assert "".join(one.token for one in choice.logprobs.content) == ECHO
    assert len(choice.logprobs.content[0].top_logprobs) == 2
    assert ask(client).choices[0].logprobs is None


def test_images_are_taken_and_counted(client: OpenAI) -> None:
    part = {"type": "image_url", "image_url": {"url": PIXEL}}
    text = {"type": "text", "text": "what"}
    answer = ask(client, messages=[{"role": "user", "content": [text, part]}])
    assert answer.choices[0].message.content == "You said: what"
    assert answer.usage.prompt_tokens == 1 + 3 + 85


def test_models_are_listed(client: OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["gpt-4o", "gpt-4o-mini"]
    assert client.models.retrieve("gpt-4o").owned_by == "system"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("gpt-2")


def test_a_wrong_key_is_refused_before_the_script(fake: FakeOpenAI) -> None:
    fake.script(Answer("secret"))
    with OpenAI(base_url=fake.base_url, api_key="sk-wrong", max_retries=0) as client:
        with pytest.raises(openai.AuthenticationError) as caught:
            ask(client)
    assert caught.value.code == "invalid_api_key"
    assert fake.requests == []


@pytest.mark.parametrize(
    ("parameters", "param"),
    [
        ({"temperature": 3}, "temperature"),
        ({"n": 0}, "n"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role"),
        ({"extra_body": {"frobnicate": 1}}, "frobnicate"),
        ({"stream_options": {"include_usage": True}}, "stream_options"),
    ],
)
def test_wrong_parameters_are_named(
    client: OpenAI, parameters: dict, param: str
) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        ask(client, **parameters)
    assert caught.value.param == param


def test_an_unknown_route_is_404(client: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        client.embeddings.create(model="gpt-4o", input="x")
    assert caught.value.code == "unknown_url"


# What it does when told.


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 422, 429, 500, 503])
def test_every_status_has_an_openai_body(
    fake: FakeOpenAI, client: OpenAI, status: int
) -> None:
    fake.script(Status(status, headers={"Retry-After": "7"}))
    with pytest.raises(openai.APIStatusError) as caught:
        ask(client)
    assert caught.value.status_code == status
    assert caught.value.type
    assert caught.value.response.headers["retry-after"] == "7"
    assert ask(client).choices[0].message.content == ECHO


def test_a_script_is_a_queue_and_may_be_a_function(
    fake: FakeOpenAI, client: OpenAI
) -> None:
    fake.script(Answer("first"), lambda received: Answer(received.json["model"]))
    fake.always(Answer("always"))
    heard = [ask(client).choices[0].message.content for _ in range(4)]
    assert heard == ["first", "gpt-4o", "always", "always"]


def test_garbage_with_200_is_garbage(fake: FakeOpenAI, client: OpenAI) -> None:
    fake.script(Raw(b"<html>oops</html>", content_type="text/html"))
    assert ask(client) == "<html>oops</html>"
    fake.script(Raw(b"data: \xff\xfe\n\n", content_type="text/event-stream"))
    with pytest.raises(UnicodeDecodeError):
        list(ask(client, stream=True))


def test_usage_may_be_missing_or_another(fake: FakeOpenAI, client: OpenAI) -> None:
    fake.script(
        Answer(report_usage=False),
        Answer(usage={"prompt_tokens": -1, "completion_tokens": 2, "total_tokens": 1}),
        Answer(cached_tokens=4),
    )
    assert ask(client).usage is None
    assert ask(client).usage.prompt_tokens == -1
    assert ask(client).usage.prompt_tokens_details.cached_tokens == 4


def test_ten_thousand_chunks(fake: FakeOpenAI, client: OpenAI) -> None:
    fake.script(Answer(pieces=["x"] * 10_000))
    assert said(ask(client, stream=True)) == "x" * 10_000


@pytest.mark.parametrize(
    "edit", [in_pieces(1), after(2, COMMENT), with_line_ends(b"\r\n")]
)
def test_harmless_edits_harm_nothing(fake: FakeOpenAI, client: OpenAI, edit) -> None:
    fake.script(Answer(edits=[edit]))
    assert said(ask(client, stream=True)) == ECHO


def test_a_gate_holds_the_stream_until_it_is_opened(
    fake: FakeOpenAI, client: OpenAI
) -> None:
    gate = Gate()
    fake.script(Answer("one two", edits=[after(2, gate)]))
    stream = ask(client, stream=True)
    first = [next(stream), next(stream)]
    assert said(first) == "one "
    assert gate.reached.wait(WAIT_SECONDS)
    assert not fake.requests[0].finished.is_set()
    gate.open()
    assert said(stream) == "two"
    assert fake.requests[0].finished.wait(WAIT_SECONDS)


def test_an_error_frame_in_the_stream_is_raised(
    fake: FakeOpenAI, client: OpenAI
) -> None:
    broken = frame(error("It broke.", code="oops"))
    fake.script(Answer(edits=[after(2, broken, End.FIN)]))
    with pytest.raises(openai.APIError, match="It broke") as caught:
        list(ask(client, stream=True))
    assert caught.value.code == "oops"


def test_a_malformed_event_breaks_the_sdk(fake: FakeOpenAI, client: OpenAI) -> None:
    fake.script(Answer(edits=[after(2, MALFORMED)]))
    with pytest.raises(json.JSONDecodeError):
        list(ask(client, stream=True))


def test_a_stream_may_end_without_done(fake: FakeOpenAI) -> None:
    fake.script(Answer("one", done=False))
    with dial(fake, stream=True) as raw:
        seen = read_until(raw, b"\r\n0\r\n\r\n")
    assert b'"finish_reason":"stop"' in seen
    assert b"[DONE]" not in seen


@pytest.mark.parametrize("stream", [False, True])
def test_a_connection_closed_in_the_middle(fake: FakeOpenAI, stream: bool) -> None:
    fake.script(Answer(edits=[after(1, End.FIN)]))
    with dial(fake, stream=stream) as raw:
        seen = read_until(raw, b'"object"')
        while piece := raw.recv(65536):
            seen += piece
    assert b"0\r\n\r\n" not in seen


@pytest.mark.parametrize("stream", [False, True])
def test_a_connection_reset_in_the_middle(fake: FakeOpenAI, stream: bool) -> None:
    gate = Gate()
    fake.script(Answer(edits=[after(1, gate, End.RST)]))
    with dial(fake, stream=stream) as raw:
        read_until(raw, b'"object"')
        gate.open()
        with pytest.raises(ConnectionResetError):
            while raw.recv(65536):
                pass


def test_a_connection_that_dies_before_the_status(fake: FakeOpenAI) -> None:
    fake.script(Silence(End.FIN), Silence(End.RST))
    with dial(fake) as raw:
        assert raw.recv(65536) == b""
    with dial(fake) as raw, pytest.raises(ConnectionResetError):
        raw.recv(65536)


def test_silence_is_noticed_only_by_leaving(fake: FakeOpenAI) -> None:
    fake.script(Silence())
    with dial(fake):
        (received,) = fake.wait_for(1)
        assert not received.disconnected.is_set()
    assert received.disconnected.wait(WAIT_SECONDS)
    assert not received.finished.is_set()


def test_headers_and_then_silence(fake: FakeOpenAI) -> None:
    fake.script(Answer(edits=[after(0, End.SILENCE)]))
    with dial(fake, stream=True) as raw:
        head = read_until(raw, b"\r\n\r\n")
        (received,) = fake.requests
    assert head.startswith(b"HTTP/1.1 200") and head.endswith(b"\r\n\r\n")
    assert received.disconnected.wait(WAIT_SECONDS)


def test_a_client_that_leaves_a_stream_is_seen(
    fake: FakeOpenAI, client: OpenAI
) -> None:
    gate = Gate()
    fake.script(Answer("one two", edits=[after(2, gate)]))
    stream = ask(client, stream=True)
    next(stream)
    stream.close()
    assert fake.requests[0].disconnected.wait(WAIT_SECONDS)


def test_a_reader_that_stops_blocks_the_writer(fake: FakeOpenAI) -> None:
    fake.script(Endless(frame({"choices": [], "padding": "x" * 60_000})))
    with dial(fake, stream=True) as raw:
        (received,) = fake.wait_for(1)
        assert received.blocked.wait(WAIT_SECONDS)
        stopped_at = received.sent_bytes
        assert stopped_at < 16 * 2**20
        received.blocked.clear()
        while received.sent_bytes == stopped_at:
            assert raw.recv(2**20)
    assert received.disconnected.wait(WAIT_SECONDS)


def test_connections_are_counted(fake: FakeOpenAI, client: OpenAI) -> None:
    for _ in range(3):
        ask(client)
    assert (len(fake.requests), fake.connections) == (3, 1)


def test_it_closes_with_answers_outstanding() -> None:
    with FakeOpenAI() as fake:
        fake.always(Silence())
        sockets = [dial(fake) for _ in range(5)]
        fake.wait_for(5)
    for raw in sockets:
        with raw:
            assert raw.recv(1) == b""


def test_images_come_as_the_sdk_expects_them(client, fake) -> None:
    made = client.images.generate(
        model="gpt-image-2.5-flare",
        prompt="cat",
        n=2,
        size="1792x1024",
        quality="high",
    )
    found = [base64.b64decode(one.b64_json) for one in made.data]
    assert [comment(data) for data in found] == ["cat 1.0", "cat 1.1"]
    assert made.usage.total_tokens > 0


@pytest.mark.parametrize("fields", [{"response_format": "url"}, {"style": "vivid"}])
def test_the_images_of_today_take_no_fields_of_dall_e(client, fields) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.images.generate(model="gpt-image-2.5-flare", prompt="cat", **fields)
    assert caught.value.code == "unknown_parameter"


def test_fewer_images_come_where_a_script_says_so(client, fake) -> None:
    fake.script(Images(count=1))
    assert len(client.images.generate(prompt="cat", n=3).data) == 1
