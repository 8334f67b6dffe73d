"""An inspector as an operator sets it up: with a password of their own in the file, a
level for each key, and searched by the filters that the guide has."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from addons.inspector.passwords import hashed
from tests.fakes.openai_script import Answer, Status
from tests.fakes.openai_server import FakeOpenAI
from tests.scenarios.child import Child, prove
from tests.scenarios.dial import CHAT, Dial, ask_body, chat, request
from tests.scenarios.examples import replace_once
from tests.scenarios.harness import CONFIG, environ_of
from tests.scenarios.looking import Looking

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

PASSWORD = "correct horse battery staple"
EMAILS = ("ada@example.com", "bob@example.com", "eve@example.com")
WORDS = [{"role": "user", "content": "tell me of the sea"}]
CHANGES = {
    'password: "${AUTOLIST_WEB_PASSWORD:-}"': f'password: "{hashed(PASSWORD)}"',
    # By the order in which they are made: the second one's, and the third's.
    "full: []": "full: [2]",
    '"off": []': '"off": [3]',
}


@pytest.fixture
def child(fake: FakeOpenAI, tmp_path: Path) -> Iterator[Child]:
    config = tmp_path / "config"
    shutil.copytree(CONFIG, config, ignore=shutil.ignore_patterns("*.py*"))
    path = config / "gateway.yaml"
    text = path.read_text("utf-8")
    for old, new in CHANGES.items():
        text = replace_once(text, old, new)
    path.write_text(text, "utf-8")
    flags = ("--config", str(config), "--web", "--web-port", "0")
    with Child(tmp_path / "data", environ_of(fake), *flags) as child:
        yield child
    prove(child.data)


@pytest.fixture
def keys(child: Child) -> list[str]:
    return [child.register(email) for email in EMAILS]


@pytest.fixture
def looking(child: Child) -> Iterator[Looking]:
    with Looking(child, PASSWORD) as looking:
        yield looking


def test_only_the_password_of_the_file_opens(child: Child, looking: Looking) -> None:
    assert looking.flows()
    for wrong in ("wrong", hashed(PASSWORD)):
        held = {"authorization": f"Bearer {wrong}"}
        answer = httpx.get(looking.url + "flows", headers=held, trust_env=False)
        assert answer.status_code == 403


def test_each_key_is_shown_as_far_as_the_file_says(
    child: Child, looking: Looking, keys: list[str]
) -> None:
    with Dial(child.port) as dial:
        ids = []
        # The one that is not shown before the others: when those are, it would be.
        for key in reversed(keys):
            reply = dial.ask(chat(key, messages=WORDS))
            assert reply.status == 200
            ids.append(reply.headers["x-request-id"])
    looking.until(2, " · charged")
    shown = {id: looking.found(f"~meta {id} & ~comment charged") for id in ids}
    off, full, headers = (shown[id] for id in ids)
    assert off == [] and ids[0].encode() not in looking.saved()
    assert b"the sea" in (full[0].request.raw_content or b"")
    assert full[0].response.raw_content
    assert headers[0].request.raw_content == b""
    assert headers[0].response.raw_content == b""
    for flow in (full[0], headers[0]):
        # 12→34 tok · $0.0004 · ttft 310 ms · attempt 1 · charged
        used, paid, first, attempt, state = flow.comment.split(" · ")
        assert used.endswith(" tok") and "→" in used
        assert paid.startswith("$0.") and first.startswith("ttft ")
        assert (attempt, state) == ("attempt 1", "charged")


def test_what_the_guide_says_is_found_is_found(
    fake: FakeOpenAI, child: Child, looking: Looking, keys: list[str]
) -> None:
    ada, bob, _ = keys
    fake.script(Answer(), Status(503), Answer(), Status(401), Answer())
    with Dial(child.port) as dial:
        good = dial.ask(chat(bob, messages=WORDS))
        again = dial.ask(chat(ada))
        refused = dial.ask(chat(ada, model="nobody"))
        ejected = dial.ask(chat(ada))
        for _ in "12":
            held = {"Authorization": f"Bearer {bob}", "Idempotency-Key": "once"}
            kept = dial.ask(request("POST", CHAT, ask_body(), held))
    assert [one.status for one in (good, again, refused, ejected, kept)] == [
        *(200, 200, 404, 502, 200),
    ]
    looking.until(1, "replayed")
    replies = {
        "good": good,
        "again": again,
        "refused": refused,
        "ejected": ejected,
        "kept": kept,
    }
    names = {reply.headers["x-request-id"]: name for name, reply in replies.items()}

    def sought(text: str) -> set[str]:
        """Which requests, without the calls that were made for them."""
        found = looking.found(text)
        flows = [one for one in found if one.request.path.startswith(CHAT)]
        # Whoever gets an answer of before is told the name of the request it was for.
        return {names.get(str(flow.metadata["request"]), "replay") for flow in flows}

    (own, *_) = looking.found(f"~meta {good.headers['x-request-id']}")
    user = str(own.metadata["user"])
    for text, expected in {
        "~comment charged": {"good", "again", "kept", "ejected"},
        f'~meta "user: {user[:8]}"': {"good", "kept", "replay"},
        '~meta "model: gpt-4o" & ~meta "key: 1"': {"again", "ejected"},
        '~meta "error: model_not"': {"refused"},
        "~marker red": {"refused"},
        "~marker repeat": {"again"},
        "~marker no_entry": {"ejected"},
        "~marker recycle": {"replay"},
        "~marked": {"again", "refused", "ejected", "replay"},
        "~c 404": {"refused"},
        "~b the.sea": {"good"},
        "~comment replayed | ~c 404": {"replay", "refused"},
        '~comment "charged" & !~comment "not charged" & ~b the.sea': {"good"},
    }.items():
        assert sought(text) == expected, text
    calls = looking.found(f"~meta {again.headers['x-request-id']} & ~meta outcome")
    assert [one.comment.split(" · ")[1] for one in calls] == ["attempt 1", "attempt 2"]
