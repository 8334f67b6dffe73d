"""Frames as workers send them, made with no more words than a test is about."""

from typing import Any

from addons.inspector.framing import PUT, Frame

FACTS = {
    "request": "req_1",
    "user": "ada",
    "key": 7,
    "model": "gpt-4o",
    "level": "full",
    "state": "charged",
    "attempts": 2,
    "ttft_ms": 310,
    "paid_nano": 400_000,
    "quantities": {"input": 12, "output": 34},
    "end": "complete",
}


def head(**fields: Any) -> dict[str, Any]:
    return {
        "id": "req_1",
        "part": "request",
        "live": False,
        "start": 1000.0,
        "end": 1001.0,
        "method": "POST",
        "target": "/api/v1/chat/completions",
        "headers": [["content-type", "application/json"]],
        "size": 2,
        "status": 200,
        "answer_headers": [["content-type", "text/event-stream"]],
        "answer_size": 4,
        "facts": FACTS,
        "whole": [True, True],
        **fields,
    }


def frame(
    kind: int = PUT, request: bytes = b"{}", answer: bytes = b"data", **fields: Any
) -> Frame:
    return Frame(kind, head(**fields), request, answer)
