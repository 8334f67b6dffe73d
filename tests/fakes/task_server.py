"""A provider that makes things as tasks: what all such fakes share.

The script says what becomes of each request that begins a task; what the task then
says when it is asked about is in its plan, a step a question, of which the last stays:

    with FakeRunway() as fake:
        fake.script(Film(plan=("THROTTLED", Status(429), "RUNNING", "SUCCEEDED")))

A step is a state in the provider's own word, or a behaviour of its own: an error,
garbage, silence. The files are on the same server; nobody needs a key for them, and
whoever sends one is remembered in `betrayed`.
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from tests.fakes.provider_server import FakeProvider, Received, Script

FILES = "/files/"


@dataclass(frozen=True, slots=True)
class File:
    """What is at an address that a task's answer gives."""

    data: bytes
    status: int = 200
    location: str | None = None
    content_type: str = "video/mp4"


class Task[B]:
    """One task that was begun: what was asked, its plan, and how far it is."""

    def __init__(self, id: str, asked: Mapping[str, Any], plan: Sequence[str | B]):
        self.id = id
        self.asked = asked
        self.plan = tuple(plan)
        self.polls = 0
        self.state: str | B = self.plan[0]

    def step(self) -> str | B:
        """What it says this time."""
        self.state = self.plan[min(self.polls, len(self.plan) - 1)]
        self.polls += 1
        return self.state


@dataclass(frozen=True, slots=True)
class Said[B]:
    """A question about a task, and the state it is in."""

    task: Task[B]
    state: str


class FakeTasks[B](FakeProvider[B]):
    """Begins tasks by its script and lets them go by their plans."""

    def __init__(self, otherwise: Script[B], api_key: str | None) -> None:
        super().__init__(otherwise, api_key)
        self.tasks: dict[str, Task[B]] = {}
        self.files: dict[str, File] = {}
        self.submits: list[Received] = []
        self.fetched: list[str] = []
        self.betrayed = False

    @abstractmethod
    def asked_about(self, received: Received) -> str | None:
        """The id in a request that is a question; None for one that begins a task."""

    @abstractmethod
    def unknown(self, received: Received) -> B:
        """What is said of a task that there is not."""

    def _next(self, received: Received) -> Any:
        name = self.asked_about(received)
        if name is None:
            self.submits.append(received)
            return super()._next(received)
        task = self.tasks.get(name)
        if task is None:
            return self.unknown(received)
        return self.told(received, task)

    def told(self, received: Received, task: Task[B]) -> Any:
        """The next step of a task's plan."""
        step = task.step()
        return Said(task, step) if isinstance(step, str) else step

    def begin(self, id: str, asked: Mapping[str, Any], plan: Sequence[str | B]) -> None:
        self.tasks[id] = Task(id, asked, plan)

    def file_address(self, name: str) -> str:
        return self.address + FILES + name

    def file_answer(self, request: web.Request) -> web.Response | None:
        """The answer to whoever fetches a file; None for any other request."""
        if not request.path.startswith(FILES):
            return None
        name = request.path.removeprefix(FILES)
        self.betrayed |= "Authorization" in request.headers
        self.fetched.append(name)
        file = self.files.get(name)
        if file is None:
            return web.Response(status=404)
        if file.location is not None:
            return web.Response(status=302, headers={"location": file.location})
        return web.Response(
            body=file.data, status=file.status, content_type=file.content_type
        )
