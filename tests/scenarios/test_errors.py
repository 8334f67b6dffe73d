"""Every way a request can end badly: what its caller reads, and that it costs nothing.

The rows of the tables are the promises. What is common to all of them is in `refused`:
a status, JSON in OpenAI's shape with all four keys, a request id, no charge.
"""

import socket
from collections.abc import Callable, Iterator
from dataclasses import replace

import apsw
import pytest

from config.money import dollars
from config.settings import Settings
from storage.accounts import set_account_status
from storage.keys import revoke_key
from tests.fakes.openai_script import (
    Answer,
    End,
    Gate,
    Raw,
    Silence,
    Status,
    after,
    error,
    frame,
)
from tests.fakes.openai_server import FakeOpenAI
from tests.scenarios.dial import CHAT, Dial, Reply, ask_body, chat, request
from tests.scenarios.harness import (
    Caller,
    Gateway,
    environ_of,
    with_clocks,
    with_limits,
    with_listen,
)

BODY_BYTES = 20 * 2**20
MODELS = "/api/v1/models"
EVENT_STREAM = "text/event-stream"

Make = Callable[[str], bytes]


def refused(reply: Reply, status: int, code: str | None, param=None) -> dict:
    """The error of a reply that is one, in the shape of all of them."""
    assert (reply.status, reply.error["code"]) == (status, code), reply.body
    assert reply.error["param"] == param
    assert reply.error.keys() >= {"message", "type", "param", "code"}
    assert reply.error["message"] and reply.error["type"]
    assert reply.headers["content-type"] == "application/json; charset=utf-8"
    assert reply.headers["x-request-id"].startswith("req_")
    return reply.error


def nothing_charged(gateway: Gateway, caller: Caller) -> None:
    gateway.settled()
    assert gateway.available_nano(caller) == 10 * 10**9
    charges = [one.cost_nano for one in gateway.charges(caller)]
    assert charges == [0] * len(charges)


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def posted(body: bytes) -> Make:
    return lambda key: request("POST", CHAT, body, bearer(key))


def asked(**parameters) -> Make:
    return lambda key: chat(key, **parameters)


def called(method: str, target: str) -> Make:
    return lambda key: request(method, target, headers=bearer(key))


# What the gateway refuses by itself: the provider never hears of it.

NO_KEY = 401, "invalid_api_key", None
ROUTE = 404, "unknown_route", None
METHOD = 405, "method_not_allowed", None
JSON = 400, "invalid_json", None
UNSERVED = 503, "model_unavailable", None
MODEL = 404, "model_not_found", "model"


def missing(param: str) -> tuple[int, str, str]:
    return 400, "missing_required_parameter", param


def mistyped(param: str) -> tuple[int, str, str]:
    return 400, "invalid_type", param


def wrong(param: str) -> tuple[int, str, str]:
    return 400, "invalid_value", param


def presented(**headers: str) -> Make:
    """A good request under another proof than a bearer's key."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda key: request(
        "POST", CHAT, ask_body(), {k: v.format(key=key) for k, v in named.items()}
    )


REFUSED: dict[str, tuple[Make, tuple[int, str, str | None]]] = {
    "no key": (presented(), NO_KEY),
    "an unknown key": (presented(Authorization="Bearer tk_no"), NO_KEY),
    "an empty key": (presented(X_API_Key=""), NO_KEY),
    "a key of another scheme": (presented(Authorization="Basic {key}"), NO_KEY),
    "two different keys": (
        presented(Authorization="Bearer {key}", X_API_Key="tk_no"),
        NO_KEY,
    ),
    "an endless key": (presented(X_API_Key="tk_" + "x" * 9000), NO_KEY),
    "models without a key": (lambda key: request("GET", MODELS), NO_KEY),
    "an unknown model": (asked(model="gpt-9"), MODEL),
    "an unknown model's page": (called("GET", f"{MODELS}/gpt-9"), MODEL),
    "an unknown route": (called("GET", "/api/v1/nothing"), ROUTE),
    "the root of the API": (called("GET", "/api/v1"), ROUTE),
    "a route below chat": (called("POST", f"{CHAT}/x"), ROUTE),
    "GET chat": (called("GET", CHAT), METHOD),
    "DELETE models": (called("DELETE", MODELS), METHOD),
    "no body": (posted(b""), JSON),
    "half a body": (posted(ask_body()[:-5]), JSON),
    "a body that is a list": (posted(b"[]"), JSON),
    "a body that is no UTF-8": (posted(b'{"model":"\xff"}'), JSON),
    "a body that is a form": (posted(b"model=gpt-4o"), JSON),
    "a body that is deep": (posted(b"[" * 100_000), JSON),
    "no model": (posted(b'{"messages":[]}'), missing("model")),
    "no messages": (posted(b'{"model":"gpt-4o"}'), missing("messages")),
    "a model that is a number": (asked(model=4), mistyped("model")),
    "messages that are text": (asked(messages="hi"), mistyped("messages")),
    "an empty list of messages": (asked(messages=[]), wrong("messages")),
    "an unknown role": (
        asked(messages=[{"role": "robot", "content": "x"}]),
        wrong("messages[0].role"),
    ),
    "temperature 3": (asked(temperature=3), wrong("temperature")),
    "temperature below 0": (asked(temperature=-1), wrong("temperature")),
    "temperature as text": (asked(temperature="1"), mistyped("temperature")),
    "max_tokens 0": (asked(max_tokens=0), wrong("max_tokens")),
    "max_tokens as text": (asked(max_tokens="9"), mistyped("max_tokens")),
    "max_tokens as truth": (asked(max_tokens=True), mistyped("max_tokens")),
    "more than the model has": (asked(max_tokens=16_385), wrong("max_tokens")),
    "n 129": (asked(n=129), wrong("n")),
    "stream as text": (asked(stream="yes"), mistyped("stream")),
    "a model without a provider": (asked(model="claude-3.5-sonnet"), UNSERVED),
    "a model whose credential is not set": (asked(model="qwen-plus"), UNSERVED),
    "a body too large, announced": (
        lambda key: request(
            "POST", CHAT, headers={**bearer(key), "Content-Length": str(BODY_BYTES + 1)}
        ),
        (413, "body_too_large", None),
    ),
    "a compressed body": (
        lambda key: request(
            "POST", CHAT, b"\x1f\x8b", {**bearer(key), "Content-Encoding": "gzip"}
        ),
        (400, "invalid_request", None),
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_before_anybody_is_asked(
    gateway: Gateway, fake: FakeOpenAI, caller: Caller, name: str
) -> None:
    make, expected = REFUSED[name]
    with Dial(gateway.port) as dial:
        reply = dial.ask(make(caller.key))
    refused(reply, *expected)
    assert caller.key not in reply.body.decode()
    assert fake.requests == []
    nothing_charged(gateway, caller)
    assert gateway.charges(caller) == []


def test_a_wrong_method_names_the_right_ones(gateway: Gateway) -> None:
    with Dial(gateway.port) as dial:
        assert dial.ask(request("GET", CHAT)).headers["allow"] == "POST"


def test_both_spellings_of_the_api_refuse_alike(
    gateway: Gateway, caller: Caller
) -> None:
    with Dial(gateway.port) as dial:
        for target in ("/v1/nothing", "/v1/models/gpt-9", "/v1/chat/completions/x"):
            reply = dial.ask(request("GET", target, headers=bearer(caller.key)))
            assert reply.status == 404
            assert reply.error["code"]


# Keys and accounts.


def test_a_revoked_key_is_unknown_at_once(
    gateway: Gateway, fake: FakeOpenAI, caller: Caller
) -> None:
    with Dial(gateway.port) as dial:
        assert dial.ask(called("GET", MODELS)(caller.key)).status == 200
        (key,) = gateway.storage.reader.keys(caller.account_id)
        gateway.storage.writer.wait(revoke_key, key.id)
        refused(dial.ask(chat(caller.key)), 401, "invalid_api_key")
    assert fake.requests == []
    nothing_charged(gateway, caller)


def test_a_disabled_account_is_told_so(
    gateway: Gateway, fake: FakeOpenAI, caller: Caller
) -> None:
    with Dial(gateway.port) as dial:
        assert dial.ask(called("GET", MODELS)(caller.key)).status == 200
        gateway.storage.writer.wait(set_account_status, caller.account_id, "blocked")
        refused(dial.ask(chat(caller.key)), 403, "account_disabled")
    gateway.storage.writer.wait(set_account_status, caller.account_id, "open")
    with Dial(gateway.port) as dial:
        assert dial.ask(chat(caller.key)).status == 200
    assert len(fake.requests) == 1


@pytest.mark.parametrize("balance", ["0", "0.000000001", "0.001"])
@pytest.mark.parametrize("stream", [False, True])
def test_an_empty_balance_says_what_is_missing(
    gateway: Gateway, fake: FakeOpenAI, balance: str, stream: bool
) -> None:
    caller = gateway.caller(balance)
    with Dial(gateway.port) as dial:
        reply = dial.ask(chat(caller.key, stream=stream))
    said = refused(reply, 402, "insufficient_balance")
    assert said["type"] == "insufficient_quota"
    assert said["available"] == {"0": "0.00"}.get(balance, balance)
    # 16,384 tokens at $10 a million, and the input's bound at $2.50.
    assert "0.16384" < said["needed"] < "0.165"
    assert reply.headers["x-should-retry"] == "false"
    assert fake.requests == []
    assert gateway.charges(caller) == []


def test_a_small_balance_lowers_the_limit_and_says_so(
    gateway: Gateway, fake: FakeOpenAI
) -> None:
    caller = gateway.caller("0.005")
    with Dial(gateway.port) as dial:
        reply = dial.ask(chat(caller.key))
    assert reply.status == 200
    lowered = int(reply.headers["x-autolist-max-tokens"])
    assert 256 <= lowered < 500
    assert fake.requests[0].json["max_completion_tokens"] == lowered


# Limits of the key.


def test_over_the_limit_of_requests_says_when_to_come_back(
    start, fake: FakeOpenAI
) -> None:
    gateway = start(change=with_limits(rpm=2))
    caller = gateway.caller()
    with Dial(gateway.port) as dial:
        assert [dial.ask(chat(caller.key)).status for _ in range(2)] == [200, 200]
        reply = dial.ask(chat(caller.key))
        said = refused(reply, 429, "rate_limit_exceeded")
        assert said["limit"] == "rpm"
        assert 1 <= int(reply.headers["retry-after"]) <= 60
        other = gateway.caller()
        assert dial.ask(chat(other.key)).status == 200
    assert len(fake.requests) == 3
    assert len(gateway.charges(caller)) == 2


def test_over_the_limit_of_tokens_is_told_too(start, fake: FakeOpenAI) -> None:
    gateway = start(change=with_limits(tpm=150))
    caller = gateway.caller()
    with Dial(gateway.port) as dial:
        assert dial.ask(chat(caller.key, max_tokens=100)).status == 200
        reply = dial.ask(chat(caller.key, max_tokens=100))
    assert refused(reply, 429, "rate_limit_exceeded")["limit"] == "tpm"
    assert 1 <= int(reply.headers["retry-after"]) <= 60
    assert len(fake.requests) == 1


def test_what_no_minute_has_room_for_is_not_told_to_come_back(
    start, fake: FakeOpenAI
) -> None:
    gateway = start(change=with_limits(tpm=100))
    caller = gateway.caller()
    with Dial(gateway.port) as dial:
        reply = dial.ask(chat(caller.key, max_tokens=100))
    said = refused(reply, 413, "tokens_over_limit")
    assert (said["limit"], said["available"]) == ("tpm", "100")
    assert reply.headers["x-should-retry"] == "false"
    assert "retry-after" not in reply.headers
    assert fake.requests == []
    nothing_charged(gateway, caller)


def test_a_small_minute_lowers_the_limit_and_says_so(start, fake: FakeOpenAI) -> None:
    gateway = start(change=with_limits(tpm=500))
    caller = gateway.caller()
    with Dial(gateway.port) as dial:
        reply = dial.ask(chat(caller.key))
    assert reply.status == 200
    lowered = int(reply.headers["x-autolist-max-tokens"])
    assert 256 <= lowered < 500
    assert fake.requests[0].json["max_completion_tokens"] == lowered


def test_one_at_a_time_means_one_at_a_time(start, fake: FakeOpenAI) -> None:
    gateway = start(change=with_limits(concurrency=1))
    caller = gateway.caller()
    gate = Gate()
    fake.script(Answer(edits=[after(0, gate)]))
    with Dial(gateway.port) as first, Dial(gateway.port) as second:
        first.send(chat(caller.key))
        fake.wait_for(1)
        said = refused(second.ask(chat(caller.key)), 429, "rate_limit_exceeded")
        assert said["limit"] == "concurrency"
        gate.open()
        assert first.reply().status == 200
        assert second.ask(chat(caller.key)).status == 200


def test_a_full_gateway_turns_requests_away(start, fake: FakeOpenAI) -> None:
    gateway = start(change=with_listen(inflight_max=1))
    caller = gateway.caller()
    gate = Gate()
    fake.script(Answer(edits=[after(0, gate)]))
    with Dial(gateway.port) as first, Dial(gateway.port) as second:
        first.send(chat(caller.key))
        fake.wait_for(1)
        reply = second.ask(chat(caller.key))
        refused(reply, 503, "overloaded")
        assert reply.headers["retry-after"] == "1"
        with Dial(gateway.port) as third:
            health = third.ask(request("GET", "/healthz"))
        assert (health.status, health.json) == (200, {"status": "ok"})
        gate.open()
        assert first.reply().status == 200


def test_one_connection_too_many_is_told_so(start) -> None:
    gateway = start(change=with_listen(connections_max=1))
    with Dial(gateway.port) as first, Dial(gateway.port) as second:
        assert first.ask(request("GET", "/healthz")).status == 200
        refused(second.reply(), 503, "overloaded")
        assert second.rest() == b""


# What the provider does wrong.

LEAK = "sk-proj-4fG7hJ9kL2mN", "https://api.openai.com/v1", "org-aB3dE5fG7hJ9kL"
GARBAGE = Raw(b"<html>oops</html>", content_type="text/html")
REFUSAL = Status(400, "Your picture is too large.", param="messages", code="too_large")

FAILED = {
    "401": (Status(401), 502, "upstream_auth", None),
    "402": (Status(402), 502, "upstream_billing", None),
    "403": (Status(403), 502, "upstream_auth", None),
    "404": (Status(404), 502, "upstream_model_unavailable", None),
    "429": (Status(429), 429, "rate_limit_exceeded", None),
    "500": (Status(500), 502, "upstream_error", None),
    "503": (Status(503), 502, "upstream_overloaded", None),
    "400, the caller's fault": (REFUSAL, 400, "too_large", "messages"),
    "no quota left with our account": (
        Status(429, code="insufficient_quota", type="insufficient_quota"),
        502,
        "upstream_billing",
        None,
    ),
    "500 in HTML": (Raw(b"<html>", 500), 502, "upstream_error", None),
    "a redirect": (
        Raw(b"", 302, headers={"Location": "http://127.0.0.1:1/"}),
        502,
        "upstream_error",
        None,
    ),
    "200 with garbage": (GARBAGE, 502, "upstream_error", None),
    "200 with nothing": (Raw(b""), 502, "upstream_error", None),
    "200 with an error": (
        Raw(frame(error("Broken."))[6:], content_type="application/json"),
        502,
        "upstream_error",
        None,
    ),
    "a connection closed without an answer": (
        Silence(End.FIN),
        502,
        "upstream_error",
        None,
    ),
    "a connection reset without an answer": (
        Silence(End.RST),
        502,
        "upstream_error",
        None,
    ),
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", FAILED)
def test_a_failure_of_the_provider_costs_nothing(
    gateway: Gateway, fake: FakeOpenAI, caller: Caller, name: str, stream: bool
) -> None:
    behaviour, status, code, param = FAILED[name]
    fake.always(behaviour)
    with Dial(gateway.port) as dial:
        reply = dial.ask(chat(caller.key, stream=stream))
        refused(reply, status, code, param)
        fake.always(Answer())
        assert dial.ask(chat(caller.key, max_tokens=1)).status == 200
    first, second = gateway.charges(caller)
    assert (first.cost_nano, first.record.evidence) == (0, "none")
    assert second.paid_nano > 0
    assert first.record.status == status


def test_the_providers_judgement_reaches_the_caller_in_its_own_words(
    gateway: Gateway, fake: FakeOpenAI, caller: Caller
) -> None:
    fake.always(REFUSAL)
    with Dial(gateway.port) as dial:
        reply = dial.ask(chat(caller.key))
    assert reply.error["message"] == "Your picture is too large."
    nothing_charged(gateway, caller)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500])
def test_nobody_learns_our_secrets_from_an_error(
    gateway: Gateway, fake: FakeOpenAI, caller: Caller, status: int
) -> None:
    fake.always(Status(status, f"Bad: {', '.join(LEAK)}."))
    with Dial(gateway.port) as dial:
        reply = dial.ask(chat(caller.key))
    for secret in *LEAK, "api.openai.com", fake.base_url:
        assert secret not in reply.body.decode()


def test_the_providers_wait_is_passed_on(
    gateway: Gateway, fake: FakeOpenAI, caller: Caller
) -> None:
    fake.always(Status(429, headers={"Retry-After": "7"}))
    with Dial(gateway.port) as dial:
        reply = dial.ask(chat(caller.key))
    assert reply.headers["retry-after"] == "7"
    nothing_charged(gateway, caller)


@pytest.mark.parametrize(
    "body",
    [
        b"data: \xff\xfe\n\n",
        b"data: {\n\n" * 3,
        b"data: 7\n\n",
        b"\x00" * 4096,
        b": only a comment\n\n",
        b"data: [DONE]\n\n",
        frame(error("It broke.")),
    ],
)
def test_a_stream_of_garbage_is_a_failure(
    gateway: Gateway, fake: FakeOpenAI, caller: Caller, body: bytes
) -> None:
    fake.always(Raw(body, content_type=EVENT_STREAM))
    with Dial(gateway.port) as dial:
        refused(dial.ask(chat(caller.key, stream=True)), 502, "upstream_error")
    nothing_charged(gateway, caller)


@pytest.mark.parametrize("end", [End.FIN, End.RST])
def test_half_an_answer_is_none(
    gateway: Gateway, fake: FakeOpenAI, caller: Caller, end: End
) -> None:
    fake.always(Answer(edits=[after(1, end)]))
    with Dial(gateway.port) as dial:
        refused(dial.ask(chat(caller.key)), 502, "upstream_error")
    nothing_charged(gateway, caller)


def test_an_answer_above_the_limit_is_none(start, fake: FakeOpenAI) -> None:
    def change(settings: Settings) -> Settings:
        openai = replace(settings.providers["openai"], response_bytes=1000)
        return replace(settings, providers={**settings.providers, "openai": openai})

    gateway = start(change=change)
    caller = gateway.caller()
    fake.always(Answer("x " * 1000))
    with Dial(gateway.port) as dial:
        refused(dial.ask(chat(caller.key)), 502, "upstream_error")
    nothing_charged(gateway, caller)


def test_a_provider_that_is_not_there(start, fake: FakeOpenAI) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    environ = {**environ_of(fake), "OPENAI_BASE_URL": f"http://127.0.0.1:{port}/v1"}
    gateway = start(environ=environ)
    caller = gateway.caller()
    with Dial(gateway.port) as dial:
        for stream in (False, True):
            reply = dial.ask(chat(caller.key, stream=stream))
            refused(reply, 502, "upstream_error")
            assert str(port) not in reply.body.decode()
    nothing_charged(gateway, caller)


# Clocks towards the provider.


@pytest.fixture(scope="module")
def impatient(
    provider: FakeOpenAI, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    change = with_clocks(first_byte_seconds=0.3, idle_seconds=0.3)
    data = tmp_path_factory.mktemp("impatient")
    with Gateway(data, environ_of(provider), change) as gateway:
        yield gateway


SILENT = {
    "no status": Silence(),
    "no body": Answer(edits=[after(0, End.SILENCE)]),
    "no content": Answer(edits=[after(1, End.SILENCE)]),
    "half an error": Raw(b'{"error":{}}', 500, edits=[after(1, End.SILENCE)]),
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", SILENT)
def test_a_silent_provider_is_given_up(
    impatient: Gateway, fake: FakeOpenAI, name: str, stream: bool
) -> None:
    caller = impatient.caller()
    fake.always(SILENT[name])
    with Dial(impatient.port) as dial:
        reply = dial.ask(chat(caller.key, stream=stream))
    refused(reply, 502, "upstream_timeout")
    nothing_charged(impatient, caller)
    (received,) = fake.requests
    assert received.disconnected.wait(10), "the provider was told that nobody listens"
    impatient.prove()


# Clients that do not speak well.


@pytest.fixture(scope="module")
def strict(
    provider: FakeOpenAI, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    change = with_listen(
        body_bytes=1000, header_seconds=0.2, body_seconds=0.2, idle_seconds=0.2
    )
    data = tmp_path_factory.mktemp("strict")
    with Gateway(data, environ_of(provider), change) as gateway:
        yield gateway


def test_a_slow_head_is_given_up(strict: Gateway) -> None:
    with Dial(strict.port) as dial:
        dial.send(b"POST /api/v1/chat/completions HTTP/1.1\r\nHost: ga")
        refused(dial.reply(), 408, "request_timeout")
        assert dial.rest() == b""


def test_a_slow_body_is_given_up(strict: Gateway, fake: FakeOpenAI) -> None:
    caller = strict.caller()
    with Dial(strict.port) as dial:
        dial.send(chat(caller.key)[:-5])
        refused(dial.reply(), 408, "request_timeout")
        assert dial.rest() == b""
    assert fake.requests == []
    nothing_charged(strict, caller)


def test_an_idle_connection_is_closed_without_a_word(strict: Gateway) -> None:
    with Dial(strict.port) as dial:
        assert dial.ask(request("GET", "/healthz")).status == 200
        assert dial.rest() == b""


def test_a_slow_provider_is_no_fault_of_the_client(
    strict: Gateway, fake: FakeOpenAI
) -> None:
    """The client's clocks stand still while it waits for its answer."""
    caller = strict.caller()
    gate = Gate()
    fake.always(Answer(edits=[after(0, gate)]))
    with Dial(strict.port) as dial, Dial(strict.port) as other:
        dial.send(chat(caller.key))
        fake.wait_for(1)
        # The other one's idle clock has run out twice over when it is closed.
        assert other.ask(request("GET", "/healthz")).status == 200
        assert other.rest() == b""
        gate.open()
        assert dial.reply().status == 200
    strict.prove()


CHUNKED = {"Transfer-Encoding": "chunked"}


@pytest.mark.parametrize("end", [b"0\r\n\r\n", b""])
def test_a_body_too_large_in_chunks(
    strict: Gateway, fake: FakeOpenAI, end: bytes
) -> None:
    caller = strict.caller()
    head = request("POST", CHAT, headers={**bearer(caller.key), **CHUNKED})
    chunks = b"1f4\r\n" + b"x" * 500 + b"\r\n" + b"1f5\r\n" + b"x" * 501 + b"\r\n"
    with Dial(strict.port) as dial:
        refused(dial.ask(head, chunks, end), 413, "body_too_large")
    assert fake.requests == []
    nothing_charged(strict, caller)


def test_a_body_as_large_as_allowed(strict: Gateway, fake: FakeOpenAI) -> None:
    caller = strict.caller()
    body = ask_body(max_tokens=1)
    with Dial(strict.port) as dial:
        head = {**bearer(caller.key), **CHUNKED}
        padded = body + b" " * (1000 - len(body))
        chunk = b"3e8\r\n" + padded + b"\r\n0\r\n\r\n"
        assert dial.ask(request("POST", CHAT, headers=head), chunk).status == 200
        over = request("POST", CHAT, padded + b" ", bearer(caller.key))
        refused(dial.ask(over), 413, "body_too_large")
    strict.prove()


@pytest.mark.parametrize("line", [b"X-Pad: " + b"x" * 8000 + b"\r\n", b"x" * 8192])
def test_30_megabytes_of_headers_are_refused_early(
    gateway: Gateway, line: bytes
) -> None:
    sent = 0
    with Dial(gateway.port) as dial:
        dial.send(b"POST /api/v1/chat/completions HTTP/1.1\r\nHost: gateway\r\nX: ")
        try:
            while sent < 30_000_000:
                dial.send(line)
                sent += len(line)
        except (BrokenPipeError, ConnectionResetError):
            assert sent < 15_000_000
        refused(dial.reply(), 431, "headers_too_large")
    assert sent < 30_000_000


def test_the_limit_of_headers_is_exact(gateway: Gateway, caller: Caller) -> None:
    limit = gateway.settings.listen.header_bytes
    plain = request("GET", "/healthz", headers={"X": ""})
    # The empty line that ends a head is not counted, nor are the line ends.
    room = limit - len(plain.replace(b"\r\n", b""))
    with Dial(gateway.port) as dial:
        fits = request("GET", "/healthz", headers={"X": "x" * room})
        assert dial.ask(fits).status == 200
        over = request("GET", "/healthz", headers={"X": "x" * (room + 1)})
        refused(dial.ask(over), 431, "headers_too_large")


INVALID = {
    "no HTTP at all": b"hello\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/9": b"GET /healthz HTTP/9.9\r\n\r\n",
    "a header without a colon": b"GET /healthz HTTP/1.1\r\nHost gateway\r\n\r\n",
    "a space before the colon": b"GET /healthz HTTP/1.1\r\nHost : x\r\n\r\n",
    "two lengths": (
        b"POST /api/v1/chat/completions HTTP/1.1\r\nHost: x\r\n"
        b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}"
    ),
    "a length and chunks": (
        b"POST /api/v1/chat/completions HTTP/1.1\r\nHost: x\r\n"
        b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    ),
    "a length that is none": (
        b"POST /api/v1/chat/completions HTTP/1.1\r\nHost: x\r\n"
        b"Content-Length: -1\r\n\r\n{}"
    ),
    "an encoding nobody knows": (
        b"POST /api/v1/chat/completions HTTP/1.1\r\nHost: x\r\n"
        b"Transfer-Encoding: gzip\r\n\r\n{}"
    ),
    "CONNECT": b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n",
}


@pytest.mark.parametrize("name", INVALID)
def test_what_is_no_valid_request_is_refused_in_json(
    gateway: Gateway, fake: FakeOpenAI, name: str
) -> None:
    with Dial(gateway.port) as dial:
        reply = dial.ask(INVALID[name])
    assert reply.status in (400, 404, 405)
    assert reply.headers["content-type"] == "application/json; charset=utf-8"
    assert reply.headers["x-request-id"]
    assert fake.requests == []


def test_broken_chunks_are_refused_in_json(gateway: Gateway, caller: Caller) -> None:
    head = request("POST", CHAT, headers={**bearer(caller.key), **CHUNKED})
    with Dial(gateway.port) as dial:
        refused(dial.ask(head, b"zz\r\n{}\r\n"), 400, "invalid_request")
    nothing_charged(gateway, caller)


def test_trailers_are_refused_in_json(gateway: Gateway, caller: Caller) -> None:
    head = request("POST", CHAT, headers={**bearer(caller.key), **CHUNKED})
    with Dial(gateway.port) as dial:
        reply = dial.ask(head, b"2\r\n{}\r\n0\r\nX-Trailer: 1\r\n\r\n")
        assert reply.status == 400
    nothing_charged(gateway, caller)


def test_an_absolute_target_is_ours_all_the_same(
    gateway: Gateway, fake: FakeOpenAI, caller: Caller
) -> None:
    """A proxy would go there; here the path is looked up and the host is nothing."""
    there = f"http://127.0.0.1:{fake.port}/v1"
    with Dial(gateway.port) as dial:
        reply = dial.ask(request("GET", f"{there}/nothing", headers={"Host": "x"}))
        refused(reply, 404, "unknown_route")
        key = {"Authorization": "Bearer sk-fake"}
        reply = dial.ask(
            request("POST", f"{there}/chat/completions", ask_body(), key)
        )
        refused(reply, 401, "invalid_api_key")
    assert fake.requests == []


# Clients that speak oddly but well.


def test_http_1_0_gets_its_answer_and_the_end_of_the_connection(
    gateway: Gateway, caller: Caller
) -> None:
    for stream in (False, True):
        asked = chat(caller.key, stream=stream).replace(b"HTTP/1.1", b"HTTP/1.0", 1)
        with Dial(gateway.port) as dial:
            reply = dial.ask(asked)
            assert reply.status == 200
            assert "transfer-encoding" not in reply.headers
            assert dial.rest() == b""
        if stream:
            assert reply.events[-1] == "[DONE]"
        else:
            assert reply.json["choices"]


def test_head_is_get_without_a_body(gateway: Gateway, caller: Caller) -> None:
    with Dial(gateway.port) as dial:
        for target in (MODELS, f"{MODELS}/gpt-4o", "/healthz", "/readyz"):
            head = request("HEAD", target, headers=bearer(caller.key))
            assert dial.ask(head, method="HEAD").status == 200
        head = request("HEAD", MODELS)
        assert dial.ask(head, method="HEAD").status == 401
        assert dial.ask(request("GET", "/healthz")).status == 200


def test_pipelined_requests_are_answered_in_their_order(
    gateway: Gateway, caller: Caller
) -> None:
    with Dial(gateway.port) as dial:
        dial.send(
            chat(caller.key, max_tokens=1)
            + request("GET", "/healthz")
            + chat(caller.key, model="gpt-9")
            + chat(caller.key, stream=True)
            + chat(caller.key, max_tokens=2)
        )
        first, health, unknown, stream, last = (dial.reply() for _ in range(5))
    assert first.json["usage"]["completion_tokens"] == 1
    assert health.json == {"status": "ok"}
    refused(unknown, 404, "model_not_found", "model")
    assert stream.events[-1] == "[DONE]"
    assert last.json["usage"]["completion_tokens"] == 2
    assert len(gateway.charges(caller)) == 3


def test_a_refusal_does_not_wait_for_the_body(gateway: Gateway) -> None:
    head = request(
        "POST", CHAT, headers={**bearer("tk_no"), "Content-Length": "10000000"}
    )
    with Dial(gateway.port) as dial:
        dial.send(head)
        refused(dial.reply(), 401, "invalid_api_key")


def test_a_refused_upload_still_gets_its_answer(gateway: Gateway) -> None:
    head = request(
        "POST", CHAT, headers={**bearer("tk_no"), "Content-Length": "10000000"}
    )
    with Dial(gateway.port) as dial:
        refused(dial.ask(head, b"x" * 10_000_000), 401, "invalid_api_key")


@pytest.mark.parametrize("balance", ["10.00", None])
def test_expect_is_answered_only_if_the_body_is_wanted(
    gateway: Gateway, balance: str | None
) -> None:
    key = gateway.caller().key if balance else "tk_no"
    body = ask_body(max_tokens=1)
    head = {**bearer(key), "Expect": "100-continue", "Content-Length": str(len(body))}
    with Dial(gateway.port) as dial:
        dial.send(request("POST", CHAT, headers=head))
        status, headers = dial.head()
        if balance is None:
            assert status == 401
            return
        assert (status, headers) == (100, {})
        assert dial.ask(body).status == 200


def test_a_preflight_needs_no_key(gateway: Gateway) -> None:
    with Dial(gateway.port) as dial:
        origin = {"Origin": "https://page.example"}
        reply = dial.ask(request("OPTIONS", CHAT, headers=origin))
    assert reply.status == 204
    assert reply.headers["access-control-allow-origin"] == "*"
    assert "POST" in reply.headers["access-control-allow-methods"]


@pytest.mark.parametrize("status", [401, 404])
def test_a_page_elsewhere_may_read_the_error(gateway: Gateway, status: int) -> None:
    target = CHAT if status == 401 else "/api/v1/nothing"
    with Dial(gateway.port) as dial:
        reply = dial.ask(request("POST", target))
    assert reply.status == status
    assert reply.headers["access-control-allow-origin"] == "*"


# The ledger itself.


def test_a_ledger_that_cannot_be_written_admits_nobody(
    start, fake: FakeOpenAI
) -> None:
    def change(settings: Settings) -> Settings:
        ledger = replace(settings.ledger, busy_seconds=0.1, recover_seconds=0.1)
        return replace(settings, ledger=ledger)

    gateway = start(change=change)
    caller = gateway.caller()
    locker = apsw.Connection(str(gateway.storage.engine.path))
    with Dial(gateway.port) as dial:
        locker.execute("BEGIN IMMEDIATE")
        reply = dial.ask(chat(caller.key))
        refused(reply, 503, "ledger_unavailable")
        assert reply.headers["retry-after"] == "1"
        assert fake.requests == []
        locker.execute("ROLLBACK")
        locker.close()
        assert dial.ask(chat(caller.key)).status == 200


def test_an_answer_is_not_lost_when_its_charge_must_wait(
    start, fake: FakeOpenAI
) -> None:
    def change(settings: Settings) -> Settings:
        ledger = replace(settings.ledger, busy_seconds=0.1, recover_seconds=0.1)
        return replace(settings, ledger=ledger)

    gateway = start(change=change)
    caller = gateway.caller()
    gate = Gate()
    fake.always(Answer(edits=[after(0, gate)]))
    locker = apsw.Connection(str(gateway.storage.engine.path))
    with Dial(gateway.port) as dial:
        dial.send(chat(caller.key))
        fake.wait_for(1)
        locker.execute("BEGIN IMMEDIATE")
        gate.open()
        reply = dial.reply()
        assert reply.status == 200
        assert len(gateway.storage.reader.open_holds()) == 1
        locker.execute("ROLLBACK")
        locker.close()
    # Stopping waits for what could not be written yet.
    gateway.stop()
    (charge,) = gateway.charges(caller)
    assert charge.paid_nano > 0
    assert f'"cost":{dollars(charge.paid_nano)}}}' in reply.body.decode()
