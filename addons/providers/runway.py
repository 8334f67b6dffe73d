"""Runway: videos by its developer API, one task each.

The version of the API is pinned by a header. A task is refused as a whole or runs to
its end; above the account's number of tasks at once it waits, which is no error. The
code of a failure says whether the content policy was the reason. A task that is asked
about again tells fresh addresses of its file, so the result is asked for as the state
is.

What is cancelled while it waits is given back; what runs is billed all the same.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import orjson

from addons.providers.base import Dialect, Sold, UpstreamRequest
from addons.providers.filming import (
    CANCELLED,
    NO_VIDEO,
    Filming,
    Polled,
    Task,
    address,
    get,
    object_in,
    percent,
    task_name,
)
from addons.wire.errors import (
    ApiError,
    ContentRefused,
    UpstreamBilling,
    UpstreamFailed,
    UpstreamThrottled,
)
from addons.wire.verdicts import COMMON
from addons.wire.videos import VideoAsk

VERSION = "2024-11-06"
PROMPT_UNITS = 1_000
DURATIONS = tuple(range(2, 11))
POLL_SECONDS = 5
# A 429 is a cap of a day or of spending, so that it lasts.
THROTTLE_SECONDS = 60
RATIOS: Mapping[str, str] = MappingProxyType({"16:9": "1280:720", "9:16": "720:1280"})
# The one that all of its ratios are.
RESOLUTION = "720p"

WAITING = frozenset({"PENDING", "THROTTLED"})
SAFETY = "SAFETY"


def compose(ask: VideoAsk, model: str, end_user: str) -> dict[str, Any]:
    return {
        "model": model,
        "promptText": ask.prompt,
        "ratio": RATIOS[ask.aspect_ratio],
        "duration": ask.duration_seconds,
    }


def count(body: Mapping[str, Any]) -> Sold:
    return Sold(
        {"generation": 1, "second": body["duration"]}, {"resolution": RESOLUTION}
    )


def read_task(answer: Mapping[str, Any], base_url: str) -> Task:
    return Task(task_name(answer["id"]))


def ask_about(task: Task, polls: int) -> UpstreamRequest:
    return result(task)


def result(task: Task) -> UpstreamRequest:
    return get(f"/v1/tasks/{task.id}")


def cancel(task: Task) -> UpstreamRequest:
    return UpstreamRequest("DELETE", f"/v1/tasks/{task.id}", {}, b"", False)


def read_state(answer: Mapping[str, Any]) -> Polled:
    status = answer["status"]
    if status in WAITING:
        return Polled("queued", 0)
    if status == "RUNNING":
        return Polled("running", percent(answer.get("progress")))
    if status == "SUCCEEDED":
        return made(answer.get("output"))
    if status == "FAILED":
        return Polled("failed", failure=failure(answer))
    if status == "CANCELLED":
        return Polled("failed", failure=UpstreamFailed(CANCELLED))
    raise ValueError("a status that is none")


def made(output: object) -> Polled:
    """A task that succeeded is over, whatever it says of its files."""
    if type(output) is not list or not output:
        return Polled("failed", failure=UpstreamFailed(NO_VIDEO))
    return Polled("made", 100, address(output[0]))


def failure(answer: Mapping[str, Any]) -> ApiError:
    """Why a task failed, by its code; its words are not meant for users."""
    code = answer.get("failureCode")
    detail = f"failureCode {code!r:.64}"
    if type(code) is str and code.partition(".")[0] == SAFETY:
        return ContentRefused(detail=detail)
    return UpstreamFailed(detail=detail)


def read_made(headers: Mapping[str, str], body: bytes) -> Polled:
    return read_state(object_in(body))


def retell(body: bytes) -> bytes:
    """`{"error": "text", "failureCode": …}` with the code where it is looked for."""
    try:
        said = object_in(body)
    except ValueError:
        return body
    return orjson.dumps({**said, "code": said.get("code") or said.get("failureCode")})


RUNWAY = Dialect(
    name="runway",
    chats=False,
    filming=Filming(
        path="/v1/text_to_video",
        compose=compose,
        count=count,
        read_task=read_task,
        ask=ask_about,
        read_state=read_state,
        result=result,
        read_made=read_made,
        ratios=RATIOS,
        resolutions=MappingProxyType({RESOLUTION: RESOLUTION}),
        durations=DURATIONS,
        prompt_units=PROMPT_UNITS,
        headers=MappingProxyType({"X-Runway-Version": VERSION}),
        poll_seconds=POLL_SECONDS,
        cancel=cancel,
        cancels=frozenset({"queued"}),
        verdicts=MappingProxyType(
            {
                **COMMON,
                SAFETY: ContentRefused,
                "not have enough credits": UpstreamBilling,
                "rate_limited": UpstreamThrottled,
            }
        ),
        retell=retell,
        throttle_seconds=THROTTLE_SECONDS,
    ),
)
