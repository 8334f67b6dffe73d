"""Fakes that make things as tasks: plans, and files that are nobody's secret."""

from collections.abc import Iterator

import httpx
import pytest

from tests.fakes.runway_server import SUBMIT, TASKS, FakeRunway, Film, Status
from tests.fakes.task_server import File, Task

HEADERS = {"authorization": "Bearer key_runway", "x-runway-version": "2024-11-06"}
CAT = {"model": "gen4.5", "promptText": "cat", "ratio": "1280:720", "duration": 5}


@pytest.fixture
def fake() -> Iterator[FakeRunway]:
    with FakeRunway() as fake:
        yield fake


def client(fake: FakeRunway) -> httpx.Client:
    return httpx.Client(base_url=fake.address, headers=HEADERS, trust_env=False)


def test_a_plan_goes_on_to_its_last_step_and_stays() -> None:
    task: Task[int] = Task("t", {}, ("A", 7, "B"))
    assert (task.state, task.polls) == ("A", 0)
    assert [task.step() for _ in range(5)] == ["A", 7, "B", "B", "B"]
    assert (task.state, task.polls) == ("B", 5)


def test_each_task_has_its_plan_and_questions_take_no_script(fake) -> None:
    fake.script(Film(plan=("FAILED",)), Film(plan=(Status(503), "SUCCEEDED")))
    with client(fake) as asker:
        first, second = (asker.post(SUBMIT, json=CAT).json()["id"] for _ in range(2))
        replies = [asker.get(TASKS + one) for one in (second, first, second, "none")]
    assert [one.status_code for one in replies] == [503, 200, 200, 404]
    assert [replies[n].json()["status"] for n in (1, 2)] == ["FAILED", "SUCCEEDED"]
    assert [one.path for one in fake.submits] == [SUBMIT, SUBMIT]
    assert len(fake.requests) == 6


def test_files_are_for_everybody_and_a_key_is_remembered(fake) -> None:
    fake.files["a"] = File(b"data")
    fake.files["b"] = File(b"", location="http://other.example/")
    fake.files["c"] = File(b"gone", status=410)
    found = [
        httpx.get(fake.file_address(name), trust_env=False) for name in "abcd"
    ]
    assert [one.status_code for one in found] == [200, 302, 410, 404]
    assert found[0].content == b"data"
    assert found[0].headers["content-type"] == "video/mp4"
    assert fake.fetched == list("abcd") and not fake.betrayed
    with client(fake) as asker:
        asker.get("/files/a")
    assert fake.betrayed
