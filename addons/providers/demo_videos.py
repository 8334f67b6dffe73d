"""Demo videos: films without a model, drawn from the prompt's hash.

A pattern of coloured squares in the shape that was asked for, of which one changes five
times a second, for as long as was asked. The same prompt is the same film. Like a real
provider's it is a task: it waits, runs, and is made at the third question. Nothing of
it is remembered anywhere: the name of a task says all that there is to draw.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import orjson

from addons.providers.base import JSON_HEADERS, Sold, UpstreamRequest
from addons.providers.demo_mp4 import Colour, film
from addons.providers.filming import (
    Filming,
    Polled,
    Task,
    percent,
    task_name,
)
from addons.wire.video_files import video_type_of
from addons.wire.videos import DURATION_SECONDS_MAX, VideoAsk

PATH = "/videos"
POLL_SECONDS = 1
RESOLUTIONS = ("720p", "1080p")
# What it says at the first questions; after them the film is made.
STAGES = ("queued", "running")
PICTURE_MS = 200
PICTURES_A_SECOND = 5
COLOURS = 3
# Squares across and down.
SHAPES: Mapping[str, tuple[int, int]] = MappingProxyType(
    {
        "16:9": (16, 9),
        "9:16": (9, 16),
        "1:1": (12, 12),
        "4:3": (12, 9),
        "3:4": (9, 12),
        "5:4": (15, 12),
        "4:5": (12, 15),
        "3:2": (12, 8),
        "2:3": (8, 12),
        "21:9": (21, 9),
    }
)

_TASK = re.compile(r"demo-([0-9]{1,2})-([0-9]{1,2})x([0-9]{1,2})-([0-9a-f]{32})")


def answer(request: Mapping[str, Any]) -> bytes:
    """The answer to a request's body: to a submission, a question, or for the file."""
    if "video" in request:
        return orjson.dumps({"id": task_for(request["video"])})
    if request.get("file"):
        return draw(request["task"])
    polls = request["polls"]
    made = polls >= len(STAGES)
    said = {
        "status": "completed" if made else STAGES[polls],
        "progress": min(polls / len(STAGES), 1),
    }
    return orjson.dumps(said)


def task_for(video: Mapping[str, Any]) -> str:
    columns, rows = SHAPES[video["aspect_ratio"]]
    digest = hashlib.sha256(video["prompt"].encode("utf-8", "replace")).hexdigest()
    return f"demo-{video['duration']}-{columns}x{rows}-{digest[:32]}"


def draw(task: str) -> bytes:
    """The film that a task's name stands for, as an MP4 file."""
    match = _TASK.fullmatch(task)
    if match is None:
        raise ValueError("no task of the demo")
    seconds, columns, rows = map(int, match.groups()[:3])
    seed = hashlib.shake_256(match[4].encode())
    squares, pictures = columns * rows, seconds * PICTURES_A_SECOND
    numbers = seed.digest(squares + 2 * pictures + 3 * COLOURS)
    now = [number % COLOURS for number in numbers[:squares]]
    # Mirrored, as a picture of the demo is.
    for place in range(squares):
        row, column = divmod(place, columns)
        now[place] = now[row * columns + min(column, columns - 1 - column)]
    first = [now[row * columns : (row + 1) * columns] for row in range(rows)]
    changes = []
    for picture in range(1, pictures):
        at = squares + 2 * picture
        place = int.from_bytes(numbers[at : at + 2]) % squares
        now[place] = (now[place] + 1) % COLOURS
        changes.append({place: now[place]})
    return film(first, colours(numbers[-3 * COLOURS :]), changes, PICTURE_MS)


def colours(numbers: bytes) -> list[Colour]:
    """Neither very dark nor glaring."""
    return [
        (96 + luma // 2, 64 + blue // 2, 64 + red // 2)
        for luma, blue, red in zip(*[iter(numbers)] * 3)
    ]


def compose(ask: VideoAsk, model: str, end_user: str) -> dict[str, Any]:
    video = {
        "prompt": ask.prompt,
        "duration": ask.duration_seconds,
        "aspect_ratio": ask.aspect_ratio,
        "resolution": ask.resolution,
    }
    return {"model": model, "video": video}


def count(body: Mapping[str, Any]) -> Sold:
    video = body["video"]
    return Sold(
        {"generation": 1, "second": video["duration"]},
        {"resolution": video["resolution"]},
    )


def read_task(said: Mapping[str, Any], base_url: str) -> Task:
    return Task(task_name(said["id"]))


def ask_about(task: Task, polls: int) -> UpstreamRequest:
    return post({"task": task.id, "polls": polls})


def result(task: Task) -> UpstreamRequest:
    return post({"task": task.id, "file": True})


def post(body: Mapping[str, Any]) -> UpstreamRequest:
    return UpstreamRequest("POST", PATH, JSON_HEADERS, orjson.dumps(body), False)


def read_state(said: Mapping[str, Any]) -> Polled:
    status = said["status"]
    if status == "completed":
        return Polled("made", 100)
    if status not in STAGES:
        raise ValueError("a status that is none")
    return Polled(status, percent(said.get("progress")))


def read_made(headers: Mapping[str, str], body: bytes) -> Polled:
    if video_type_of(body) is None:
        raise ValueError("no video")
    return Polled("made", 100, data=body)


DEMO_VIDEOS = Filming(
    path=PATH,
    compose=compose,
    count=count,
    read_task=read_task,
    ask=ask_about,
    read_state=read_state,
    result=result,
    read_made=read_made,
    ratios=MappingProxyType({shape: shape for shape in SHAPES}),
    resolutions=MappingProxyType({one: one for one in RESOLUTIONS}),
    durations=tuple(range(1, DURATION_SECONDS_MAX + 1)),
    poll_seconds=POLL_SECONDS,
)
