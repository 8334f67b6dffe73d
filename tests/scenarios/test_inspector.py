"""Somebody looks on, and nobody is served otherwise for it.

Real processes: the gateway, its inspector, and whatever is done to the latter.
"""

import json
import os
import signal
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from addons.inspector.socket_file import connect
from storage import engine_at
from storage.reader import Reader
from tests.scenarios.child import Child, bare, program, prove
from tests.scenarios.dial import Dial, chat
from tests.scenarios.looking import Looking, request_id

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

FLAGS = ("--demo", "--web", "--web-port", "0")
EMAIL = "ada@example.com"
PROMPT = f"write to {EMAIL}, my key is tk_{'a1B2' * 8}"
FLOOD = 300
SERVED = 20


@pytest.fixture
def child(tmp_path: Path) -> Iterator[Child]:
    data = tmp_path / "data"
    # What is kept is little, so that a flood is soon more than that.
    with Child(data, {}, *FLAGS) as child:
        yield child
    assert child.process.returncode == 0
    prove(data)


@pytest.fixture
def looking(child: Child) -> Iterator[Looking]:
    with Looking(child) as looking:
        yield looking


@pytest.fixture
def key(child: Child) -> str:
    return child.register(EMAIL)


def ask(child: Child, key: str, path: str = "chat/completions", **body: object):
    body = {"messages": [{"role": "user", "content": "hi"}], "model": "gpt-4o"} | body
    return httpx.post(
        f"{child.api}/{path}",
        json=body,
        headers={"authorization": f"Bearer {key}"},
        trust_env=False,
        timeout=60,
    )


def inspector_of(child: Child) -> int:
    (pid,) = child.workers()
    return pid


def test_what_is_captured_is_what_the_ledger_charged(
    child: Child, looking: Looking, key: str, tmp_path: Path
) -> None:
    ask(child, key)
    ask(child, key, stream=True)
    ask(child, key, "images/generations", prompt="a cat", n=2, model="dall-e-3")
    ask(child, key, "videos/generations", prompt="waves", model="gen-2")
    ask(child, key, model="nobody")
    ask(child, "tk_wrong")
    with Dial(child.port) as dial:
        words = [{"role": "user", "content": "a long story " * 50}]
        dial.send(chat(key, stream=True, messages=words))
        dial.head()
        dial.piece()
    looking.until(5, " · charged")
    flows = looking.until(2, "refused")
    captured = tmp_path / "flows"
    captured.write_bytes(looking.saved())
    done = subprocess.run(
        program("meter", str(captured), "--json"),
        env=bare({}),
        stdout=subprocess.PIPE,
        check=True,
    )
    results = [one for one in json.loads(done.stdout) if one["verdict"] != "free"]
    assert [one["verdict"] for one in results] == ["same"] * 5
    reader = Reader(engine_at(child.data, ""))
    for one in results:
        usage = reader.usage(one["request"])
        if usage is not None:
            assert one["computed_nano"] == usage.paid_nano
            assert one["charged_nano"] == usage.paid_nano
    assert {one["evidence"] for one in results} >= {"reported", "counted", "partial"}
    assert any("[gpt-4o · " in one["request"]["path"] for one in flows)


def test_nothing_that_gives_access_is_ever_shown(
    child: Child, looking: Looking, key: str
) -> None:
    with child.visitor() as visitor:
        login = {"email": EMAIL, "password": "password"}
        visitor.post("/api/auth.php?action=login", json=login).raise_for_status()
        cookie = "".join(visitor.cookies.values())
    words = [{"role": "user", "content": PROMPT}]
    ask(child, key, messages=words, user=EMAIL, model="nobody")
    ask(child, key, "images/generations", prompt=PROMPT, model="dall-e-3")
    looking.until(1, "charged")
    saved = looking.saved()
    for secret in (key, EMAIL, cookie, "password", "tk_a1B2", looking.password):
        assert secret.encode() not in saved, secret
    assert b"[e-mail]" in saved and b"signature=[secret]" in saved


def test_only_its_owner_may_reach_the_socket(child: Child, looking: Looking) -> None:
    mode = (child.data / "inspector.sock").stat().st_mode
    assert stat.S_ISSOCK(mode) and stat.S_IMODE(mode) == 0o600
    assert httpx.get(looking.url + "flows", trust_env=False).status_code == 403


def test_what_is_asked_for_a_video_stands_with_its_request(
    looking: Looking, child: Child, key: str
) -> None:
    ordered = ask(child, key, "videos", prompt=PROMPT, model="gen-2", seconds="5")
    assert ordered.status_code == 200, ordered.text
    video = ordered.json()
    request = ordered.headers["x-request-id"]
    shown = looking.until(1, " · result · ")
    rows = [one for one in shown if " · attempt 1 · " in one["request"]["path"]]
    errands = [one["comment"].split(" · ")[2] for one in rows]
    assert errands[0] == "submit" and errands[-1] == "result"
    (polled,) = (one for one in rows if " · poll " in one["comment"])
    assert " · 200 · " in polled["comment"]
    assert "[e-mail]" in looking.content(rows[0], "request")
    for sought in (video["id"], request):
        found = looking.found(f"~meta {sought} & ~comment submit")
        assert [one.id for one in found] == [rows[0]["id"]]


def test_the_inspector_logs_as_all_others_do(child: Child, looking: Looking) -> None:
    stranger = connect(child.data)
    assert stranger is not None
    with stranger:
        stranger.send(b"none of ours" * 9)
        stranger.setblocking(True)
        assert stranger.recv(1) == b"", "it hangs up"
    while "none of ours" not in child.log:
        continue
    told = json.loads(child.log)
    assert (told["process"], told["level"]) == ("inspector", "error")
    (child.data / "stderr.log").write_text("", "utf-8")


def test_an_inspector_that_is_stopped_stops_nobody(
    child: Child, looking: Looking, key: str
) -> None:
    ask(child, key)
    looking.until(1, "charged")
    os.kill(inspector_of(child), signal.SIGSTOP)
    for _ in range(SERVED):
        assert ask(child, key, stream=True).status_code == 200
    os.kill(inspector_of(child), signal.SIGCONT)
    looking.until(1 + SERVED, "charged")


def test_an_inspector_that_is_killed_comes_again(
    child: Child, looking: Looking, key: str
) -> None:
    ask(child, key)
    before = looking.until(1, "charged")
    os.kill(inspector_of(child), signal.SIGKILL)
    for _ in range(SERVED):
        assert ask(child, key).status_code == 200
    asked, shown = set(), set()
    while not asked & shown:
        # At the same address, with the same password; only what was kept is gone.
        asked.add(request_id_of(ask(child, key)))
        shown = {request_id(flow) for flow in looking.flows()}
    gone = {request_id(flow) for flow in before} - {""}
    assert not gone & shown
    assert "the inspector ended with -9" in child.log
    (child.data / "stderr.log").write_text("", "utf-8")


def request_id_of(answer: httpx.Response) -> str:
    assert answer.status_code == 200
    return str(answer.headers["x-request-id"])


def test_a_flood_is_more_than_the_inspector_and_not_than_the_gateway(
    child: Child, looking: Looking, key: str
) -> None:
    os.kill(inspector_of(child), signal.SIGSTOP)
    with Dial(child.port) as dial:
        dial.socket.settimeout(60)
        words = [{"role": "user", "content": "x" * 200_000}]
        # It is refused, and shown all the same.
        asked = chat(key, model="nobody", messages=words)
        for _ in range(FLOOD):
            assert dial.ask(asked).status == 404
    os.kill(inspector_of(child), signal.SIGCONT)
    last = request_id_of(ask(child, key))
    while last not in {request_id(flow) for flow in looking.flows()}:
        continue
    assert len(looking.flows()) < FLOOD, "what was too much was dropped"
