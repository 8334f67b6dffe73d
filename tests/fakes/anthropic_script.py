"""What the fake Anthropic may be told to do: its own answers, events and errors."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.fakes import anthropic_model
from tests.fakes.script import Edit, Endless, Raw, Silence, Step, edited, halves

ERRORS: Mapping[int, tuple[str, str]] = {
    400: ("invalid_request_error", "Invalid request."),
    401: ("authentication_error", "invalid x-api-key"),
    402: ("billing_error", "Your account has a billing problem."),
    403: ("permission_error", "Your API key may not use this resource."),
    404: ("not_found_error", "model: claude-nothing"),
    409: ("conflict_error", "There was a conflict."),
    413: ("request_too_large", "Request exceeds the maximum size"),
    429: ("rate_limit_error", "This request would exceed your rate limit."),
    500: ("api_error", "Internal server error"),
    504: ("timeout_error", "The request timed out."),
    529: ("overloaded_error", "Overloaded"),
}


def frame(event: Mapping[str, Any]) -> bytes:
    text = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
    return f"event: {event['type']}\ndata: {text}\n\n".encode()


def error(
    message: str, type: str = "api_error", details: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    return {
        "type": "error",
        "error": {"type": type, "message": message, "details": details},
        "request_id": "req_fake",
    }


OVERLOADED = frame(error("Overloaded", "overloaded_error"))
PING = frame({"type": "ping"})
UNKNOWN = frame({"type": "content_block_mystery", "index": 0, "what": 7})
MALFORMED = b'event: content_block_delta\ndata: {"type":"content_block_de\n\n'


@dataclass(frozen=True, slots=True)
class Answer:
    """The honest answer, in other words if given, with edits if any."""

    text: str | None = None
    blocks: Sequence[Mapping[str, Any]] | None = None
    stop_reason: str | None = None
    stop_details: Mapping[str, Any] | None = None
    # Tokens in caches: read, write_5m, write_1h.
    cache: Mapping[str, int] = field(default_factory=dict)
    edits: Sequence[Edit] = ()
    headers: Mapping[str, str] = field(default_factory=dict)

    def message(self, body: Mapping[str, Any], number: int) -> anthropic_model.Message:
        return anthropic_model.complete(
            body,
            number,
            text=self.text,
            blocks=self.blocks,
            stop_reason=self.stop_reason,
            stop_details=self.stop_details,
            cache=self.cache,
        )

    def frames(self, message: anthropic_model.Message) -> Iterator[Step]:
        """The steps of a streamed answer."""
        return edited(map(frame, anthropic_model.events(message)), self.edits)

    def halves(self, whole: bytes) -> Iterator[Step]:
        """The steps of a JSON answer."""
        return edited(halves(whole), self.edits)


@dataclass(frozen=True, slots=True)
class Status:
    """An error in Anthropic's words for that status, or in others."""

    status: int
    message: str | None = None
    type: str | None = None
    details: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def body(self) -> bytes:
        kind, message = ERRORS[self.status]
        said = error(self.message or message, self.type or kind, self.details)
        return json.dumps(said).encode()


type Behaviour = Answer | Status | Raw | Endless | Silence
