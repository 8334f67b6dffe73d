"""FakeDashScopeTasks: text to image as tasks, protocol A. What it shares with other
fakes, scripts above all, is in task_server.py and provider_server.py.

Who asks about a task that there is not hears UNKNOWN under 200, as at the real one.
"""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.fakes.png import png
from tests.fakes.provider_server import (
    Received,
    Script,
    json_answer,
    whole_answer,
    write,
)
from tests.fakes.script import Edit, Endless, Raw, Silence, edited, halves
from tests.fakes.task_server import FakeTasks, File, Said, Task

API = "/api/v1"
PATH = f"{API}/services/aigc/text2image/image-synthesis"
TASKS = f"{API}/tasks/"
MODELS = ("qwen-image", "qwen-image-plus")
SIZES = ("1664*928", "1472*1104", "1328*1328", "1104*1472", "928*1664")
PARAMETERS = frozenset(
    {"n", "negative_prompt", "prompt_extend", "seed", "size", "watermark"}
)
PLAN = ("PENDING", "RUNNING", "SUCCEEDED")
SUBMITTED = "2026-11-23 18:00:00.000"


@dataclass(frozen=True, slots=True)
class Image:
    """What becomes of a task; `results` are good images, or errors by their code."""

    plan: tuple[Any, ...] = PLAN
    results: tuple[str | None, ...] = (None,)
    code: str = "InternalError.Algo"
    url: str | None = None
    data: bytes | None = None
    file_status: int = 200
    actual_prompt: str | None = "再写一遍"
    edits: tuple[Edit, ...] = ()


@dataclass(frozen=True, slots=True)
class Business:
    """An error in DashScope's words, under whatever status."""

    code: str
    message: str = "It went wrong."
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


type Behaviour = Image | Business | Raw | Endless | Silence | Said[Any]
HONEST: Script[Behaviour] = Image()


class FakeDashScopeTasks(FakeTasks[Behaviour]):
    def __init__(self, *, api_key: str | None = "sk-dashscope") -> None:
        super().__init__(HONEST, api_key)
        self.images: dict[str, Image] = {}

    @property
    def base_url(self) -> str:
        return self.address + API

    def route(
        self, request: web.Request, received: Received
    ) -> web.StreamResponse | None:
        file = self.file_answer(request)
        if file is not None:
            return file
        expected = f"Bearer {self.api_key}"
        if self.api_key and request.headers.get("Authorization") != expected:
            wrong = Business("InvalidApiKey", "Invalid API-key provided.", 401)
            return self.plain(received, wrong)
        asks = request.path.startswith(TASKS)
        if (request.method, asks) == ("GET", True) or self.cancels(received):
            return None
        if (request.method, request.path) != ("POST", PATH):
            return self.plain(received, Business("NotFound", "No such path.", 404))
        if request.headers.get("X-DashScope-Async") != "enable":
            words = "current user api does not support synchronous calls."
            return self.plain(received, Business("AccessDenied", words, 403))
        return None

    def cancels(self, received: Received) -> bool:
        path = received.path
        return (
            received.method == "POST"
            and path.startswith(TASKS)
            and path.endswith("/cancel")
        )

    def asked_about(self, received: Received) -> str | None:
        if not received.path.startswith(TASKS):
            return None
        return received.path.removeprefix(TASKS).partition("/")[0]

    def unknown(self, received: Received) -> Behaviour:
        output = {"task_id": self.asked_about(received), "task_status": "UNKNOWN"}
        return Raw(json.dumps({"request_id": "ds", "output": output}).encode())

    def told(self, received: Received, task: Task[Behaviour]) -> Any:
        if not self.cancels(received):
            return super().told(received, task)
        if task.state != "PENDING":
            return Business("UnsupportedOperation", "It is not pending.", 400)
        task.plan = ("CANCELED",)
        return Raw(b'{"request_id":"ds"}')

    async def answer(
        self, request: web.Request, received: Received, behaviour: Behaviour
    ) -> web.StreamResponse:
        if isinstance(behaviour, Business):
            return self.plain(received, behaviour)
        if isinstance(behaviour, Said):
            said = self.state(behaviour.task, behaviour.state)
            body = json.dumps(said).encode()
            return json_answer(200, self.standard(received), body)
        assert isinstance(behaviour, Image)
        try:
            check(received.json)
        except (LookupError, TypeError, ValueError) as error:
            wrong = Business("InvalidParameter", f"Bad: {error}", 400)
            return self.plain(received, wrong)
        name = str(uuid.UUID(int=received.number))
        self.begin(name, received.json, behaviour.plan)
        self.images[name] = behaviour
        output = {"task_id": name, "task_status": "PENDING"}
        body = json.dumps(
            {"request_id": f"ds-{received.number}", "output": output}
        ).encode()
        response = whole_answer(self.standard(received), body)
        steps = edited(halves(body), behaviour.edits)
        return await write(request, received, response, steps)

    def state(self, task: Task[Behaviour], state: str) -> dict[str, Any]:
        image = self.images[task.id]
        output: dict[str, Any] = {
            "task_id": task.id, "task_status": state, "submit_time": SUBMITTED
        }
        said: dict[str, Any] = {"request_id": f"ds-{task.id}", "output": output}
        if state == "FAILED":
            output |= {"code": image.code, "message": "It went wrong."}
        if state == "SUCCEEDED":
            output["results"] = [
                self.result(task, image, index, code)
                for index, code in enumerate(image.results)
            ]
            good = sum(code is None for code in image.results)
            said["usage"] = {"image_count": good}
        return said

    def result(
        self, task: Task[Behaviour], image: Image, index: int, code: str | None
    ) -> dict[str, str]:
        if code is not None:
            return {"code": code, "message": "It went wrong."}
        name = f"{task.id}-{index}.png"
        prompt = task.asked["input"]["prompt"]
        data = image.data or png(prompt)
        self.files[name] = File(data, image.file_status, None, "image/png")
        found = {
            "url": image.url or self.file_address(name), "orig_prompt": prompt
        }
        if image.actual_prompt is not None:
            found["actual_prompt"] = image.actual_prompt
        return found

    def standard(self, received: Received) -> dict[str, str]:
        return {"x-request-id": f"ds-{received.number}"}

    def plain(self, received: Received, business: Business) -> web.Response:
        said = {
            "code": business.code,
            "message": business.message,
            "request_id": f"ds-{received.number}",
        }
        headers = {**self.standard(received), **business.headers}
        return json_answer(business.status, headers, json.dumps(said).encode())


def check(body: Mapping[str, Any]) -> None:
    """LookupError, TypeError or ValueError for what the real one refuses."""
    if body["model"] not in MODELS:
        raise ValueError("model")
    if not 0 < len(body["input"]["prompt"]) <= 800:
        raise ValueError("prompt")
    parameters = body["parameters"]
    if parameters.keys() - PARAMETERS or parameters.get("n", 1) != 1:
        raise ValueError("parameters")
    if parameters.get("size", SIZES[0]) not in SIZES:
        raise ValueError("size")
