"""The fake Runway, judged by Runway's own SDK."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import runwayml
from runwayml import RunwayML

from tests.fakes.mp4 import video_comment
from tests.fakes.runway_server import SUBMIT, FakeRunway, Film, Status
from tests.fakes.script import End, Raw, Silence, after

CAT: dict[str, Any] = {
    "model": "gen4.5",
    "prompt_text": "一只猫",
    "ratio": "1280:720",
    "duration": 5,
}
RAW_CAT = {"model": "gen4.5", "promptText": "猫", "ratio": "1280:720", "duration": 5}


@pytest.fixture
def fake() -> Iterator[FakeRunway]:
    with FakeRunway() as fake:
        yield fake


@pytest.fixture
def client(fake: FakeRunway) -> Iterator[RunwayML]:
    with RunwayML(
        api_key="key_runway", base_url=fake.base_url, max_retries=0, timeout=10
    ) as made:
        yield made


def submit(client: RunwayML, **changes: Any) -> str:
    return client.text_to_video.create(**{**CAT, **changes}).id


def test_a_video_is_made_as_a_task(client, fake) -> None:
    begun = client.text_to_video.create(**CAT)
    assert begun.estimated_cost.credits == 60
    found = [client.tasks.retrieve(begun.id) for _ in range(4)]
    assert [one.status for one in found] == ["PENDING", "RUNNING", *["SUCCEEDED"] * 2]
    assert found[0].estimated_cost.credits == 60
    assert 0 < found[1].progress < 1
    assert found[2].cost.credits == 60
    first, second = found[2].output[0], found[3].output[0]
    assert first != second
    data = httpx.get(second, trust_env=False).content
    assert video_comment(data) == "一只猫"
    assert fake.fetched == [f"{begun.id}-4.mp4"] and not fake.betrayed
    assert len(fake.submits) == 1


def test_a_task_waits_and_fails_as_it_is_told(client, fake) -> None:
    fake.script(
        Film(plan=("THROTTLED", "FAILED"), failure_code="SAFETY.INPUT.TEXT"),
        Film(plan=("CANCELLED",)),
        Film(plan=("FAILED",), failure_code=None),
    )
    name = submit(client)
    assert client.tasks.retrieve(name).status == "THROTTLED"
    failed = client.tasks.retrieve(name)
    assert (failed.status, failed.failure_code) == ("FAILED", "SAFETY.INPUT.TEXT")
    assert failed.cost.credits == 0
    assert client.tasks.retrieve(submit(client)).status == "CANCELLED"
    assert client.tasks.retrieve(submit(client)).failure_code is None


def test_a_deleted_task_is_gone(client, fake) -> None:
    name = submit(client)
    client.tasks.delete(name)
    assert fake.deleted == [name]
    for ask in (client.tasks.retrieve, client.tasks.delete):
        with pytest.raises(runwayml.NotFoundError):
            ask(name)


@pytest.mark.parametrize(
    "changes",
    [
        {"model": "gen4_turbo"},
        {"prompt_text": ""},
        {"prompt_text": "猫" * 1001},
        {"prompt_text": "😀" * 501},
        {"ratio": "960:960"},
        {"duration": 11},
        {"duration": 1},
        {"extra_body": {"n": 2}},
    ],
)
def test_what_it_does_not_take_is_refused(client, changes: dict[str, Any]) -> None:
    with pytest.raises(runwayml.BadRequestError):
        submit(client, **changes)


@pytest.mark.parametrize(
    ("behaviour", "error"),
    [
        (Status(400), runwayml.BadRequestError),
        (Status(429, headers={"retry-after": "7"}), runwayml.RateLimitError),
        (Status(503), runwayml.InternalServerError),
        (Silence(End.RST), runwayml.APIConnectionError),
        (Film(edits=(after(1, End.RST),)), runwayml.APIConnectionError),
    ],
)
def test_errors_of_both_kinds_are_as_it_is_told(client, fake, behaviour, error) -> None:
    fake.script(behaviour)
    with pytest.raises(error):
        submit(client)
    if isinstance(behaviour, Film):
        return
    fake.script(Film(plan=(behaviour, "SUCCEEDED")))
    name = submit(client)
    with pytest.raises(error):
        client.tasks.retrieve(name)
    assert client.tasks.retrieve(name).status == "SUCCEEDED"


def test_a_wait_and_garbage_are_passed_on(client, fake) -> None:
    fake.script(Status(429, headers={"retry-after": "7"}), Raw(b"<html>"))
    with pytest.raises(runwayml.RateLimitError) as caught:
        submit(client)
    assert caught.value.response.headers["retry-after"] == "7"
    reply = client.text_to_video.with_raw_response.create(**CAT)
    assert reply.http_response.content == b"<html>"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 400),
        ({"x-runway-version": "2023-01-01"}, 400),
        ({"authorization": "Bearer no", "x-runway-version": "2024-11-06"}, 401),
    ],
)
def test_the_key_and_the_version_are_asked_for(fake, headers, status: int) -> None:
    headers = {"authorization": "Bearer key_runway", **headers}
    reply = httpx.post(
        fake.address + SUBMIT, json=RAW_CAT, headers=headers, trust_env=False
    )
    assert (reply.status_code, "error" in reply.json()) == (status, True)


def test_there_is_nothing_else(client) -> None:
    with pytest.raises(runwayml.NotFoundError):
        client.organization.retrieve()
