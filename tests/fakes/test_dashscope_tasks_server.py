"""The fake of DashScope's tasks, judged by DashScope's own SDK."""

from collections.abc import Iterator
from typing import Any

import dashscope
import httpx
import pytest
from dashscope.v2 import errors

from tests.fakes.dashscope_tasks_server import (
    API,
    PATH,
    Business,
    FakeDashScopeTasks,
    Image,
)
from tests.fakes.png import comment
from tests.fakes.script import End, Raw, Silence, after

CAT: dict[str, Any] = {"model": "qwen-image", "prompt": "一只猫", "n": 1}


@pytest.fixture
def fake() -> Iterator[FakeDashScopeTasks]:
    with FakeDashScopeTasks() as fake:
        yield fake


@pytest.fixture
def client(fake: FakeDashScopeTasks) -> Iterator[dashscope.Client]:
    with dashscope.Client(
        api_key="sk-dashscope", base_url=fake.base_url, max_retries=0, timeout=10
    ) as made:
        yield made


def submit(client: dashscope.Client, **changes: Any) -> str:
    asked = {**CAT, "size": "1328*1328", **changes}
    return client.images.jobs.create(**asked).task_id


def test_an_image_is_made_as_a_task(client, fake) -> None:
    name = submit(client, prompt_extend=True, watermark=False)
    found = [client.images.jobs.fetch(name) for _ in range(3)]
    assert [one.status for one in found] == ["PENDING", "RUNNING", "SUCCEEDED"]
    (url,) = found[2].image_urls
    assert comment(httpx.get(url, trust_env=False).content) == "一只猫"
    assert found[2].output["results"][0]["actual_prompt"] == "再写一遍"
    assert found[2].usage.image_count == 1
    assert len(fake.submits) == 1 and not fake.betrayed


def test_the_sdk_waits_until_it_is_made(client, fake) -> None:
    fake.script(Image(plan=("PENDING", "SUSPENDED", "SUCCEEDED")))
    job = client.images.generate(**CAT, size="928*1664", poll_interval=0)
    assert len(job.image_urls) == 1
    assert fake.tasks[job.task_id].polls == 3


def test_a_part_may_fail(client, fake) -> None:
    fake.script(Image(plan=("SUCCEEDED",), results=(None, "DataInspectionFailed")))
    job = client.images.jobs.fetch(submit(client))
    assert len(job.image_urls) == 1
    assert job.output["results"][1]["code"] == "DataInspectionFailed"
    assert job.usage.image_count == 1


def test_a_task_fails_as_it_is_told(client, fake) -> None:
    fake.script(Image(plan=("FAILED",), code="DataInspectionFailed"))
    with pytest.raises(errors.ContentFilterError) as caught:
        client.images.jobs.fetch(submit(client))
    assert caught.value.status_code == 200


def test_what_is_not_known_is_said_under_200(client) -> None:
    assert client.images.jobs.fetch("none").status == "UNKNOWN"


def test_a_task_is_cancelled_while_it_waits(client) -> None:
    name = submit(client)
    client.images.jobs.cancel(name)
    assert client.images.jobs.fetch(name).status == "CANCELED"
    with pytest.raises(errors.BadRequestError):
        client.images.jobs.cancel(name)


@pytest.mark.parametrize(
    "changes",
    [
        {"model": "qwen-image-2.0"},
        {"prompt": ""},
        {"prompt": "猫" * 801},
        {"n": 2},
        {"size": "1024*1024"},
        {"style": "vivid"},
    ],
)
def test_what_it_does_not_take_is_refused(client, changes: dict[str, Any]) -> None:
    with pytest.raises(errors.BadRequestError):
        submit(client, **changes)


@pytest.mark.parametrize(
    ("behaviour", "error"),
    [
        (Business("Throttling.RateQuota", status=429), errors.RateLimitError),
        (Business("InternalError", status=500), errors.InternalServerError),
        (Silence(End.RST), errors.APIConnectionError),
        (Raw(b"<html>"), ValueError),
        (Image(edits=(after(1, End.RST),)), errors.APIConnectionError),
    ],
)
def test_it_fails_as_it_is_told(client, fake, behaviour, error) -> None:
    fake.script(behaviour)
    with pytest.raises(error):
        submit(client)
    if isinstance(behaviour, Image):
        return
    fake.script(Image(plan=(behaviour, "SUCCEEDED")))
    name = submit(client)
    with pytest.raises(error):
        client.images.jobs.fetch(name)
    assert client.images.jobs.fetch(name).status == "SUCCEEDED"


def test_a_business_error_comes_under_200(client, fake) -> None:
    fake.script(Business("DataInspectionFailed"))
    with pytest.raises(errors.DashScopeError) as caught:
        submit(client)
    assert "DataInspectionFailed" in str(caught.value)


def test_the_key_and_the_header_are_asked_for(fake) -> None:
    for headers, status in (
        ({"x-dashscope-async": "enable"}, 401),
        ({"authorization": "Bearer sk-dashscope"}, 403),
    ):
        reply = httpx.post(
            fake.address + PATH, json={}, headers=headers, trust_env=False
        )
        assert reply.status_code == status
    key = {"authorization": "Bearer sk-dashscope"}
    reply = httpx.get(f"{fake.address}{API}/other", headers=key, trust_env=False)
    assert reply.status_code == 404
