"""One model, two candidates, the first of which fails in every way there is.

The answer comes from the second, asked and understood in its own dialect, and is
charged once at the model's price, whichever of them gave it.
"""

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from config import Settings
from config.money import parse_nano
from config.prices import cost_nano
from config.settings import Candidate, Retries
from tests.fakes.anthropic_server import FakeAnthropic
from tests.fakes.compatible_server import DEEPSEEK, QWEN, FakeCompatible
from tests.fakes.openai_script import (
    DONE,
    MALFORMED,
    Answer,
    Behaviour,
    Raw,
    Silence,
    Status,
    frame,
)
from tests.fakes.openai_server import FakeOpenAI
from tests.fakes.provider_server import FakeProvider, Script
from tests.scenarios.dial import Dial, Reply, chat, request, said
from tests.scenarios.harness import Caller, Gateway

ECHO = "You said: 你好 there"
# Short enough to be waited for, long enough for a fake that means to answer.
FIRST_BYTE_SECONDS = 1.0
EVENT_STREAM = "text/event-stream"


@dataclass(frozen=True, slots=True)
class Pair:
    """A model whose first candidate is this one and whose second is that."""

    model: str
    first: str
    second: str
    second_model: str

    def __str__(self) -> str:
        return f"{self.first}-{self.second}"


PAIRS = (
    Pair("gpt-4o", "openai", "anthropic", "claude-sonnet-4-6"),
    Pair("gpt-4o-mini", "openai", "deepseek", "deepseek-flash"),
    Pair("qwen-plus", "dashscope", "openai", "gpt-4o"),
)


@dataclass(frozen=True, slots=True)
class Fault:
    """How the first candidate fails, and what the receipt says of it. Without a
    behaviour nobody is there: `address` makes something else of the fake's address."""

    outcome: str
    behaviour: Script[Behaviour] | None = None
    address: Callable[[str], str] = lambda address: address
    status: int = 0


def nobody(address: str) -> str:
    """A port that was somebody's and is nobody's."""
    with socket.socket() as once:
        once.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{once.getsockname()[1]}"


def in_tls(address: str) -> str:
    return address.replace("http://", "https://")


def events(*frames: bytes) -> Raw:
    return Raw(b"".join(frames), content_type=EVENT_STREAM)


BUSY = {"error": {"message": "busy", "code": "server_is_overloaded"}}
UNPAID = "billing_not_active"
FAULTS = {
    "connect": Fault("upstream_error", address=nobody),
    "TLS": Fault("upstream_error", address=in_tls),
    "first byte": Fault("upstream_timeout", Silence()),
    "429": Fault("rate_limit_exceeded", Status(429), status=429),
    "429 and when": Fault(
        "rate_limit_exceeded", Status(429, headers={"retry-after": "60"}), status=429
    ),
    "500": Fault("upstream_error", Status(500), status=500),
    "502": Fault("upstream_error", Raw(b"<html>", 502, "text/html"), status=502),
    "503": Fault("upstream_overloaded", Status(503), status=503),
    "529": Fault("upstream_overloaded", Raw(b"{}", 529), status=529),
    "nothing": Fault("upstream_error", events(), status=200),
    "only the end": Fault("upstream_error", events(DONE), status=200),
    "garbage": Fault("upstream_error", events(MALFORMED), status=200),
    "an error in 200": Fault(
        "upstream_overloaded",
        lambda received: (
            events(frame(BUSY))
            if received.json.get("stream")
            else Raw(json.dumps(BUSY).encode())
        ),
        status=200,
    ),
    "401": Fault("upstream_auth", Status(401), status=401),
    "403": Fault("upstream_auth", Status(403), status=403),
    "402": Fault("upstream_billing", Status(402), status=402),
    "429 unpaid": Fault(
        "upstream_billing", Status(429, code=UNPAID), status=429
    ),
}


@dataclass
class Stage:
    """The first and the second provider of each pair, and gateways before them."""

    data: Path
    stack: ExitStack
    first: FakeOpenAI = field(default_factory=FakeOpenAI)
    seconds: dict[str, FakeProvider[Any]] = field(default_factory=dict)
    gateways: dict[Any, Gateway] = field(default_factory=dict)

    def gateway(self, address: Callable[[str], str], retries: Retries) -> Gateway:
        """One for each way to misplace the first providers."""
        key = address, retries
        if key not in self.gateways:
            made = Gateway(
                self.data / str(len(self.gateways)),
                self.environ,
                change=lambda settings: self.paired(settings, address, retries),
            )
            made.data.mkdir()
            self.gateways[key] = self.stack.enter_context(made)
        return self.gateways[key]

    @property
    def environ(self) -> dict[str, str]:
        openai, claude, deepseek = (
            self.seconds[name] for name in ("openai", "anthropic", "deepseek")
        )
        return {
            "OPENAI_BASE_URL": openai.base_url,
            "OPENAI_API_KEY": "sk-fake",
            "ANTHROPIC_BASE_URL": claude.base_url,
            "ANTHROPIC_API_KEY": "sk-ant-fake",
            "DEEPSEEK_BASE_URL": deepseek.base_url,
            "DEEPSEEK_API_KEY": "sk-fake",
            "DASHSCOPE_API_KEY": "sk-fake",
        }

    def paired(
        self, settings: Settings, address: Callable[[str], str], retries: Retries
    ) -> Settings:
        providers, models = dict(settings.providers), dict(settings.models)
        for pair in PAIRS:
            name = f"first-{pair.first}"
            real = settings.providers[pair.first]
            clocks = replace(real.clocks, first_byte_seconds=FIRST_BYTE_SECONDS)
            base = address(self.first.address) + "/v1"
            providers[name] = replace(real, name=name, base_url=base, clocks=clocks)
            models[pair.model] = replace(
                settings.models[pair.model],
                candidates=(
                    Candidate(name, "first-model", priority=0),
                    Candidate(pair.second, pair.second_model, priority=1),
                ),
            )
        return replace(settings, providers=providers, models=models, retries=retries)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with ExitStack() as stack:
        stage = Stage(tmp_path_factory.mktemp("failover"), stack)
        stack.enter_context(stage.first)
        stage.seconds = {
            "openai": stack.enter_context(FakeOpenAI()),
            "anthropic": stack.enter_context(FakeAnthropic()),
            "deepseek": stack.enter_context(FakeCompatible(DEEPSEEK)),
        }
        yield stage


@pytest.fixture(autouse=True)
def forgetful(stage: Stage) -> None:
    stage.first.requests.clear()
    stage.first.always(Answer())
    for fake in stage.seconds.values():
        fake.requests.clear()


# A refused credential is not remembered here, or the first would be asked once.
AT_ONCE = Retries(wait_seconds=0, aside_seconds=0)


def ask(gateway: Gateway, caller: Caller, **parameters: Any) -> Reply:
    with Dial(gateway.port) as dial:
        return dial.ask(chat(caller.key, **parameters))


def shown(gateway: Gateway, caller: Caller, request_id: str) -> Any:
    headers = {"Authorization": f"Bearer {caller.key}"}
    with Dial(gateway.port) as dial:
        target = f"/api/v1/receipts/{request_id}"
        return dial.ask(request("GET", target, headers=headers)).json


def text_of(reply: Reply, stream: bool) -> str:
    if stream:
        return said(reply.events)
    return str(reply.json["choices"][0]["message"]["content"])


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("pair", PAIRS, ids=str)
@pytest.mark.parametrize("fault", FAULTS)
def test_the_second_answers_where_the_first_failed(
    stage: Stage, fault: str, pair: Pair, stream: bool
) -> None:
    way = FAULTS[fault]
    gateway = stage.gateway(way.address, AT_ONCE)
    caller = gateway.caller()
    if way.behaviour is not None:
        stage.first.always(way.behaviour)

    reply = ask(gateway, caller, model=pair.model, stream=stream)

    assert (reply.status, text_of(reply, stream)) == (200, ECHO)
    assert reply.headers["x-autolist-attempts"] == "2"
    assert reply.headers["x-autolist-provider"] == pair.second
    assert reply.headers["x-autolist-upstream-model"] == pair.second_model
    second = stage.seconds[pair.second]
    assert [one.json["model"] for one in second.requests] == [pair.second_model]
    assert len(stage.first.requests) == (0 if way.behaviour is None else 1)

    gateway.prove()
    (charge,) = gateway.charges(caller)
    now_ns = gateway.storage.clock.wall_ns()
    price = gateway.settings.prices.at(pair.model, now_ns)
    assert price is not None
    usage = reply.events[-2]["usage"] if stream else reply.json["usage"]
    used = {"input": usage["prompt_tokens"], "output": usage["completion_tokens"]}
    assert min(used.values()) > 0
    assert charge.cost_nano == cost_nano(price, used)
    spent = parse_nano("10.00") - gateway.available_nano(caller)
    assert spent == charge.cost_nano
    assert charge.buy_nano == charge.cost_nano  # as these models are bought and sold
    trail = charge.record.trail
    assert [(one.provider, one.model, one.outcome, one.status) for one in trail] == [
        (f"first-{pair.first}", "first-model", way.outcome, way.status),
        (pair.second, pair.second_model, "complete", 200),
    ]
    receipt = shown(gateway, caller, reply.headers["x-request-id"])
    assert (receipt["attempts"], len(receipt["trail"])) == (2, 2)


JUDGED = {
    "400": Status(400),
    "413": Raw(b'{"error":{"message":"too large"}}', 413),
    "422": Status(422),
    "content": Status(400, code="content_policy_violation"),
    "context": Status(400, code="context_length_exceeded"),
}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("judgement", JUDGED)
def test_a_judgement_is_not_put_to_the_second(
    stage: Stage, judgement: str, stream: bool
) -> None:
    gateway = stage.gateway(lambda address: address, AT_ONCE)
    caller = gateway.caller()
    stage.first.always(JUDGED[judgement])
    reply = ask(gateway, caller, stream=stream)
    assert (reply.status, reply.headers["x-autolist-attempts"]) == (400, "1")
    assert len(stage.first.requests) == 1
    assert stage.seconds["anthropic"].requests == []
    gateway.prove()
    assert gateway.available_nano(caller) == parse_nano("10.00")


def test_where_both_fail_the_caller_may_come_back_as_soon_as_either(
    stage: Stage,
) -> None:
    gateway = stage.gateway(lambda address: address, AT_ONCE)
    caller = gateway.caller()
    stage.first.always(Status(429, headers={"retry-after": "60"}))
    stage.seconds["deepseek"].script(Status(429, headers={"retry-after": "30"}))
    reply = ask(gateway, caller, model="gpt-4o-mini")
    assert (reply.status, reply.headers["retry-after"]) == (429, "30")
    assert reply.headers["x-autolist-attempts"] == "2"
    gateway.prove()
    assert gateway.available_nano(caller) == parse_nano("10.00")


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_where_both_are_busy_for_a_moment_the_moment_is_waited(
    stage: Stage, stream: bool
) -> None:
    gateway = stage.gateway(lambda address: address, Retries())
    caller = gateway.caller()
    second = stage.seconds["deepseek"]
    stage.first.always(Status(429, headers={"retry-after": "60"}))
    second.script(Status(429, headers={"retry-after-ms": "300"}))
    before = time.monotonic()
    reply = ask(gateway, caller, model="gpt-4o-mini", stream=stream)
    assert time.monotonic() - before > 0.3
    assert (reply.status, text_of(reply, stream)) == (200, ECHO)
    assert reply.headers["x-autolist-attempts"] == "3"
    assert (len(stage.first.requests), len(second.requests)) == (1, 2)
    gateway.prove()
    assert len(gateway.charges(caller)) == 1


def test_a_credential_that_was_refused_is_left_alone_for_a_while(
    stage: Stage,
) -> None:
    gateway = stage.gateway(lambda address: address, Retries(aside_seconds=61))
    caller = gateway.caller()
    stage.first.always(Status(401))
    attempts = [
        ask(gateway, caller).headers["x-autolist-attempts"] for _ in range(3)
    ]
    assert attempts == ["2", "1", "1"]
    assert len(stage.first.requests) == 1


def test_tools_are_called_by_whoever_answers(stage: Stage) -> None:
    """The second's own shape of a call comes out as the first's would have."""
    gateway = stage.gateway(lambda address: address, AT_ONCE)
    caller = gateway.caller()
    stage.first.always(Status(503))
    parameters = {"type": "object", "properties": {"a": {"type": "integer"}}}
    function = {"name": "weather", "parameters": parameters}
    asked = {
        "tools": [{"type": "function", "function": function}],
        "messages": [{"role": "user", "content": "weather, please"}],
    }
    for pair in PAIRS:
        reply = ask(gateway, caller, model=pair.model, **asked)
        (choice,) = reply.json["choices"]
        (call,) = choice["message"]["tool_calls"]
        assert (call["type"], call["function"]["name"]) == ("function", "weather")
        assert choice["finish_reason"] == "tool_calls"


def test_a_house_of_its_own_answers_in_its_own_words(stage: Stage) -> None:
    """Beside the pairs: the compatible mode of DashScope, asked after OpenAI."""
    with FakeCompatible(QWEN) as qwen:
        def paired(settings: Settings) -> Settings:
            found = stage.paired(settings, lambda address: address, AT_ONCE)
            model = found.models["gpt-4o"]
            first = model.candidates[0]
            other = replace(
                model, candidates=(first, Candidate("dashscope", "qwen-plus", 1))
            )
            return replace(found, models={**found.models, "gpt-4o": other})

        data = stage.data / "qwen"
        data.mkdir()
        environ = {**stage.environ, "DASHSCOPE_BASE_URL": qwen.base_url}
        stage.first.always(Status(500))
        with Gateway(data, environ, change=paired) as gateway:
            caller = gateway.caller()
            for stream in (False, True):
                reply = ask(gateway, caller, stream=stream)
                assert (reply.status, text_of(reply, stream)) == (200, ECHO)
            gateway.prove()
        assert [one.json["enable_thinking"] for one in qwen.requests] == [False] * 2
