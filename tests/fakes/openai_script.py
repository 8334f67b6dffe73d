"""What the fake OpenAI may be told to do with a request: its own answers and errors.

What any fake may be told is in script.py, and can be had from here too.
"""

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.fakes import openai_model
from tests.fakes.script import (
    COMMENT,
    Edit,
    End,
    Endless,
    Gate,
    Raw,
    Silence,
    Step,
    after,
    edited,
    halves,
    in_pieces,
    with_line_ends,
)

__all__ = [
    "COMMENT",
    "DONE",
    "MALFORMED",
    "Answer",
    "Behaviour",
    "Edit",
    "End",
    "Endless",
    "Gate",
    "Raw",
    "Silence",
    "Status",
    "Step",
    "after",
    "edited",
    "error",
    "frame",
    "halves",
    "in_pieces",
    "with_line_ends",
]

ERRORS: Mapping[int, tuple[str, str | None, str]] = {
    400: ("invalid_request_error", None, "Invalid request."),
    401: ("invalid_request_error", "invalid_api_key", "Incorrect API key provided."),
    402: ("billing_error", "insufficient_balance", "Insufficient Balance"),
    403: ("request_forbidden", "unsupported_country", "Country not supported."),
    404: ("invalid_request_error", "model_not_found", "The model does not exist."),
    422: ("invalid_request_error", None, "Unprocessable request."),
    429: ("rate_limit_error", "rate_limit_exceeded", "Rate limit reached."),
    500: ("server_error", None, "The server had an error."),
    503: ("service_unavailable_error", "server_is_overloaded", "Overloaded."),
}


def frame(event: Mapping[str, Any]) -> bytes:
    text = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
    return f"data: {text}\n\n".encode()


DONE = b"data: [DONE]\n\n"
MALFORMED = b'data: {"id":"chatcmpl-fake1","choices":[{"index":0,"del\n\n'


def error(
    message: str,
    type: str = "server_error",
    code: str | None = None,
    param: str | None = None,
) -> dict[str, Any]:
    return {
        "error": {"message": message, "type": type, "param": param, "code": code}
    }


@dataclass(frozen=True, slots=True)
class Answer:
    """The honest answer, in other words if given, with edits if any."""

    text: str | None = None
    pieces: Iterable[str] | None = None
    cached_tokens: int = 0
    # Replaces the honest usage object; `report_usage=False` leaves it out.
    usage: Mapping[str, Any] | None = None
    report_usage: bool = True
    done: bool = True
    edits: Sequence[Edit] = ()
    headers: Mapping[str, str] = field(default_factory=dict)

    def completion(
        self, body: Mapping[str, Any], number: int
    ) -> openai_model.Completion:
        honest = openai_model.complete(
            body,
            number,
            text=self.text,
            pieces=self.pieces,
            cached_tokens=self.cached_tokens,
        )
        usage = self.usage if self.usage is not None else honest.usage
        return openai_model.Completion(
            honest.id, body, honest.choices, usage if self.report_usage else None
        )

    def frames(self, completion: openai_model.Completion) -> Iterator[Step]:
        """The steps of a streamed answer."""
        events = map(frame, openai_model.chunks(completion))
        return edited(itertools.chain(events, [DONE] if self.done else []), self.edits)

    def halves(self, whole: bytes) -> Iterator[Step]:
        """The steps of a JSON answer."""
        return edited(halves(whole), self.edits)


@dataclass(frozen=True, slots=True)
class Status:
    """An error in OpenAI's words for that status, or in others."""

    status: int
    message: str | None = None
    type: str | None = None
    code: str | None = None
    param: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def body(self) -> bytes:
        kind, code, message = ERRORS[self.status]
        said = error(
            self.message or message, self.type or kind, self.code or code, self.param
        )
        return json.dumps(said).encode()


type Behaviour = Answer | Status | Raw | Endless | Silence
