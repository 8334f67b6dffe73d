"""The customer's document, sections 3.3 and 7, in front of every provider.

Section 7's classes stand here word for word, with their line breaks put back; each of
their methods is called by a program of its own. What 3.3 shows is put to each model of
3.4, whose provider is its own fake. The key and the port are filled in, and the model
where another is meant; the demo is asked the same in test_document.py.
"""

import ast
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest

from tests.fakes.anthropic_server import FakeAnthropic
from tests.fakes.compatible_server import DEEPSEEK, QWEN, FakeCompatible
from tests.fakes.openai_server import FakeOpenAI
from tests.fakes.provider_server import FakeProvider
from tests.scenarios.child import bare
from tests.scenarios.harness import Caller, Gateway
from tests.scenarios.test_document import LANGUAGES

PYTHON = """
import requests

class TokenProxy:
    def __init__(self, api_key, base_url="http://localhost:8000"):
        self.api_key = api_key
        self.base_url = base_url
        self.headers = {"Authorization": f"Bearer {api_key}"}

    def chat(self, model, messages):
        return requests.post(
            f"{self.base_url}/api/v1/chat/completions",
            headers=self.headers,
            json={"model": model, "messages": messages}
        ).json()

    def generate_image(self, prompt, model="dall-e-3"):
        return requests.post(
            f"{self.base_url}/api/v1/images/generations",
            headers=self.headers,
            json={"model": model, "prompt": prompt}
        ).json()

    def generate_video(self, prompt, model="gen-2"):
        return requests.post(
            f"{self.base_url}/api/v1/videos/generations",
            headers=self.headers,
            json={"model": model, "prompt": prompt},
            timeout=300
        ).json()

# 使用
client = TokenProxy("YOUR_API_KEY")
print(client.chat("gpt-4o", [{"role": "user", "content": "你好"}]))
"""
JAVASCRIPT = """
class TokenProxy {
  constructor(apiKey, baseUrl = 'http://localhost:8000') {
    this.apiKey = apiKey;
    this.baseUrl = baseUrl;
    this.headers = {'Authorization': `Bearer ${apiKey}`};
  }

  async chat(model, messages) {
    const res = await fetch(`${this.baseUrl}/api/v1/chat/completions`, {
      method: 'POST',
      headers: this.headers,
      body: JSON.stringify({model, messages})
    });
    return res.json();
  }

  async generateImage(prompt) {
    const res = await fetch(`${this.baseUrl}/api/v1/images/generations`, {
      method: 'POST',
      headers: this.headers,
      body: JSON.stringify({prompt})
    });
    return res.json();
  }
}

// 使用
const client = new TokenProxy('YOUR_API_KEY');
console.log(await client.chat('gpt-4o', [{role: 'user', content: '你好'}]));
"""
PYTHON_USE = 'print(client.chat("gpt-4o", [{"role": "user", "content": "你好"}]))'
JAVASCRIPT_USE = (
    "console.log(await client.chat('gpt-4o', [{role: 'user', content: '你好'}]));"
)
WORK_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Use:
    """A line that uses a class of the document; what it prints is JSON. Without a line
    it is the document's own, and shows no more than the outside of an answer in
    JavaScript."""

    language: str
    line: str
    kind: str


USES = {
    "Python chat": Use("python", PYTHON_USE, "chat.completion"),
    "Python image": Use(
        "python", 'print(client.generate_image("一只可爱的橘猫"))', "image"
    ),
    "JavaScript chat": Use("node", JAVASCRIPT_USE, "chat.completion"),
    "JavaScript image": Use(
        "node",
        "console.log(JSON.stringify(await client.generateImage('一只可爱的橘猫')));",
        "image",
    ),
}
CENT_NANO = 10_000_000
MODELS = {
    "gpt-4o": "openai",
    "gpt-4o-mini": "openai",
    "claude-3.5-sonnet": "anthropic",
    "qwen-plus": "dashscope",
    "deepseek-v3": "deepseek",
}


@dataclass(frozen=True, slots=True)
class Stage:
    gateway: Gateway
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
        yield Stage(stack.enter_context(Gateway(data, environ)), fakes)


@pytest.fixture
def caller(stage: Stage) -> Iterator[Caller]:
    yield stage.gateway.caller()
    stage.gateway.prove()


def replace_once(text: str, old: str, new: str) -> str:
    assert text.count(old) == 1
    return text.replace(old, new)


def printed(use: Use, gateway: Gateway, caller: Caller) -> str:
    """What a program prints that is the class and one line."""
    program, text, own = {
        "python": ([sys.executable, "-c"], PYTHON, PYTHON_USE),
        "node": (["node", "--input-type=module", "-e"], JAVASCRIPT, JAVASCRIPT_USE),
    }[use.language]
    if shutil.which(program[0]) is None:
        pytest.skip(f"{program[0]} is not installed")
    text = replace_once(text, own, use.line)
    text = replace_once(text, "YOUR_API_KEY", caller.key)
    text = replace_once(text, "localhost:8000", f"localhost:{gateway.port}")
    return subprocess.run(
        [*program, text],
        env=bare({}),
        stdout=subprocess.PIPE,
        timeout=WORK_SECONDS,
        check=True,
        text=True,
    ).stdout


@pytest.mark.parametrize("name", USES)
def test_a_method_of_the_document_s_class_does_what_it_says(
    stage: Stage, caller: Caller, name: str
) -> None:
    use = USES[name]
    said = printed(use, stage.gateway, caller)
    (charge,) = stage.gateway.charges(caller)
    if use.kind == "image":
        read = json.loads if use.language == "node" else ast.literal_eval
        url = read(said)["data"][0]["url"]
        answer = httpx.get(url, trust_env=False).raise_for_status()
        assert answer.content.startswith(b"\x89PNG")
        assert charge.cost_nano == 4 * CENT_NANO
    else:
        assert "chat.completion" in said and charge.request_id in said
        assert "You said: 你好" in said or use.language == "node"
        assert charge.cost_nano > 0


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("model", MODELS)
def test_an_example_runs_in_front_of_every_provider(
    stage: Stage, caller: Caller, model: str, language: str
) -> None:
    program = {"python": sys.executable}.get(language, language)
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    asked = stage.fakes[MODELS[model]].requests
    before = len(asked)
    example = LANGUAGES[language]
    text = replace_once(example.text, "gpt-4o", model)
    said = replace(example, text=text)(stage.gateway, caller.key)
    (charge,) = stage.gateway.charges(caller)
    assert charge.request_id in said and model in said
    assert len(asked) == before + 1
    assert charge.cost_nano > 0
