"""fal: videos by its queue, which hosts Pika and others.

The path of a request is the model's own name. What is queued is asked about at
addresses that the answer names, since they differ from the model's path. COMPLETED
means that a task is over and not that it went well: only the result tells, by its
status, whether there is a video or why there is none. The queue itself tries again what
failed for want of a machine, and bills only results that are good.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import orjson

from addons.providers.base import Dialect, Sold, UpstreamRequest
from addons.providers.filming import (
    Filming,
    Polled,
    Task,
    address,
    get,
    object_in,
    path_below,
    task_name,
)
from addons.providers.imaging import ACCEPT
from addons.wire.errors import (
    UpstreamAuth,
    UpstreamBilling,
    UpstreamFailed,
    UpstreamOverloaded,
    UpstreamTimeout,
)
from addons.wire.verdicts import COMMON
from addons.wire.videos import VideoAsk

RATIOS = ("16:9", "9:16", "1:1", "4:5", "5:4", "3:2", "2:3")
RESOLUTIONS = ("720p", "1080p")
DURATIONS = (5, 10)
POLL_SECONDS = 3

STATUS, RESULT, CANCEL = "status", "result", "cancel"


def key(secret: str) -> dict[str, str]:
    return {"authorization": f"Key {secret}"}


def compose(ask: VideoAsk, model: str, end_user: str) -> dict[str, Any]:
    return {
        "prompt": ask.prompt,
        "aspect_ratio": ask.aspect_ratio,
        "resolution": ask.resolution,
        "duration": ask.duration_seconds,
    }


def count(body: Mapping[str, Any]) -> Sold:
    return Sold(
        {"generation": 1, "second": body["duration"]},
        {"resolution": body["resolution"]},
    )


def read_task(answer: Mapping[str, Any], base_url: str) -> Task:
    return Task(
        task_name(answer["request_id"]),
        {
            STATUS: path_below(base_url, answer["status_url"]),
            RESULT: path_below(base_url, answer["response_url"]),
            CANCEL: path_below(base_url, answer["cancel_url"]),
        },
    )


def ask_about(task: Task, polls: int) -> UpstreamRequest:
    return get(task.urls[STATUS])


def result(task: Task) -> UpstreamRequest:
    return get(task.urls[RESULT])


def cancel(task: Task) -> UpstreamRequest:
    return UpstreamRequest("PUT", task.urls[CANCEL], ACCEPT, b"", False)


STATES: Mapping[str, Polled] = MappingProxyType(
    {
        "IN_QUEUE": Polled("queued", 0),
        "IN_PROGRESS": Polled("running"),
        "COMPLETED": Polled("made", 100),
    }
)


def read_state(answer: Mapping[str, Any]) -> Polled:
    return STATES[answer["status"]]


def read_made(headers: Mapping[str, str], body: bytes) -> Polled:
    return Polled("made", 100, address(object_in(body)["video"]["url"]))


def retell(body: bytes) -> bytes:
    """Both of its errors as code, message and field: a list of what is wrong with the
    input, of which the first is told, and a text with its type beside it."""
    try:
        said = object_in(body)
        error = said["detail"]
        if type(error) is list:
            error = error[0]
            where = error.get("loc") or [None]
            found = {"code": error["type"], "message": error["msg"], "param": where[-1]}
        else:
            found = {"code": said.get("error_type"), "message": error}
    except (AttributeError, LookupError, TypeError, ValueError):
        return body
    return orjson.dumps({"error": found})


FAL = Dialect(
    name="fal",
    auth=key,
    chats=False,
    filming=Filming(
        path="/{model}",
        compose=compose,
        count=count,
        read_task=read_task,
        ask=ask_about,
        read_state=read_state,
        result=result,
        read_made=read_made,
        ratios=MappingProxyType({one: one for one in RATIOS}),
        resolutions=MappingProxyType({one: one for one in RESOLUTIONS}),
        durations=DURATIONS,
        poll_seconds=POLL_SECONDS,
        cancel=cancel,
        cancels=frozenset({"queued"}),
        verdicts=MappingProxyType(
            {
                **COMMON,
                "exhausted balance": UpstreamBilling,
                "user is locked": UpstreamAuth,
                "downstream_service_error": UpstreamFailed,
                "downstream_service_unavailable": UpstreamOverloaded,
                "generation_timeout": UpstreamTimeout,
                "internal_server_error": UpstreamFailed,
                "no_media_generated": UpstreamFailed,
                "request_timeout": UpstreamTimeout,
                "runner_connection_refused": UpstreamOverloaded,
                "runner_connection_timeout": UpstreamOverloaded,
                "runner_disconnected": UpstreamOverloaded,
                "runner_scheduling_failure": UpstreamOverloaded,
                "startup_timeout": UpstreamTimeout,
            }
        ),
        retell=retell,
    ),
)
