"""FakeOpenAI: a server of chat completions and images. What it shares with others,
scripts above all, is in provider_server.py.

Without a script it is an honest OpenAI (its official SDK is the judge, in
test_openai_server.py). Requests without the right key are refused before the script
is asked.
"""

import json
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from tests.fakes import openai_model
from tests.fakes.openai_script import (
    Answer,
    Behaviour,
    Images,
    Status,
    edited,
    halves,
)
from tests.fakes.provider_server import (
    FakeProvider,
    Received,
    Script,
    event_stream,
    json_answer,
    whole_answer,
    write,
)

__all__ = ["FakeOpenAI", "Received"]

MODELS = ("gpt-4o", "gpt-4o-mini")
SERVED = ("/chat/completions", "/images/generations")
HONEST: Script[Behaviour] = Answer()


class FakeOpenAI(FakeProvider[Behaviour]):
    def __init__(self, *, api_key: str | None = "sk-fake") -> None:
        super().__init__(HONEST, api_key)

    @property
    def base_url(self) -> str:
        return f"{self.address}/v1"

    def route(
        self, request: web.Request, received: Received
    ) -> web.StreamResponse | None:
        expected = f"Bearer {self.api_key}"
        if self.api_key and request.headers.get("Authorization") != expected:
            return self.plain(received, Status(401))
        if "/models" in request.path:
            return self.models(received)
        if request.method != "POST" or not request.path.endswith(SERVED):
            text = f"Invalid URL ({request.method} {request.path})"
            return self.plain(received, Status(404, text, code="unknown_url"))
        return None

    async def answer(
        self, request: web.Request, received: Received, behaviour: Behaviour
    ) -> web.StreamResponse:
        if isinstance(behaviour, Status):
            return self.plain(received, behaviour)
        if request.path.endswith(SERVED[1]):
            honest = behaviour if isinstance(behaviour, Images) else Images()
            return await self.images(request, received, honest)
        assert isinstance(behaviour, Answer)
        try:
            body = received.json
            completion = self.complete(behaviour, body, received.number)
        except openai_model.Refusal as refusal:
            status = Status(400, str(refusal), code=refusal.code, param=refusal.param)
            return self.plain(received, status)
        except ValueError:
            text = "We could not parse the JSON body."
            return self.plain(received, Status(400, text))
        headers = {**self.standard(received), **behaviour.headers}
        if body.get("stream"):
            steps = behaviour.frames(completion)
            return await write(request, received, event_stream(headers), steps)
        said = openai_model.answer(completion)
        whole = json.dumps(said, ensure_ascii=False).encode()
        response = whole_answer(headers, whole)
        return await write(request, received, response, behaviour.halves(whole))

    def complete(
        self, behaviour: Answer, body: Mapping[str, Any], number: int
    ) -> openai_model.Completion:
        """What is said to a body; openai_model.Refusal if it is not as it should be."""
        return behaviour.completion(body, number)

    async def images(
        self, request: web.Request, received: Received, images: Images
    ) -> web.StreamResponse:
        try:
            said = images.answer(received.json, received.number)
        except openai_model.Refusal as refusal:
            status = Status(400, str(refusal), code=refusal.code, param=refusal.param)
            return self.plain(received, status)
        whole = json.dumps(said).encode()
        response = whole_answer({**self.standard(received), **images.headers}, whole)
        steps = edited(halves(whole), images.edits)
        return await write(request, received, response, steps)

    def standard(self, received: Received) -> dict[str, str]:
        return {
            "x-request-id": f"req_fake{received.number}",
            "openai-processing-ms": "12",
            "openai-version": "2020-10-01",
        }

    def plain(self, received: Received, status: Status) -> web.Response:
        headers = {**self.standard(received), **status.headers}
        return json_answer(status.status, headers, status.body)

    def models(self, received: Received) -> web.Response:
        known = [
            {"id": name, "object": "model", "created": openai_model.CREATED}
            | {"owned_by": "system"}
            for name in MODELS
        ]
        wanted = received.path.rpartition("/models")[2].removeprefix("/")
        found = [model for model in known if model["id"] == wanted]
        if wanted and not found:
            return self.plain(received, Status(404))
        answer = found[0] if wanted else {"object": "list", "data": known}
        return web.json_response(answer, headers=self.standard(received))
