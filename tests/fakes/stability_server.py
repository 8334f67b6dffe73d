"""FakeStability: the v2beta image API. What it shares with other fakes, scripts above
all, is in provider_server.py.

It takes forms only, as the real one does, and answers with bytes or JSON as asked. It
refuses fields that the real one does not know, and shapes.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from email import message_from_bytes
from typing import Any

from aiohttp import web

from tests.fakes.png import png
from tests.fakes.provider_server import (
    FakeProvider,
    Received,
    Script,
    json_answer,
    write,
)
from tests.fakes.script import Edit, Endless, Raw, Silence, edited, halves

PATH = "/v2beta/stable-image/generate/sd3"
MODELS = ("sd3.5-large", "sd3.5-large-turbo", "sd3.5-medium")
SHAPES = ("1:1", "16:9", "21:9", "2:3", "3:2", "4:5", "5:4", "9:16", "9:21")
FIELDS = frozenset(
    {
        "aspect_ratio",
        "cfg_scale",
        "mode",
        "model",
        "negative_prompt",
        "output_format",
        "prompt",
        "seed",
        "style_preset",
    }
)
PROMPT_CHARS_MAX = 10_000

ERRORS: Mapping[int, tuple[str, str]] = {
    400: ("bad_request", "prompt: is invalid"),
    401: ("unauthorized", "missing or invalid authorization header"),
    402: ("payment_required", "You lack sufficient credits."),
    403: ("content_moderation", "Your request was flagged by our filter."),
    404: ("not_found", "The resource was not found."),
    413: ("payload_too_large", "Payload too large."),
    422: ("rejected", "English is the only supported language."),
    429: ("rate_limit_exceeded", "You have exceeded the rate limit."),
    500: ("internal_error", "An unexpected server error has occurred."),
    503: ("unavailable", "Try again later."),
}


@dataclass(frozen=True, slots=True)
class Image:
    """The honest answer, or other bytes, or one that the filter blurred."""

    data: bytes | None = None
    finish_reason: str = "SUCCESS"
    # Whatever was asked for.
    as_json: bool = False
    edits: tuple[Edit, ...] = ()


@dataclass(frozen=True, slots=True)
class Status:
    """An error in Stability's words for that status, or under another name."""

    status: int
    name: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def body(self) -> bytes:
        name, text = ERRORS[self.status]
        said = {"id": "fake", "name": self.name or name, "errors": [text]}
        return json.dumps(said).encode()


type Behaviour = Image | Status | Raw | Endless | Silence
HONEST: Script[Behaviour] = Image()


class FakeStability(FakeProvider[Behaviour]):
    def __init__(self, *, api_key: str | None = "sk-stability") -> None:
        super().__init__(HONEST, api_key)

    def route(
        self, request: web.Request, received: Received
    ) -> web.StreamResponse | None:
        expected = f"Bearer {self.api_key}"
        if self.api_key and request.headers.get("Authorization") != expected:
            return self.plain(received, Status(401))
        if (request.method, request.path) != ("POST", PATH):
            return self.plain(received, Status(404))
        return None

    async def answer(
        self, request: web.Request, received: Received, behaviour: Behaviour
    ) -> web.StreamResponse:
        if isinstance(behaviour, Status):
            return self.plain(received, behaviour)
        assert isinstance(behaviour, Image)
        try:
            fields = form_of(received)
            check(fields)
        except ValueError:
            return self.plain(received, Status(400))
        data = behaviour.data or png(f"{fields['prompt']} {received.number}")
        headers = self.standard(received)
        wants_json = "json" in request.headers.get("accept", "")
        body = data
        if behaviour.as_json or wants_json:
            said = {
                "image": base64.b64encode(data).decode(),
                "finish_reason": behaviour.finish_reason,
                "seed": 7,
            }
            body = json.dumps(said).encode()
        else:
            headers |= {"finish-reason": behaviour.finish_reason, "seed": "7"}
        response = web.StreamResponse(headers=headers)
        response.content_type = (
            "application/json" if body is not data else "image/png"
        )
        response.content_length = len(body)
        steps = edited(halves(body), behaviour.edits)
        return await write(request, received, response, steps)

    def standard(self, received: Received) -> dict[str, str]:
        return {"x-request-id": f"stability-{received.number}"}

    def plain(self, received: Received, status: Status) -> web.Response:
        headers = {**self.standard(received), **status.headers}
        return json_answer(status.status, headers, status.body)


def form_of(received: Received) -> dict[str, str]:
    """The fields of a form; ValueError if it is none."""
    kind = received.headers.get("content-type", "")
    if not kind.startswith("multipart/form-data; boundary="):
        raise ValueError("not a form")
    head = f"MIME-Version: 1.0\r\nContent-Type: {kind}\r\n\r\n".encode()
    message = message_from_bytes(head + received.body)
    if not message.is_multipart() or message.defects:
        raise ValueError("a broken form")
    fields = {}
    for part in message.get_payload():
        assert not isinstance(part, str)
        name: Any = part.get_param("name", header="content-disposition")
        data = part.get_payload(decode=True)
        assert isinstance(data, bytes)
        fields[name] = data.decode()
    return fields


def check(fields: Mapping[str, str]) -> None:
    """ValueError for what the real one refuses."""
    if fields.keys() - FIELDS:
        raise ValueError("an unknown field")
    if not 0 < len(fields.get("prompt", "")) <= PROMPT_CHARS_MAX:
        raise ValueError("no prompt")
    if fields.get("model", MODELS[0]) not in MODELS:
        raise ValueError("an unknown model")
    if fields.get("aspect_ratio", SHAPES[0]) not in SHAPES:
        raise ValueError("an unknown shape")
    if fields.get("output_format", "png") not in ("png", "jpeg"):
        raise ValueError("an unknown format")
