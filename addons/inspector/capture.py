"""Capture: requests in a file of flows, each with the calls that were made for it.

What a flow says of itself is in its metadata, where the inspector put it. A file may be
anybody's, so nothing is believed but its form: what is no request of ours is passed
over, and what is incomplete is said to be.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import orjson
from mitmproxy.flow import Flow
from mitmproxy.http import HTTPFlow

from addons.inspector.facts import CALL, REQUEST

CAPTURE = "capture"


@dataclass(slots=True)
class Captured:
    """One entry: what is known of it, and both bodies as they were shown."""

    known: dict[str, Any]
    request: bytes
    answer: bytes
    status: int
    answer_headers: dict[str, str]

    @property
    def facts(self) -> dict[str, Any]:
        found = self.known["facts"]
        return found if isinstance(found, dict) else {}

    @property
    def id(self) -> str:
        return str(self.facts.get("request", ""))

    @property
    def is_whole(self) -> tuple[bool, bool]:
        """Whether request and answer are there in full and as they passed."""
        asked, answered = self.known["whole"]
        return asked is True, answered is True


@dataclass(slots=True)
class Story:
    """A request and its calls, in the order they were made."""

    request: Captured
    calls: list[Captured] = field(default_factory=list)


def stories_of(flows: Iterable[Flow]) -> list[Story]:
    """The requests of a file in its order."""
    entries = [entry for entry in map(captured, flows) if entry is not None]
    stories = {
        entry.id: Story(entry) for entry in entries if entry.known["part"] == REQUEST
    }
    for entry in entries:
        if entry.known["part"] == CALL and entry.id in stories:
            stories[entry.id].calls.append(entry)
    for story in stories.values():
        story.calls.sort(key=lambda call: call.facts.get("call", 0))
    return list(stories.values())


def captured(flow: Flow) -> Captured | None:
    """An entry of the inspector's; None for any other flow."""
    if not isinstance(flow, HTTPFlow):
        return None
    try:
        known = orjson.loads(flow.metadata.get(CAPTURE, ""))
        entry = Captured(
            known,
            flow.request.raw_content or b"",
            (flow.response.raw_content or b"") if flow.response else b"",
            flow.response.status_code if flow.response else 0,
            dict(flow.response.headers) if flow.response else {},
        )
        complete = entry.known["part"] in (REQUEST, CALL) and bool(entry.id)
        _ = entry.is_whole
    except (orjson.JSONDecodeError, LookupError, TypeError, ValueError):
        return None
    return entry if complete else None
