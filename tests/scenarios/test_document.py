"""The customer's document on what `make run` starts, as a reader would try it.

Every piece of its code is tried here, each program in a process of its own: only the
key and the port are filled in, and nothing is in its environment. The same programs
are put to the providers' dialects in test_document_providers.py.
"""

import ast
import json
import re
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.fakes.png import SIGNATURE
from tests.scenarios.child import Child, prove
from tests.scenarios.dial import HELLO, events, said
from tests.scenarios.examples import (
    API_ENDPOINTS,
    DOCUMENT,
    HEADERS,
    KEY,
    METHODS,
    PAGE,
    PROGRAMS,
    REGISTERED,
    REGISTRATION,
    WEB_ENDPOINTS,
    Program,
    run,
)

# Sections 3.4, 4.4 and 5.4; an image or a video has its price there.
MODELS = {
    "chat": ("gpt-4o", "gpt-4o-mini", "claude-3.5-sonnet", "qwen-plus", "deepseek-v3"),
    "image": ("dall-e-3", "stable-diffusion", "qwen-vl"),
    "video": ("gen-2", "pika-1.0"),
}
DOLLARS = {
    "dall-e-3": "0.04",
    "stable-diffusion": "0.02",
    "qwen-vl": "0.015",
    "gen-2": "0.15",
    "pika-1.0": "0.10",
}
# How a file of each kind begins, and where.
MAGIC = {"image": (0, SIGNATURE), "video": (4, b"ftyp")}
PLACE = re.compile(r"http://localhost:\d+/media/[^\s'\"]+")
# What makes a stream of an example.
STREAMING = {
    "3.3 cURL": (('gpt-4o",', 'gpt-4o", "stream": true,'),),
    "3.3 Python": (
        ("gpt-4o',", "gpt-4o', 'stream': True,"),
        ("response.json()", "response.text"),
    ),
    "3.3 JavaScript": (
        ("gpt-4o',", "gpt-4o', stream: true,"),
        ("response.json()", "response.text()"),
    ),
}
EXAMPLES = {**PROGRAMS, **METHODS}
README = Path(__file__).parents[2] / "README.md"
FENCED = re.MULTILINE | re.DOTALL
CURL = PROGRAMS["3.3 cURL"]


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody who tries the examples, and what the gateway shows to him."""

    child: Child
    visitor: httpx.Client
    key: str

    def runs(self, program: Program) -> str:
        return program(self.child.port, self.key)

    def newest_charge(self) -> dict[str, Any]:
        page = self.visitor.get("/api/user.php?action=transactions&limit=1")
        return dict(page.raise_for_status().json()["data"]["transactions"][0])

    def got(self, program: Program, printed: str) -> None:
        """What it printed is the answer, and that is what was charged."""
        charge = self.newest_charge()
        assert charge["model"] == program.model
        if program.makes == "chat":
            assert "chat.completion" in printed and program.model in printed
            assert charge["request_id"] in printed
            assert charge["amount"] < 0
            return
        start, magic = MAGIC[program.makes]
        (address,) = PLACE.findall(printed)
        file = self.visitor.get(address).raise_for_status()
        assert file.content[start:].startswith(magic)
        assert Decimal(charge["amount_exact"]) == -Decimal(DOLLARS[program.model])


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


@pytest.fixture(scope="module")
def reader(child: Child) -> Iterator[Reader]:
    demo = demo_of(child.data)
    who = {"email": demo["email"], "password": demo["password"]}
    with child.visitor() as visitor:
        visitor.post("/api/auth.php?action=login", json=who).raise_for_status()
        yield Reader(child, visitor, demo["api_key"])


def is_an_answer(answer: dict) -> None:
    assert answer["object"] == "chat.completion"
    assert answer["model"] == "gpt-4o"
    (choice,) = answer["choices"]
    assert "你好" in choice["message"]["content"]
    assert choice["finish_reason"] == "stop"
    assert answer["usage"]["cost"] > 0


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_example_gets_its_answer_and_is_charged(
    reader: Reader, name: str
) -> None:
    """node shows no more than the outside of an answer."""
    reader.got(EXAMPLES[name], reader.runs(EXAMPLES[name]))


READ: dict[str, Callable[[str], dict]] = {
    "3.3 cURL": json.loads,
    "3.3 Python": ast.literal_eval,
    "7.1 Python": ast.literal_eval,
}


@pytest.mark.parametrize("name", READ)
def test_an_example_prints_the_answer(reader: Reader, name: str) -> None:
    is_an_answer(READ[name](reader.runs(PROGRAMS[name])))


@pytest.mark.parametrize("name", STREAMING)
def test_every_example_can_be_a_stream(reader: Reader, name: str) -> None:
    printed = reader.runs(PROGRAMS[name].changed(*STREAMING[name]))
    *chunks, last, done = events(printed.encode())
    assert done == "[DONE]"
    assert "你好" in said([*chunks, last])
    assert {chunk["model"] for chunk in [*chunks, last]} == {"gpt-4o"}
    charge = reader.newest_charge()
    assert {chunk["id"] for chunk in chunks} == {charge["request_id"]}
    assert last["usage"]["cost"] == -charge["amount"]


def test_the_printed_line_can_be_pasted(reader: Reader) -> None:
    _, _, line = reader.child.greeting.partition("Try it:\n")
    assert line.strip().startswith("curl ")
    assert reader.key in line and reader.child.url in line
    is_an_answer(json.loads(run("curl", line)))


@pytest.mark.parametrize("fence", ["sh", "python"])
def test_what_the_readme_shows_runs_too(reader: Reader, fence: str) -> None:
    """Where it repeats the document it does so word for word, which runs already."""
    shown = {program.text.strip() for program in PROGRAMS.values()}
    blocks = re.findall(rf"^```{fence}\n(.*?)^```$", README.read_text("utf-8"), FENCED)
    calls = {text.strip() for text in blocks if KEY in text}
    assert calls - shown
    for text in calls - shown:
        program = Program({"sh": "curl"}.get(fence, fence), text, "", "")
        printed = reader.runs(program)
        assert printed.strip() and '"error"' not in printed


@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize("model", MODELS["chat"])
def test_every_model_of_the_document_answers_to_either_header(
    reader: Reader, model: str, header: str
) -> None:
    name, _, value = header.partition(": ")
    told = {name: value.replace(KEY, reader.key)}
    reply = reader.visitor.post(
        "/api/v1/chat/completions",
        headers=told,
        json={"model": model, "messages": HELLO},
    )
    assert (reply.status_code, reply.json()["model"]) == (200, model)


@pytest.mark.parametrize("kind", MODELS)
def test_models_are_listed_as_the_document_lists_them(
    reader: Reader, kind: str
) -> None:
    """Its tables lost the lines between their columns."""
    shown = reader.visitor.get("/api/v1/models", headers={"X-API-Key": reader.key})
    listed = {model["id"]: model for model in shown.json()["data"]}
    lines = DOCUMENT.read_text("utf-8").splitlines()
    for id in MODELS[kind]:
        model = listed[id]
        price = f"${DOLLARS[id]}" if id in DOLLARS else ""
        assert model["available"] is True
        assert f"{id}{model['owned_by']}{price}{model['description']}" in lines


def test_a_registration_is_answered_as_the_document_shows_it(child: Child) -> None:
    place = WEB_ENDPOINTS[0].removeprefix("POST")
    with child.visitor() as visitor:
        answer = visitor.post(place, content=REGISTRATION)
    assert answer.status_code == 200
    got, shown = answer.json(), json.loads(REGISTERED)
    user, shown_user = got["data"]["user"], shown["data"]["user"]
    assert got | {"data": None} == shown | {"data": None}
    assert set(shown_user) <= set(user)
    same = ("email", "balance", "status")
    assert [user[name] for name in same] == [shown_user[name] for name in same]
    assert '"balance":10.00,' in answer.text
    assert user["api_key"].startswith("tk_") and len(user["id"]) == 36


# What of section 2 is told with no example, and what is sent there.
SENT: dict[str, dict[str, object]] = {
    "POST/api/auth.php?action=login": {
        "email": "someone@example.com", "password": "your_password"
    },
    "GET/api/user.php?action=profile": {},
    "POST/api/user.php?action=charge": {"amount": 10, "method": "test"},
    "GET/api/user.php?action=transactions": {},
}


def test_every_web_address_of_the_document_answers(child: Child) -> None:
    register, *others = WEB_ENDPOINTS
    someone = SENT["POST/api/auth.php?action=login"]
    with child.visitor() as visitor:
        visitor.post(register.removeprefix("POST"), json=someone).raise_for_status()
        for place in others:
            method, _, path = place.partition("/")
            reply = visitor.request(method, f"/{path}", json=SENT[place] or None)
            assert (place, reply.status_code) == (place, 200)
            assert set(reply.json()) == {"success", "message", "data"}


@pytest.mark.parametrize("place", API_ENDPOINTS)
def test_every_program_s_address_answers(reader: Reader, place: str) -> None:
    """That it does as it should is what the programs show."""
    method, _, path = place.partition("/")
    reply = reader.visitor.request(
        method, f"/{path}", headers={"X-API-Key": reader.key}, content="{}"
    )
    assert (reply.status_code, reply.json()["error"]["type"]) == (
        400, "invalid_request_error"
    )


def test_the_page_of_the_document_is_there(reader: Reader) -> None:
    page = reader.visitor.get(httpx.URL(PAGE).path)
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")


def test_the_document_says_how_a_missing_key_fails(child: Child) -> None:
    reply = json.loads(CURL(child.port, KEY))
    assert reply["error"]["code"] == "invalid_api_key"


def test_it_is_healthy_once_it_says_where_it_is(reader: Reader) -> None:
    assert reader.visitor.get("/healthz").status_code == 200
    assert reader.visitor.get("/readyz").status_code == 200
    (page,) = (
        line.split()[1]
        for line in reader.child.greeting.splitlines()
        if line.startswith("  dashboard ")
    )
    assert reader.visitor.get(page).status_code == 200


def test_the_printed_facts_are_in_a_file_of_its_owners(
    child: Child, reader: Reader
) -> None:
    path = child.data / "demo.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    demo = demo_of(child.data)
    assert set(demo) == {"address", "email", "password", "api_key"}
    assert demo["address"] == child.url
    assert all(fact in child.greeting for fact in demo.values())
    assert reader.newest_charge()["balance_after"] <= 10


def test_the_next_start_keeps_the_key(tmp_path: Path) -> None:
    with Child(tmp_path, {}, "--demo") as child:
        first = demo_of(tmp_path)
        is_an_answer(json.loads(CURL(child.port, first["api_key"])))
        assert child.stop() == 0
    with Child(tmp_path, {}, "--demo") as child:
        second = demo_of(tmp_path)
        is_an_answer(json.loads(CURL(child.port, first["api_key"])))
        assert child.stop() == 0
    assert second == {**first, "address": child.url}
    prove(tmp_path)
