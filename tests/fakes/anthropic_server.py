"""FakeAnthropic: the Messages API in version 2023-06-01, as good or bad as told.

Without a script it is an honest Anthropic (its official SDK is the judge, in
test_anthropic_server.py). Requests without the right key or version are refused before
the script is asked. What it shares with other fakes is in provider_server.py.
"""

import json

from aiohttp import web

from tests.fakes import anthropic_model
from tests.fakes.anthropic_script import Answer, Behaviour, Status
from tests.fakes.provider_server import (
    FakeProvider,
    Received,
    Script,
    event_stream,
    json_answer,
    whole_answer,
    write,
)

VERSION = "2023-06-01"
MODELS = ("claude-sonnet-4-6",)
HONEST: Script[Behaviour] = Answer()


class FakeAnthropic(FakeProvider[Behaviour]):
    def __init__(self, *, api_key: str | None = "sk-ant-fake") -> None:
        super().__init__(HONEST, api_key)

    @property
    def base_url(self) -> str:
        return self.address

    def route(
        self, request: web.Request, received: Received
    ) -> web.StreamResponse | None:
        if self.api_key and request.headers.get("x-api-key") != self.api_key:
            return self.plain(received, Status(401))
        if request.headers.get("anthropic-version") != VERSION:
            text = "anthropic-version: header is required"
            return self.plain(received, Status(400, text))
        if (request.method, request.path) != ("POST", "/v1/messages"):
            return self.plain(received, Status(404, "Not found"))
        return None

    async def answer(
        self, request: web.Request, received: Received, behaviour: Behaviour
    ) -> web.StreamResponse:
        if isinstance(behaviour, Status):
            return self.plain(received, behaviour)
        assert isinstance(behaviour, Answer)
        try:
            body = received.json
            message = behaviour.message(body, received.number)
        except anthropic_model.Refusal as refusal:
            return self.plain(received, Status(400, str(refusal)))
        except ValueError:
            text = "The request body is not valid JSON"
            return self.plain(received, Status(400, text))
        if message.model not in MODELS:
            return self.plain(received, Status(404, f"model: {message.model}"))
        headers = {**self.standard(received), **behaviour.headers}
        if body.get("stream"):
            steps = behaviour.frames(message)
            return await write(request, received, event_stream(headers), steps)
        said = anthropic_model.answer(message)
        whole = json.dumps(said, ensure_ascii=False).encode()
        response = whole_answer(headers, whole)
        return await write(request, received, response, behaviour.halves(whole))

    def standard(self, received: Received) -> dict[str, str]:
        return {
            "request-id": f"req_fake{received.number}",
            "anthropic-organization-id": "00000000-0000-0000-0000-000000000000",
            "anthropic-ratelimit-requests-remaining": "999",
        }

    def plain(self, received: Received, status: Status) -> web.Response:
        headers = {**self.standard(received), **status.headers}
        return json_answer(status.status, headers, status.body)
