"""FakeRunway: text to video. What it shares with other fakes, scripts above all, is in
task_server.py and provider_server.py.

It refuses fields that the real one does not know, and values; without the header that
names its version it says nothing else.
"""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.fakes.mp4 import mp4
from tests.fakes.provider_server import (
    Received,
    Script,
    json_answer,
    whole_answer,
    write,
)
from tests.fakes.script import Edit, Endless, Raw, Silence, edited, halves
from tests.fakes.task_server import FakeTasks, File, Said, Task

SUBMIT = "/v1/text_to_video"
TASKS = "/v1/tasks/"
VERSION = "2024-11-06"
FIELDS = frozenset({"model", "promptText", "ratio", "duration", "seed"})
RATIOS = ("1280:720", "720:1280")
PROMPT_UNITS = 1000
CREATED = "2026-11-23T10:00:00.000Z"
CREDITS_A_SECOND = 12
PLAN = ("PENDING", "RUNNING", "SUCCEEDED")
LIVE = ("PENDING", "THROTTLED", "RUNNING")

ERRORS: Mapping[int, str] = {
    400: "Invalid parameter 'promptText'",
    401: "Unauthorized",
    404: "Not found.",
    429: "You have reached your daily limit.",
    500: "Internal error",
    502: "Bad gateway",
    503: "Service unavailable",
}


@dataclass(frozen=True, slots=True)
class Film:
    """What becomes of a task: the steps of its plan, and of those the last ones."""

    plan: tuple[Any, ...] = PLAN
    failure_code: str | None = "INTERNAL.BAD_OUTPUT.CODE01"
    # The file, or one that is elsewhere.
    data: bytes | None = None
    file_status: int = 200
    location: str | None = None
    url: str | None = None
    # Done to the answer that tells the task's name.
    edits: tuple[Edit, ...] = ()


@dataclass(frozen=True, slots=True)
class Status:
    """An error in Runway's words for that status, or in others."""

    status: int
    error: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    more: Mapping[str, Any] = field(default_factory=dict)

    @property
    def body(self) -> bytes:
        said = {"error": self.error or ERRORS[self.status], **self.more}
        return json.dumps(said).encode()


type Behaviour = Film | Status | Raw | Endless | Silence | Said[Any]
HONEST: Script[Behaviour] = Film()


class FakeRunway(FakeTasks[Behaviour]):
    def __init__(self, *, api_key: str | None = "key_runway") -> None:
        super().__init__(HONEST, api_key)
        self.films: dict[str, Film] = {}
        self.deleted: list[str] = []

    @property
    def base_url(self) -> str:
        return self.address

    def route(
        self, request: web.Request, received: Received
    ) -> web.StreamResponse | None:
        file = self.file_answer(request)
        if file is not None:
            return file
        expected = f"Bearer {self.api_key}"
        if self.api_key and request.headers.get("Authorization") != expected:
            return self.plain(received, Status(401))
        if request.headers.get("X-Runway-Version") != VERSION:
            return self.plain(received, Status(400, "Invalid API version."))
        known = (request.method, request.path) == ("POST", SUBMIT) or (
            request.method in ("GET", "DELETE") and request.path.startswith(TASKS)
        )
        return None if known else self.plain(received, Status(404))

    def asked_about(self, received: Received) -> str | None:
        if received.path == SUBMIT:
            return None
        return received.path.removeprefix(TASKS)

    def unknown(self, received: Received) -> Behaviour:
        return Status(404)

    def told(self, received: Received, task: Task[Behaviour]) -> Any:
        if received.method == "DELETE":
            # What is cancelled or deleted is gone.
            self.deleted.append(task.id)
            del self.tasks[task.id]
            return Said(task, "DELETED")
        return super().told(received, task)

    async def answer(
        self, request: web.Request, received: Received, behaviour: Behaviour
    ) -> web.StreamResponse:
        if isinstance(behaviour, Status):
            return self.plain(received, behaviour)
        if isinstance(behaviour, Said):
            if behaviour.state == "DELETED":
                return web.Response(status=204)
            said = self.state(behaviour.task, behaviour.state)
            body = json.dumps(said).encode()
            return json_answer(200, self.standard(received), body)
        assert isinstance(behaviour, Film)
        try:
            check(received.json)
        except (LookupError, TypeError, ValueError) as error:
            return self.plain(received, Status(400, f"Invalid parameter {error}"))
        name = str(uuid.UUID(int=received.number))
        self.begin(name, received.json, behaviour.plan)
        self.films[name] = behaviour
        body = json.dumps({"id": name, "estimatedCost": self.cost(name)}).encode()
        response = whole_answer(self.standard(received), body)
        steps = edited(halves(body), behaviour.edits)
        return await write(request, received, response, steps)

    def cost(self, name: str) -> dict[str, int]:
        return {"credits": self.tasks[name].asked["duration"] * CREDITS_A_SECOND}

    def state(self, task: Task[Behaviour], state: str) -> dict[str, Any]:
        film = self.films[task.id]
        said: dict[str, Any] = {"id": task.id, "createdAt": CREATED, "status": state}
        if state in LIVE:
            said["estimatedCost"] = self.cost(task.id)
        else:
            failed = state in ("FAILED", "CANCELLED")
            said["cost"] = {"credits": 0} if failed else self.cost(task.id)
        if state == "RUNNING":
            said["progress"] = task.polls / (len(task.plan) + 1)
        elif state == "FAILED":
            said["failure"] = "Something went wrong."
            if film.failure_code is not None:
                said["failureCode"] = film.failure_code
        elif state == "SUCCEEDED":
            # Another address each time it is asked.
            name = f"{task.id}-{task.polls}.mp4"
            data = film.data or mp4(task.asked["promptText"])
            self.files[name] = File(data, film.file_status, film.location)
            said["output"] = [film.url or self.file_address(name) + "?_jwt=secret"]
        return said

    def standard(self, received: Received) -> dict[str, str]:
        return {"x-request-id": f"runway-{received.number}"}

    def plain(self, received: Received, status: Status) -> web.Response:
        headers = {**self.standard(received), **status.headers}
        return json_answer(status.status, headers, status.body)


def check(body: Mapping[str, Any]) -> None:
    """LookupError, TypeError or ValueError for what the real one refuses."""
    if body.keys() - FIELDS:
        raise ValueError("an unknown field")
    if body["model"] != "gen4.5":
        raise ValueError("model")
    units = len(body["promptText"].encode("utf-16-le")) // 2
    if not 0 < units <= PROMPT_UNITS:
        raise ValueError("promptText")
    if body["ratio"] not in RATIOS:
        raise ValueError("ratio")
    if type(body["duration"]) is not int or not 2 <= body["duration"] <= 10:
        raise ValueError("duration")
