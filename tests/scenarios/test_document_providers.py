"""The customer's document in front of every provider, each played by its fake.

What the demo answers in test_document.py is answered here in the providers' own
dialects: the gateway is started as an operator starts it, with the addresses of all
providers in its environment. Each example is put to each model that it can name; the
key and the port are filled in, and the model where another is meant.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from config import load
from tests.fakes.anthropic_server import FakeAnthropic
from tests.fakes.compatible_server import DEEPSEEK, QWEN, FakeCompatible
from tests.fakes.dashscope_server import FakeDashScope
from tests.fakes.fal_server import FakeFal
from tests.fakes.openai_server import FakeOpenAI
from tests.fakes.provider_server import FakeProvider
from tests.fakes.runway_server import FakeRunway
from tests.fakes.stability_server import FakeStability
from tests.faults.hasty import HastyChild
from tests.scenarios.child import prove
from tests.scenarios.harness import CONFIG
from tests.scenarios.test_document import EXAMPLES, MODELS, Reader

EMAIL = "reader@example.com"
SECRET = "sk-fake"
# Who makes what of a model, and the variables that lead there.
PROVIDERS = {
    "gpt-4o": "openai",
    "gpt-4o-mini": "openai",
    "claude-3.5-sonnet": "anthropic",
    "qwen-plus": "dashscope",
    "deepseek-v3": "deepseek",
    "dall-e-3": "openai",
    "stable-diffusion": "stability",
    "qwen-vl": "dashscope-native",
    "gen-2": "runway",
    "pika-1.0": "fal",
}
VARIABLES = {
    "openai": ("OPENAI_BASE_URL", "OPENAI_API_KEY"),
    "anthropic": ("ANTHROPIC_BASE_URL", "ANTHROPIC_API_KEY"),
    "dashscope": ("DASHSCOPE_BASE_URL", "DASHSCOPE_API_KEY"),
    "dashscope-native": ("DASHSCOPE_API_URL", "DASHSCOPE_API_KEY"),
    "deepseek": ("DEEPSEEK_BASE_URL", "DEEPSEEK_API_KEY"),
    "stability": ("STABILITY_BASE_URL", "STABILITY_API_KEY"),
    "runway": ("RUNWAYML_BASE_URL", "RUNWAYML_API_SECRET"),
    "fal": ("FAL_QUEUE_URL", "FAL_KEY"),
}
CASES = sorted(
    (name, model)
    for name, program in EXAMPLES.items()
    for model in MODELS[program.makes]
    if program.slot[0] or model == program.model
)


@dataclass(frozen=True, slots=True)
class Stage:
    reader: Reader
    fakes: dict[str, FakeProvider[Any]]

    def begun(self, model: str) -> int:
        """How often its provider was asked to make something."""
        asked = self.fakes[PROVIDERS[model]].requests
        return sum(one.method == "POST" for one in asked)


def fakes_of(stack: ExitStack) -> dict[str, FakeProvider[Any]]:
    return {
        "openai": stack.enter_context(FakeOpenAI(api_key=SECRET)),
        "anthropic": stack.enter_context(FakeAnthropic(api_key=SECRET)),
        "dashscope": stack.enter_context(FakeCompatible(QWEN, api_key=SECRET)),
        "dashscope-native": stack.enter_context(FakeDashScope(api_key=SECRET)),
        "deepseek": stack.enter_context(FakeCompatible(DEEPSEEK, api_key=SECRET)),
        "stability": stack.enter_context(FakeStability(api_key=SECRET)),
        "runway": stack.enter_context(FakeRunway(api_key=SECRET)),
        "fal": stack.enter_context(FakeFal(api_key=SECRET)),
    }


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    data = tmp_path_factory.mktemp("data")
    with ExitStack() as stack:
        fakes = fakes_of(stack)
        environ = {}
        for name, fake in fakes.items():
            address, secret = VARIABLES[name]
            # Where a dialect has the whole path, the address is all.
            base_url = getattr(fake, "base_url", fake.address)
            environ |= {address: base_url, secret: SECRET}
        child = stack.enter_context(HastyChild(data, environ))
        visitor = stack.enter_context(child.visitor())
        asked = {"email": EMAIL, "password": "your_password"}
        made = visitor.post("/api/auth.php?action=register", json=asked)
        key = made.raise_for_status().json()["data"]["user"]["api_key"]
        yield Stage(Reader(child, visitor, key), fakes)
        assert child.stop() == 0
        assert child.log == ""
    prove(data)


@pytest.mark.parametrize(("name", "model"), CASES)
def test_an_example_runs_in_front_of_a_provider(
    stage: Stage, name: str, model: str
) -> None:
    program, before = EXAMPLES[name].of(model), stage.begun(model)
    stage.reader.got(program, stage.reader.runs(program))
    assert stage.begun(model) == before + 1


def test_every_provider_has_its_fake_here() -> None:
    """So that an example is also put to the next one."""
    secrets = {secret: SECRET for _, secret in VARIABLES.values()}
    settings = load(CONFIG, secrets)
    assert VARIABLES.keys() | {"demo"} == settings.providers.keys()
    for kind, models in MODELS.items():
        for id in models:
            model = settings.models[id]
            (candidate,) = model.candidates
            assert (id, model.kind, candidate.provider) == (id, kind, PROVIDERS[id])
