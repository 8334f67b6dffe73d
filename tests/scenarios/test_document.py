"""The customer's document, section 3.3, as a reader would paste it.

The examples stand here word for word; the document's copy lost its line breaks, which
are put back where a shell or an interpreter needs them. Only the key and the port are
filled in. Each runs in a program of its own, with nothing in its environment.
"""

import ast
import json
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.scenarios.child import Child, bare, prove
from tests.scenarios.dial import HELLO, events, said

CURL = r"""
curl -X POST http://localhost:8000/api/v1/chat/completions \
  -H "Authorization: Bearer YOUR_API_KEY" \
  -H "Content-Type: application/json" \
  -d '{
    "model": "gpt-4o",
    "messages": [
      {"role": "user", "content": "你好"}
    ]
  }'
"""
PYTHON = """
import requests

response = requests.post(
    'http://localhost:8000/api/v1/chat/completions',
    headers={'Authorization': 'Bearer YOUR_API_KEY'},
    json={
        'model': 'gpt-4o',
        'messages': [{'role': 'user', 'content': '你好'}]
    }
)
print(response.json())
"""
JAVASCRIPT = """
fetch('http://localhost:8000/api/v1/chat/completions', {
  method: 'POST',
  headers: {
    'Authorization': 'Bearer YOUR_API_KEY',
    'Content-Type': 'application/json'
  },
  body: JSON.stringify({
    model: 'gpt-4o',
    messages: [{role: 'user', content: '你好'}]
  })
})
.then(response => response.json())
.then(data => console.log(data));
"""
# Section 3.4.
MODELS = ("gpt-4o", "gpt-4o-mini", "claude-3.5-sonnet", "qwen-plus", "deepseek-v3")
WORK_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Language:
    """An example, who runs it, and what makes a stream of it."""

    runs: tuple[str, ...]
    text: str
    streaming: tuple[tuple[str, str], ...]

    def __call__(self, child: Child, key: str, stream: bool = False) -> str:
        """What the example prints."""
        text = self.text
        for old, new in self.streaming if stream else ():
            text = replace_once(text, old, new)
        text = replace_once(text, "YOUR_API_KEY", key)
        return run(self.runs, replace_once(text, ":8000/", f":{child.port}/"))


def replace_once(text: str, old: str, new: str) -> str:
    assert text.count(old) == 1
    return text.replace(old, new)


def run(program: tuple[str, ...], text: str) -> str:
    return subprocess.run(
        [*program, text],
        env=bare({}),
        stdout=subprocess.PIPE,
        timeout=WORK_SECONDS,
        check=True,
        text=True,
    ).stdout


SHELL = ("sh", "-c")
LANGUAGES = {
    "curl": Language(SHELL, CURL, (("gpt-4o\",", 'gpt-4o", "stream": true,'),)),
    "python": Language(
        (sys.executable, "-c"),
        PYTHON,
        (("gpt-4o',", "gpt-4o', 'stream': True,"), (".json())", ".text)")),
    ),
    "node": Language(
        ("node", "-e"),
        JAVASCRIPT,
        (("gpt-4o',", "gpt-4o', stream: true,"), (".json())", ".text())")),
    ),
}


@pytest.fixture(params=LANGUAGES)
def language(request: pytest.FixtureRequest) -> Language:
    program = {"python": sys.executable}.get(request.param, request.param)
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    return LANGUAGES[request.param]


def demo_of(data: Path) -> dict[str, str]:
    return dict(json.loads((data / "demo.json").read_text("utf-8")))


@pytest.fixture(scope="module")
def child(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Child]:
    """What `make run` starts, but for the port."""
    data = tmp_path_factory.mktemp("demo")
    with Child(data, {}, "--demo") as child:
        yield child
        assert child.stop() == 0
    assert child.log == ""
    prove(data)


@pytest.fixture
def visitor(child: Child) -> Iterator[httpx.Client]:
    with child.visitor() as visitor:
        yield visitor


@pytest.fixture
def key(child: Child) -> str:
    return demo_of(child.data)["api_key"]


def newest_charge(child: Child, visitor: httpx.Client) -> dict[str, object]:
    demo = demo_of(child.data)
    who = {"email": demo["email"], "password": demo["password"]}
    visitor.post("/api/auth.php?action=login", json=who).raise_for_status()
    listed = visitor.get("/api/user.php?action=transactions&limit=1").json()
    return dict(listed["data"]["transactions"][0])


def is_an_answer(answer: dict) -> None:
    assert answer["object"] == "chat.completion"
    assert answer["model"] == "gpt-4o"
    (choice,) = answer["choices"]
    assert "你好" in choice["message"]["content"]
    assert choice["finish_reason"] == "stop"
    assert answer["usage"]["cost"] > 0


READ: dict[str, Callable[[str], dict]] = {
    "curl": json.loads,
    "python": ast.literal_eval,
}


@pytest.mark.parametrize("name", READ)
def test_an_example_prints_the_answer(child: Child, key: str, name: str) -> None:
    is_an_answer(READ[name](LANGUAGES[name](child, key)))


def test_every_example_gets_its_answer_and_is_charged(
    child: Child, visitor: httpx.Client, key: str, language: Language
) -> None:
    """node shows no more than the outside of an answer."""
    printed = language(child, key)
    assert "chat.completion" in printed and "gpt-4o" in printed
    charge = newest_charge(child, visitor)
    assert charge["request_id"] in printed
    assert charge["model"] == "gpt-4o"
    assert charge["amount"] < 0


def test_every_example_can_be_a_stream(
    child: Child, visitor: httpx.Client, key: str, language: Language
) -> None:
    printed = language(child, key, stream=True)
    *chunks, last, done = events(printed.encode())
    assert done == "[DONE]"
    assert "你好" in said([*chunks, last])
    assert {chunk["model"] for chunk in [*chunks, last]} == {"gpt-4o"}
    charge = newest_charge(child, visitor)
    assert {chunk["id"] for chunk in chunks} == {charge["request_id"]}
    assert last["usage"]["cost"] == -charge["amount"]


def test_the_printed_line_can_be_pasted(child: Child, key: str) -> None:
    _, _, line = child.greeting.partition("Try it:\n")
    assert line.strip().startswith("curl ")
    assert key in line and child.url in line
    is_an_answer(json.loads(run(SHELL, line)))


@pytest.mark.parametrize("model", MODELS)
def test_every_model_of_the_document_answers(
    visitor: httpx.Client, key: str, model: str
) -> None:
    # The document's other way to show a key.
    reply = visitor.post(
        "/api/v1/chat/completions",
        headers={"X-API-Key": key},
        json={"model": model, "messages": HELLO},
    )
    assert (reply.status_code, reply.json()["model"]) == (200, model)
    shown = visitor.get(f"/api/v1/models/{model}", headers={"X-API-Key": key}).json()
    assert shown["available"] is True


def test_the_document_says_how_a_missing_key_fails(child: Child) -> None:
    reply = json.loads(run(SHELL, CURL.replace(":8000/", f":{child.port}/")))
    assert reply["error"]["code"] == "invalid_api_key"


def test_it_is_healthy_once_it_says_where_it_is(
    child: Child, visitor: httpx.Client
) -> None:
    assert visitor.get("/healthz").status_code == 200
    assert visitor.get("/readyz").status_code == 200
    (page,) = (
        line.split()[1]
        for line in child.greeting.splitlines()
        if line.startswith("  dashboard ")
    )
    assert visitor.get(page).status_code == 200


def test_the_printed_facts_are_in_a_file_of_its_owners(
    child: Child, visitor: httpx.Client
) -> None:
    path = child.data / "demo.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    demo = demo_of(child.data)
    assert set(demo) == {"address", "email", "password", "api_key"}
    assert demo["address"] == child.url
    assert all(fact in child.greeting for fact in demo.values())
    assert newest_charge(child, visitor)["balance_after"] <= 10


def test_the_next_start_keeps_the_key(tmp_path: Path) -> None:
    with Child(tmp_path, {}, "--demo") as child:
        first = demo_of(tmp_path)
        is_an_answer(json.loads(LANGUAGES["curl"](child, first["api_key"])))
        assert child.stop() == 0
    with Child(tmp_path, {}, "--demo") as child:
        second = demo_of(tmp_path)
        is_an_answer(json.loads(LANGUAGES["curl"](child, first["api_key"])))
        assert child.stop() == 0
    assert second == {**first, "address": child.url}
    prove(tmp_path)
