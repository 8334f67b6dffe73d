"""A provider that nobody wrote a line of code for, added by whoever runs the gateway.

The shipped configuration is copied, some YAML is put at the ends of two files, and the
openai SDK talks to the new model like to any other.
"""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from openai import BadRequestError, DefaultHttpxClient, OpenAI

from tests.fakes.compatible_server import DEEPSEEK, FakeCompatible
from tests.fakes.openai_server import FakeOpenAI
from tests.scenarios.harness import CONFIG, Gateway

# One that speaks as OpenAI does, and one that knows less and is strict about it.
PROVIDERS = """\
  new:
    dialect: openai
    base_url: ${NEW_BASE_URL}
    credentials: [NEW_KEY]

  strict:
    dialect: compatible
    base_url: ${STRICT_BASE_URL}
    credentials: [STRICT_KEY]
    rules:
      drops: [logit_bias, seed, verbosity, reasoning_effort, parallel_tool_calls]
      refuses: [logprobs, top_logprobs]
      choices_max: 1

"""
MODEL = """
  {name}-model:
    kind: chat
    owner: Somebody New
    description: A model of theirs
    context_tokens: 32_000
    output_tokens: 4_096
    image_tokens: 0
    candidates:
      - {{provider: {name}, model: big-one}}
"""
PRICE = """
{name}-model:
  - effective_from: 2023-01-01
    sell: {{input: "1.00", output: "2.00"}}
    buy: {{input: "0.50", output: "1.00"}}
"""
NAMES = ("new", "strict")
HELLO: Any = [{"role": "user", "content": "hello there"}]
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}}
WEATHER: Any = {
    "type": "function",
    "function": {"name": "weather", "parameters": PARAMETERS},
}


def added(directory: Path) -> Path:
    """The shipped files with the new entries in them."""
    shutil.copytree(CONFIG, directory)
    providers, prices = directory / "providers.yaml", directory / "prices.yaml"
    text = providers.read_text("utf-8")
    assert text.count("\nmodels:\n") == 1
    text = text.replace("\nmodels:\n", f"\n{PROVIDERS}models:\n")
    for name in NAMES:
        text += MODEL.format(name=name)
        with prices.open("a", encoding="utf-8") as file:
            file.write(PRICE.format(name=name))
    providers.write_text(text, "utf-8")
    return directory


@pytest.fixture(scope="module")
def stage(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Gateway, dict[str, FakeOpenAI]]]:
    with ExitStack() as stack:
        fakes = {
            "new": stack.enter_context(FakeOpenAI()),
            "strict": stack.enter_context(FakeCompatible(DEEPSEEK)),
        }
        environ = {
            "NEW_BASE_URL": fakes["new"].base_url,
            "NEW_KEY": "sk-fake",
            "STRICT_BASE_URL": fakes["strict"].base_url,
            "STRICT_KEY": "sk-fake",
        }
        config = added(tmp_path_factory.mktemp("operator") / "config")
        data = tmp_path_factory.mktemp("data")
        gateway = stack.enter_context(Gateway(data, environ, config=config))
        yield gateway, fakes
        gateway.prove()


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def client(stage: tuple[Gateway, Any]) -> Iterator[OpenAI]:
    gateway, _ = stage
    with OpenAI(
        base_url=gateway.api,
        api_key=gateway.caller().key,
        max_retries=0,
        http_client=DefaultHttpxClient(trust_env=False),
    ) as client:
        yield client


def test_it_answers_and_is_charged(stage, client: OpenAI, name: str) -> None:
    answer = client.chat.completions.create(model=f"{name}-model", messages=HELLO)
    assert answer.choices[0].message.content == "You said: hello there"
    usage = answer.usage
    assert usage is not None
    cost_nano = usage.prompt_tokens * 1_000 + usage.completion_tokens * 2_000
    gateway, fakes = stage
    assert fakes[name].requests[-1].json["model"] == "big-one"
    with gateway.storage.engine.snapshot() as snapshot:
        (row,) = snapshot.rows(
            "SELECT cost_nano, buy_nano FROM usage WHERE request_id = ?1", (answer.id,)
        )
    assert tuple(row) == (cost_nano, cost_nano // 2)


def test_it_streams(client: OpenAI, name: str) -> None:
    chunks = list(
        client.chat.completions.create(
            model=f"{name}-model",
            messages=HELLO,
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    said = [c.choices[0].delta.content or "" for c in chunks if c.choices]
    assert "".join(said) == "You said: hello there"
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 4


@pytest.mark.parametrize("stream", [False, True])
def test_it_calls_tools(client: OpenAI, name: str, stream: bool) -> None:
    asked: dict[str, Any] = {
        "model": f"{name}-model",
        "messages": [{"role": "user", "content": "weather?"}],
        "tools": [WEATHER],
        "tool_choice": "required",
    }
    if stream:
        with client.chat.completions.stream(**asked) as events:
            answer: Any = events.get_final_completion()
    else:
        answer = client.chat.completions.create(**asked)
    (choice,) = answer.choices
    (call,) = choice.message.tool_calls
    assert (call.function.name, choice.finish_reason) == ("weather", "tool_calls")


def test_it_is_listed(client: OpenAI, name: str) -> None:
    found: Any = client.models.retrieve(f"{name}-model")
    assert (found.owned_by, found.available) == ("Somebody New", True)


def test_what_a_strict_one_does_not_know_is_left_out_and_named(
    stage, client: OpenAI
) -> None:
    raw = client.chat.completions.with_raw_response.create(
        model="strict-model",
        messages=[{"role": "developer", "content": "Be brief."}, *HELLO],
        seed=7,
        logit_bias={"7": 1},
        max_completion_tokens=9,
        user="ann",
    )
    assert raw.headers["x-autolist-dropped"] == "logit_bias, seed"
    sent = stage[1]["strict"].requests[-1].json
    assert sent["max_tokens"] == 9
    assert sent["messages"][0]["role"] == "system"
    assert not {"seed", "logit_bias", "user", "max_completion_tokens"} & sent.keys()


@pytest.mark.parametrize("asked", [{"logprobs": True}, {"n": 2}])
def test_what_a_strict_one_cannot_do_is_refused_by_name(
    client: OpenAI, asked: dict[str, Any]
) -> None:
    with pytest.raises(BadRequestError) as caught:
        client.chat.completions.create(model="strict-model", messages=HELLO, **asked)
    assert caught.value.param == next(iter(asked))
