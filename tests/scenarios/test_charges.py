"""What a chat costs, to the nano-dollar, by the figures its provider reports.

The rates stand here in nano-dollars a token, copied by hand from the price list and
not read from the file, so that a slip in either shows.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from config.prices import moment_ns
from storage.clock import Clock
from tests.fakes import anthropic_script, openai_script
from tests.fakes.anthropic_server import FakeAnthropic
from tests.fakes.clock import FakeClock
from tests.fakes.compatible_server import DEEPSEEK, QWEN, FakeCompatible
from tests.fakes.openai_server import FakeOpenAI
from tests.fakes.provider_server import FakeProvider
from tests.scenarios.dial import Dial, chat
from tests.scenarios.harness import Gateway

# Long enough that so much input is believed.
LONG: Any = [{"role": "user", "content": "hello there " * 400}]


@dataclass(frozen=True, slots=True)
class Case:
    """A model, what its provider reports, and what that costs."""

    model: str
    provider: str
    answer: Any
    cost_nano: int
    at: str = "2026-11-23T12:00Z"


def reported(
    prompt: int, completion: int, details: dict[str, int] | None = None, **more: Any
) -> openai_script.Answer:
    usage = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": details or {},
        **more,
    }
    return openai_script.Answer(usage=usage)


CACHED = {"cached_tokens": 400}
WRITTEN = {"cached_tokens": 400, "cache_creation_input_tokens": 100}
THOUGHT = {"completion_tokens_details": {"reasoning_tokens": 50}}
MISSED = {"prompt_cache_hit_tokens": 400, "prompt_cache_miss_tokens": 600}
# A Monday: 06:00 to 10:00 and 01:00 to 04:00 are the provider's dear hours.
PEAK, AFTER = "2026-11-23T09:59:59Z", "2026-11-23T10:00Z"
SUNDAY = "2026-11-22T09:00Z"

CASES = {
    "gpt-4o": Case("gpt-4o", "openai", reported(1000, 80), 1000 * 2500 + 80 * 10000),
    "gpt-4o cached": Case(
        "gpt-4o",
        "openai",
        reported(1000, 80, CACHED),
        600 * 2500 + 400 * 1250 + 80 * 10000,
    ),
    "gpt-4o with thought inside": Case(
        "gpt-4o",
        "openai",
        reported(1000, 80, **THOUGHT),
        1000 * 2500 + 80 * 10000,
    ),
    "gpt-4o-mini cached": Case(
        "gpt-4o-mini",
        "openai",
        reported(1000, 80, CACHED),
        600 * 150 + 400 * 75 + 80 * 600,
    ),
    "qwen-plus": Case(
        "qwen-plus", "dashscope", reported(1000, 80), 1000 * 400 + 80 * 1200
    ),
    "qwen-plus cached and written": Case(
        "qwen-plus",
        "dashscope",
        reported(1000, 80, WRITTEN),
        500 * 400 + 400 * 80 + 100 * 500 + 80 * 1200,
    ),
    "deepseek-v3": Case(
        "deepseek-v3",
        "deepseek",
        reported(1000, 80, **MISSED),
        600 * 150 + 400 * 3 + 80 * 600,
    ),
    "deepseek-v3 at its peak": Case(
        "deepseek-v3",
        "deepseek",
        reported(1000, 80, **MISSED),
        600 * 300 + 400 * 6 + 80 * 1200,
        PEAK,
    ),
    "deepseek-v3 after its peak": Case(
        "deepseek-v3",
        "deepseek",
        reported(1000, 80, **MISSED),
        600 * 150 + 400 * 3 + 80 * 600,
        AFTER,
    ),
    "deepseek-v3 on a Sunday": Case(
        "deepseek-v3",
        "deepseek",
        reported(1000, 80, **MISSED),
        600 * 150 + 400 * 3 + 80 * 600,
        SUNDAY,
    ),
}


@dataclass(frozen=True, slots=True)
class Stage:
    gateway: Gateway
    clock: FakeClock
    fakes: dict[str, FakeProvider[Any]]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with ExitStack() as stack:
        fakes: dict[str, FakeProvider[Any]] = {
            "openai": stack.enter_context(FakeOpenAI()),
            "anthropic": stack.enter_context(FakeAnthropic(api_key="sk-fake")),
            "dashscope": stack.enter_context(FakeCompatible(QWEN)),
            "deepseek": stack.enter_context(FakeCompatible(DEEPSEEK)),
        }
        environ = {}
        for name, fake in fakes.items():
            environ[f"{name.upper()}_BASE_URL"] = getattr(fake, "base_url")
            environ[f"{name.upper()}_API_KEY"] = "sk-fake"
        data = tmp_path_factory.mktemp("data")
        clock = FakeClock(moment_ns(SUNDAY))
        made: Clock = clock
        gateway = stack.enter_context(Gateway(data, environ, clock=made))
        yield Stage(gateway, clock, fakes)


def cost_of(stage: Stage, case: Case, stream: bool) -> tuple[int, Any]:
    """What a request was charged, and what its answer says of its usage."""
    stage.clock.jump((moment_ns(case.at) - stage.clock.wall_ns()) // 10**9)
    stage.fakes[case.provider].script(case.answer)
    caller = stage.gateway.caller()
    asked = {"model": case.model, "messages": LONG, "max_tokens": 200}
    options = {"stream": True, "stream_options": {"include_usage": True}}
    with Dial(stage.gateway.port) as dial:
        reply = dial.ask(chat(caller.key, **asked, **(options if stream else {})))
    assert reply.status == 200, reply.body
    stage.gateway.prove()
    (charge,) = stage.gateway.charges(caller)
    spent = 10**10 - stage.gateway.available_nano(caller)
    assert spent == charge.cost_nano == charge.buy_nano
    usage = reply.events[-2]["usage"] if stream else reply.json["usage"]
    assert round(usage["cost"] * 10**9) == charge.cost_nano
    return charge.cost_nano, usage


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("name", CASES)
def test_a_chat_costs_what_its_tokens_cost(
    stage: Stage, name: str, stream: bool
) -> None:
    cost_nano, _ = cost_of(stage, CASES[name], stream)
    assert cost_nano == CASES[name].cost_nano


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_claude_s_four_kinds_of_input_have_four_prices(
    stage: Stage, stream: bool
) -> None:
    """Its own fake counts: the input that no cache had is what is left of the whole."""
    cache = {"read": 90, "write_5m": 40, "write_1h": 20}
    answer = anthropic_script.Answer("well said", cache=cache)
    case = Case("claude-3.5-sonnet", "anthropic", answer, 0)
    cost_nano, usage = cost_of(stage, case, stream)
    plain = usage["prompt_tokens"] - 150
    assert plain > 0
    assert cost_nano == (
        plain * 3000
        + 90 * 300
        + 40 * 3750
        + 20 * 6000
        + usage["completion_tokens"] * 15000
    )
