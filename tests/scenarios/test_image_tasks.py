"""Images that are made as tasks, through the whole gateway: one provider by
configuration alone, and one charge for each image."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from addons.upstream.upstream import Upstream
from config import Settings
from config.settings import Candidate
from tests.fakes.dashscope_tasks_server import Business, FakeDashScopeTasks, Image
from tests.fakes.script import End, Silence
from tests.scenarios.dial import Dial, Reply, request
from tests.scenarios.harness import Caller, Gateway

PATH = "/api/v1/images/generations"


@pytest.fixture
def tasks() -> Iterator[FakeDashScopeTasks]:
    with FakeDashScopeTasks() as fake:
        yield fake


def by_tasks(settings: Settings) -> Settings:
    """qwen-vl by the older model, which a provider of another dialect makes."""
    native = settings.providers["dashscope-native"]
    provider = replace(native, name="tasks", dialect="dashscope-tasks")
    model = replace(
        settings.models["qwen-vl"], candidates=(Candidate("tasks", "qwen-image"),)
    )
    return replace(
        settings,
        providers=MappingProxyType({**settings.providers, "tasks": provider}),
        models=MappingProxyType({**settings.models, "qwen-vl": model}),
    )


async def at_once(seconds: float) -> None:
    """No test waits for a task."""


def impatient(chain: tuple[object, ...]) -> None:
    for addon in chain:
        if isinstance(addon, Upstream):
            addon.pause = at_once


@pytest.fixture
def gateway(tasks: FakeDashScopeTasks, tmp_path: Path) -> Iterator[Gateway]:
    environ = {
        "DASHSCOPE_API_URL": tasks.base_url,
        "DASHSCOPE_API_KEY": "sk-dashscope",
    }
    with Gateway(tmp_path, environ, by_tasks, impatient) as gateway:
        yield gateway
        gateway.prove()


def ask(gateway: Gateway, caller: Caller, **fields: Any) -> Reply:
    body = json.dumps({"model": "qwen-vl", "prompt": "一只猫", **fields}).encode()
    told = {"Host": "x", "Authorization": f"Bearer {caller.key}"}
    with Dial(gateway.port) as dial:
        return dial.ask(request("POST", PATH, body, told))


def test_each_image_is_a_task_and_a_charge(gateway, tasks) -> None:
    caller = gateway.caller()
    reply = ask(gateway, caller, n=3)
    assert (reply.status, len(reply.json["data"])) == (200, 3)
    assert reply.json["data"][0]["revised_prompt"] == "再写一遍"
    assert reply.headers["x-autolist-cost"] == "0.045"
    assert len(tasks.submits) == 3 and not tasks.betrayed


def test_a_task_that_fails_costs_nothing_and_the_others_what_they_are(
    gateway, tasks
) -> None:
    caller = gateway.caller()
    tasks.script(Image(), Image(plan=("FAILED",)), Image(plan=("UNKNOWN",)))
    reply = ask(gateway, caller, n=3)
    assert (reply.status, len(reply.json["data"])) == (200, 1)
    assert reply.headers["x-autolist-cost"] == "0.015"


def test_questions_that_fail_are_asked_again_and_nothing_is_submitted_twice(
    gateway, tasks
) -> None:
    caller = gateway.caller()
    busy = Business("Throttling", status=429)
    tasks.script(Image(plan=(busy, Silence(End.RST), "RUNNING", "SUCCEEDED")))
    assert ask(gateway, caller).status == 200
    assert len(tasks.submits) == 1


@pytest.mark.parametrize(
    ("behaviour", "status", "code"),
    [
        (Image(plan=("FAILED",), code="DataInspectionFailed"), 400,
         "content_policy_violation"),
        (Image(plan=("CANCELED",)), 502, "upstream_error"),
        (Business("Throttling.RateQuota", status=429), 429, "rate_limit_exceeded"),
        (Business("Arrearage", status=400), 502, "upstream_billing"),
        (Silence(End.RST), 502, "upstream_error"),
    ],
)
def test_what_fails_is_told_and_not_charged(
    gateway, tasks, behaviour, status: int, code: str
) -> None:
    caller = gateway.caller()
    tasks.script(behaviour)
    reply = ask(gateway, caller)
    assert (reply.status, reply.json["error"]["code"]) == (status, code)
    assert len(tasks.submits) == 1
