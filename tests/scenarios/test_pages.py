"""A stream and the pages of somebody with a million requests, side by side.

The gateway is a process of its own, as an operator runs it. The provider sends a chunk
each time the test says so, at a steady pace; meanwhile the pages ask for all they can,
files included. Every chunk arrives, in its order, and none is held up for long. How
long a page may take is asked elsewhere; here it is the stream that counts.
"""

import itertools
import json
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import httpx
import pytest

from config import load
from storage import open_storage
from tests.dashboard.million import REQUESTS, fill
from tests.fakes.openai_script import Answer, Edit, Gate
from tests.fakes.openai_server import FakeOpenAI
from tests.fakes.script import Step
from tests.scenarios.child import Child
from tests.scenarios.harness import CONFIG, environ_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

EMAIL, PASSWORD = "million@example.com", "password"
CHUNKS = 300
PACE_SECONDS = 0.03
# Generous: the machine may be busy with other things as well.
HELD_UP_SECONDS = 50 * PACE_SECONDS
# Each takes a file as well, and two files at once are what an account gets.
VISITORS = 2
ASKED: tuple[dict[str, str], ...] = (
    {"action": "overview", "days": "90"},
    {"action": "transactions", "limit": "200"},
    {"action": "transactions", "model": "no-such-model", "limit": "200"},
    {"action": "requests", "limit": "200"},
    {"action": "requests", "key_id": "999"},
    {"action": "usage", "by": "day_model"},
    {"action": "usage", "by": "key"},
    {"action": "keys"},
    {"action": "profile"},
)
FILE = {"action": "usage_csv"}


def test_a_stream_flows_undisturbed_beside_the_pages(
    tmp_path: Path, fake_openai: FakeOpenAI
) -> None:
    gates = [Gate() for _ in range(CHUNKS)]
    words = [f"{number} " for number in range(CHUNKS)]
    fake_openai.always(Answer(pieces=words, edits=[held_by(gates)]))
    over = threading.Event()
    calls: list[int] = []
    with Child(tmp_path, environ_of(fake_openai)) as gateway:
        key = gateway.register(EMAIL)
        use_much(tmp_path)
        threads = [
            threading.Thread(target=visit, args=(gateway.url, over, calls))
            for _ in range(VISITORS)
        ]
        threads.append(threading.Thread(target=pace, args=(gates,)))
        for thread in threads:
            thread.start()
        heard, moments = listen(gateway.url, key)
        over.set()
        for thread in threads:
            thread.join()
    gaps = [later - earlier for earlier, later in itertools.pairwise(moments)]
    assert heard == words, gateway.log
    assert max(gaps) < HELD_UP_SECONDS
    # There was something beside it.
    assert set(calls) == {200}
    assert len(calls) > VISITORS * len(ASKED)


def use_much(data: Path) -> None:
    """A million requests of the one user there is. The gateway, which would not start
    with rows that do not add up, runs already."""
    settings = load(CONFIG, {})
    storage = open_storage(data, settings.ledger, gateway=False)
    (user,) = storage.reader.users()
    default = storage.reader.default_key(user.account_id)
    assert default is not None
    fill(storage, user.account_id, default[0].id, storage.clock.wall_ns(), "")
    storage.close()


def held_by(gates: Iterable[Gate]) -> Edit:
    """A gate before each event, as long as there are gates."""

    def edit(before: Iterator[Step]) -> Iterator[Step]:
        for gate in gates:
            yield gate
            yield from itertools.islice(before, 1)
        yield from before

    return edit


def pace(gates: Iterable[Gate]) -> None:
    never = threading.Event()
    for gate in gates:
        never.wait(PACE_SECONDS)
        gate.open()


def listen(url: str, key: str) -> tuple[list[str], list[float]]:
    """The words of a streamed answer, and when each of them came."""
    ask = {
        "model": "gpt-4o",
        "messages": [{"role": "user", "content": "count"}],
        "stream": True,
    }
    heard: list[str] = []
    moments: list[float] = []
    headers = {"Authorization": f"Bearer {key}"}
    address = f"{url}/api/v1/chat/completions"
    with httpx.stream("POST", address, json=ask, headers=headers, timeout=60) as answer:
        assert answer.status_code == 200
        for line in answer.iter_lines():
            word = word_of(line)
            if word:
                heard.append(word)
                moments.append(time.perf_counter())
    return heard, moments


def word_of(line: str) -> str:
    text = line.removeprefix("data: ")
    if not text.startswith("{"):
        return ""
    (choice, *_) = json.loads(text)["choices"] or [{"delta": {}}]
    return choice["delta"].get("content") or ""


def visit(url: str, over: threading.Event, calls: list[int]) -> None:
    """Somebody who looks at every page again and again, and takes a file along."""
    with httpx.Client(base_url=url, headers={"Origin": url}, timeout=60) as web:
        fields = {"email": EMAIL, "password": PASSWORD}
        answer = web.post("/api/auth.php?action=login", json=fields)
        assert answer.status_code == 200, answer.text
        while not over.is_set():
            for query in ASKED:
                calls.append(web.get("/api/user.php", params=query).status_code)
            calls.append(begin_file(web, over))


def begin_file(web: httpx.Client, over: threading.Event) -> int:
    """A file of a million lines, as much of it as five thousand take."""
    with web.stream("GET", "/api/user.php", params=FILE) as answer:
        lines = itertools.islice(answer.iter_lines(), REQUESTS // 200)
        for _ in itertools.takewhile(lambda _: not over.is_set(), lines):
            pass
        return answer.status_code
