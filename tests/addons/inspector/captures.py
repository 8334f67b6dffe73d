"""Captured traffic: exchanges through the worker's side, as flows of a file."""

import io
from typing import Any

import orjson
from mitmproxy.io import FlowReader, FlowWriter

from addons.inspector.capture import Story, stories_of
from addons.inspector.framing import Frame
from addons.inspector.web.copying import flow_of


def saved(*frames: Frame) -> bytes:
    """The file that is made of some entries."""
    file = io.BytesIO()
    writer = FlowWriter(file)
    for frame in frames:
        writer.add(flow_of(through_json(frame)))
    return file.getvalue()


def stories(*frames: Frame) -> list[Story]:
    return stories_of(FlowReader(io.BytesIO(saved(*frames))).stream())


def through_json(frame: Frame) -> Frame:
    head: dict[str, Any] = orjson.loads(orjson.dumps(frame.head))
    return Frame(frame.kind, head, frame.request, frame.answer)
