"""FakeDashScope: the native image API, protocol B, and the files it points to. What it
shares with other fakes, scripts above all, is in provider_server.py.

The files are on the same server; nobody needs a key for them, and whoever sends one is
remembered in `betrayed`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.fakes.png import png
from tests.fakes.provider_server import (
    FakeProvider,
    Received,
    Script,
    json_answer,
    whole_answer,
    write,
)
from tests.fakes.script import Edit, Endless, Raw, Silence, edited, halves

PATH = "/api/v1/services/aigc/multimodal-generation/generation"
FILES = "/files/"
MODELS = ("qwen-image-2.0", "qwen-image-3.0")
PARAMETERS = frozenset(
    {
        "n",
        "negative_prompt",
        "prompt_extend",
        "prompt_extend_mode",
        "seed",
        "size",
        "watermark",
    }
)
AREA_MIN, AREA_MAX = 512 * 512, 2048 * 2048


@dataclass(frozen=True, slots=True)
class Image:
    """The honest answer, or one with another address or other bytes behind it."""

    url: str | None = None
    data: bytes | None = None
    file_status: int = 200
    location: str | None = None
    revised_prompt: str | None = "再写一遍"
    edits: tuple[Edit, ...] = ()


@dataclass(frozen=True, slots=True)
class Business:
    """An error in DashScope's words, under whatever status."""

    code: str
    message: str = "It went wrong."
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


type Behaviour = Image | Business | Raw | Endless | Silence
HONEST: Script[Behaviour] = Image()


class FakeDashScope(FakeProvider[Behaviour]):
    def __init__(self, *, api_key: str | None = "sk-dashscope") -> None:
        super().__init__(HONEST, api_key)
        self.files: dict[str, Image] = {}
        self.fetched: list[str] = []
        self.betrayed = False

    @property
    def base_url(self) -> str:
        return f"{self.address}/api/v1"

    def route(
        self, request: web.Request, received: Received
    ) -> web.StreamResponse | None:
        if request.path.startswith(FILES):
            self.betrayed |= "Authorization" in request.headers
            return self.file(request.path.removeprefix(FILES))
        expected = f"Bearer {self.api_key}"
        if self.api_key and request.headers.get("Authorization") != expected:
            wrong = Business("InvalidApiKey", "Invalid API-key provided.", 401)
            return self.plain(received, wrong)
        if (request.method, request.path) != ("POST", PATH):
            return self.plain(received, Business("NotFound", "No such path.", 404))
        return None

    def file(self, name: str) -> web.Response:
        self.fetched.append(name)
        image = self.files.get(name)
        if image is None:
            return web.Response(status=404)
        if image.location is not None:
            return web.Response(status=302, headers={"location": image.location})
        return web.Response(
            body=image.data or png(name), status=image.file_status
        )

    async def answer(
        self, request: web.Request, received: Received, behaviour: Behaviour
    ) -> web.StreamResponse:
        if isinstance(behaviour, Business):
            return self.plain(received, behaviour)
        assert isinstance(behaviour, Image)
        try:
            size = size_in(received.json)
        except (LookupError, TypeError, ValueError) as error:
            wrong = Business("InvalidParameter", f"Bad: {error}", 400)
            return self.plain(received, wrong)
        name = f"{received.number}.png"
        self.files[name] = behaviour
        said = self.said(behaviour.url or self.address + FILES + name, behaviour, size)
        body = json.dumps({**said, "request_id": f"ds-{received.number}"}).encode()
        response = whole_answer(self.standard(received), body)
        steps = edited(halves(body), behaviour.edits)
        return await write(request, received, response, steps)

    def said(self, url: str, image: Image, size: tuple[int, int]) -> dict[str, Any]:
        content: list[dict[str, str]] = [{"image": url}]
        if image.revised_prompt is not None:
            content.append({"text": image.revised_prompt})
        message = {"role": "assistant", "content": content}
        return {
            "output": {"choices": [{"finish_reason": "stop", "message": message}]},
            "usage": {"width": size[0], "height": size[1], "image_count": 1},
        }

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


def size_in(body: Mapping[str, Any]) -> tuple[int, int]:
    """The size asked for; ValueError or LookupError for what the real one refuses."""
    if body["model"] not in MODELS:
        raise ValueError("model")
    (message,) = body["input"]["messages"]
    (part,) = message["content"]
    if message["role"] != "user" or not 0 < len(part["text"]) <= 800:
        raise ValueError("messages")
    parameters = body["parameters"]
    if parameters.keys() - PARAMETERS or parameters["n"] != 1:
        raise ValueError("parameters")
    width, height = map(int, parameters["size"].split("*"))
    if not AREA_MIN <= width * height <= AREA_MAX:
        raise ValueError("size")
    return width, height
