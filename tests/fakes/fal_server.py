"""FakeFal: the queue, with Pika on it. What it shares with other fakes, scripts above
all, is in task_server.py and provider_server.py.

A plan's steps are states of the queue. COMPLETED says only that it is over: what came
of it is in `results`, the first for who fetches it first, and the last for the rest.
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

MODEL = "fal-ai/pika/v2.2/text-to-video"
# Without the version: only the answer tells.
REQUESTS = "/fal-ai/pika/requests/"
FIELDS = frozenset(
    {"prompt", "aspect_ratio", "resolution", "duration", "negative_prompt", "seed"}
)
RATIOS = ("16:9", "9:16", "1:1", "4:5", "5:4", "3:2", "2:3")
RESOLUTIONS = ("720p", "1080p")
DURATIONS = (5, 10, "5", "10")
PLAN = ("IN_QUEUE", "IN_PROGRESS", "COMPLETED")
ACCEPTED, OK = 202, 200

DETAILS: Mapping[int, str] = {
    401: "Authentication is required to access this application.",
    403: "User is locked. Reason: Exhausted balance.",
    404: "Application not found",
    429: "Too many requests.",
    500: "Internal Server Error",
    503: "Runner could not be scheduled.",
    504: "Request timed out",
}


@dataclass(frozen=True, slots=True)
class Film:
    """What becomes of a request: the states of its plan, and its results."""

    plan: tuple[Any, ...] = PLAN
    # None stands for the video.
    results: tuple[Any, ...] = (None,)
    # Told beside COMPLETED.
    error: str | None = None
    error_type: str | None = None
    data: bytes | None = None
    file_status: int = 200
    location: str | None = None
    url: str | None = None
    # Where the answer to the submission says that the request is to be asked about.
    queue: str | None = None
    # Done to the answer that tells the request's id.
    edits: tuple[Edit, ...] = ()


@dataclass(frozen=True, slots=True)
class Status:
    """An error of the queue, or of the model where it has a kind."""

    status: int
    error_type: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def body(self) -> bytes:
        said: dict[str, Any] = {"detail": DETAILS.get(self.status, "It went wrong.")}
        if self.error_type is not None:
            said["error_type"] = self.error_type
        return json.dumps(said).encode()


@dataclass(frozen=True, slots=True)
class Refused:
    """What the model says of its input."""

    kind: str = "content_policy_violation"
    message: str = "The content could not be processed."
    status: int = 422
    param: str = "prompt"
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def body(self) -> bytes:
        one = {
            "loc": ["body", self.param],
            "msg": self.message,
            "type": self.kind,
            "url": f"https://docs.fal.ai/errors#{self.kind}",
        }
        return json.dumps({"detail": [one]}).encode()


type Behaviour = Film | Status | Refused | Raw | Endless | Silence | Said[Any]
HONEST: Script[Behaviour] = Film()


class FakeFal(FakeTasks[Behaviour]):
    def __init__(self, *, api_key: str | None = "id:secret") -> None:
        super().__init__(HONEST, api_key)
        self.films: dict[str, Film] = {}
        self.results: dict[str, int] = {}
        self.cancelled: list[str] = []

    @property
    def base_url(self) -> str:
        return self.address

    def route(
        self, request: web.Request, received: Received
    ) -> web.StreamResponse | None:
        file = self.file_answer(request)
        if file is not None:
            return file
        expected = f"Key {self.api_key}"
        if self.api_key and request.headers.get("Authorization") != expected:
            return self.plain(received, Status(401))
        known = (request.method, request.path) == ("POST", f"/{MODEL}") or (
            request.method in ("GET", "PUT") and request.path.startswith(REQUESTS)
        )
        return None if known else self.plain(received, Status(404))

    def asked_about(self, received: Received) -> str | None:
        if not received.path.startswith(REQUESTS):
            return None
        return received.path.removeprefix(REQUESTS).partition("/")[0]

    def unknown(self, received: Received) -> Behaviour:
        return Status(404)

    def told(self, received: Received, task: Task[Behaviour]) -> Any:
        what = received.path.removeprefix(REQUESTS + task.id)
        if what == "/status":
            return super().told(received, task)
        if what == "/cancel":
            return self.cancel(task)
        films = self.films[task.id].results
        number = self.results[task.id]
        self.results[task.id] += 1
        return films[min(number, len(films) - 1)] or Said(task, "RESULT")

    def cancel(self, task: Task[Behaviour]) -> Behaviour:
        """A request that waits is gone at once, one that runs is only told to stop."""
        if task.state == "COMPLETED":
            return Raw(b'{"status":"ALREADY_COMPLETED"}', 400)
        self.cancelled.append(task.id)
        if task.state == "IN_QUEUE":
            del self.tasks[task.id]
        return Raw(b'{"status":"CANCELLATION_REQUESTED"}', ACCEPTED)

    async def answer(
        self, request: web.Request, received: Received, behaviour: Behaviour
    ) -> web.StreamResponse:
        if isinstance(behaviour, Status | Refused):
            return self.plain(received, behaviour)
        if isinstance(behaviour, Said):
            return self.about(received, behaviour)
        assert isinstance(behaviour, Film)
        wrong = wrong_in(received.json)
        if wrong is not None:
            refused = Refused("value_error", f"{wrong} is wrong.", param=wrong)
            return self.plain(received, refused)
        name = str(uuid.UUID(int=received.number))
        self.begin(name, received.json, behaviour.plan)
        self.films[name], self.results[name] = behaviour, 0
        queue = (behaviour.queue or self.address) + REQUESTS + name
        said = {
            "status": "IN_QUEUE",
            "request_id": name,
            "response_url": queue,
            "status_url": queue + "/status",
            "cancel_url": queue + "/cancel",
            "queue_position": 0,
        }
        body = json.dumps(said).encode()
        response = whole_answer(self.standard(received), body)
        steps = edited(halves(body), behaviour.edits)
        return await write(request, received, response, steps)

    def about(self, received: Received, said: Said[Behaviour]) -> web.Response:
        task, film = said.task, self.films[said.task.id]
        headers = self.standard(received)
        if said.state == "RESULT":
            name = f"{task.id}.mp4"
            data = film.data or mp4(task.asked["prompt"])
            self.files[name] = File(data, film.file_status, film.location)
            video = {
                "url": film.url or self.file_address(name),
                "content_type": "video/mp4",
                "file_name": "output.mp4",
                "file_size": len(data),
            }
            return json_answer(OK, headers, json.dumps({"video": video}).encode())
        told: dict[str, Any] = {"status": said.state, "logs": []}
        if said.state == "IN_QUEUE":
            told["queue_position"] = 1
        if said.state == "COMPLETED":
            told["metrics"] = {"inference_time": 7.5}
            told |= {
                name: value
                for name, value in (
                    ("error", film.error), ("error_type", film.error_type)
                )
                if value is not None
            }
        status = OK if said.state == "COMPLETED" else ACCEPTED
        return json_answer(status, headers, json.dumps(told).encode())

    def standard(self, received: Received) -> dict[str, str]:
        return {"x-fal-request-id": f"fal-{received.number}"}

    def plain(self, received: Received, status: Status | Refused) -> web.Response:
        headers = {**self.standard(received), **status.headers}
        return json_answer(status.status, headers, status.body)


def wrong_in(body: Mapping[str, Any]) -> str | None:
    """The first field that the real one refuses."""
    rules: Mapping[str, tuple[Any, ...]] = {
        "aspect_ratio": RATIOS,
        "resolution": RESOLUTIONS,
        "duration": DURATIONS,
    }
    unknown = sorted(body.keys() - FIELDS)
    wrong = [
        name for name, known in rules.items() if body.get(name, known[0]) not in known
    ]
    if type(body.get("prompt")) is not str or not body["prompt"]:
        wrong.append("prompt")
    return next(iter([*unknown, *wrong]), None)
