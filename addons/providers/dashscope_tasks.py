"""DashScope's tasks: the older models of qwen-image, which answer later.

A call begins a task, which is asked about until it is over: UNKNOWN is over too, and
means that nobody knows it any more. A task of which a part failed is a success; what
failed of it has an error in its place. One image a call, in one of five sizes, and the
nearest shape is asked for.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

import orjson

from addons.providers.base import Dialect
from addons.providers.dashscope import DASHSCOPE
from addons.providers.dashscope_native import count
from addons.providers.filming import task_name
from addons.providers.imaging import Form, Imaging, Tasks, answer_in, nearest
from addons.wire.images import ImageAsk, Made
from addons.wire.verdicts import judge_object

SIZES = ("1328*1328", "1664*928", "928*1664", "1472*1104", "1104*1472")
POLL_SECONDS = 2

LIVE = frozenset({"PENDING", "RUNNING", "SUSPENDED"})
OVER = frozenset({"SUCCEEDED", "FAILED", "CANCELED", "UNKNOWN"})


def compose(ask: ImageAsk, model: str, count: int, end_user: str) -> Form:
    body = {
        "model": model,
        "input": {"prompt": ask.prompt},
        "parameters": {
            "size": nearest(ask.size, SIZES, "*"),
            "n": count,
            "prompt_extend": True,
            "watermark": False,
        },
    }
    return Form(orjson.dumps(body), dropped=("style",) if ask.style else ())


def output_in(body: bytes) -> Mapping[str, Any]:
    output = answer_in(body, "output", DASHSCOPE.verdicts)["output"]
    if type(output) is not dict:
        raise TypeError("an output that is none")
    return output


def read_path(body: bytes) -> str:
    return f"/tasks/{task_name(output_in(body)['task_id'])}"


def is_over(body: bytes) -> bool:
    status = output_in(body)["task_status"]
    if status not in LIVE and status not in OVER:
        raise ValueError("a status that is none")
    return status in OVER


def read(headers: Mapping[str, str], body: bytes) -> Iterator[Made]:
    output = output_in(body)
    if output["task_status"] != "SUCCEEDED":
        raise judge_object(output, DASHSCOPE.verdicts)
    good = [one for one in output["results"] if "url" in one]
    if not good:
        failed = next(iter(output["results"]), None)
        if failed is None:
            return
        raise judge_object(failed, DASHSCOPE.verdicts)
    for one in good:
        revised = one.get("actual_prompt")
        if revised is not None and type(revised) is not str:
            raise TypeError("a prompt that is not text")
        yield Made(url=one["url"], revised_prompt=revised)


DASHSCOPE_TASKS = Dialect(
    name="dashscope-tasks",
    chats=False,
    imaging=Imaging(
        path="/services/aigc/text2image/image-synthesis",
        compose=compose,
        read=read,
        count=count,
        headers=MappingProxyType({"X-DashScope-Async": "enable"}),
        tasks=Tasks(read_path, is_over, POLL_SECONDS),
        verdicts=DASHSCOPE.verdicts,
    ),
)
