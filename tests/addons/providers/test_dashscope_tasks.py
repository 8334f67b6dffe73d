"""DashScope's tasks: five sizes, states that end, and parts that fail."""

import orjson
import pytest

from addons.providers.dashscope_tasks import DASHSCOPE_TASKS, LIVE, OVER
from addons.wire.errors import (
    ContentRefused,
    UpstreamBilling,
    UpstreamFailed,
    UpstreamThrottled,
)
from addons.wire.images import ImageAsk

IMAGING = DASHSCOPE_TASKS.imaging


def over(status: str, **output: object) -> bytes:
    return orjson.dumps({"output": {"task_status": status, **output}})


def test_a_call_begins_a_task() -> None:
    ask = ImageAsk("qwen-vl", "一只猫", n=2, size="1792x1024", style="vivid")
    first, second = IMAGING.image_requests(ask, "qwen-image", "account-7")
    assert first == second
    assert first.path == "/services/aigc/text2image/image-synthesis"
    assert first.headers["X-DashScope-Async"] == "enable"
    assert first.dropped == ("style",)
    assert orjson.loads(first.body) == {
        "model": "qwen-image",
        "input": {"prompt": "一只猫"},
        "parameters": {
            "size": "1664*928",
            "n": 1,
            "prompt_extend": True,
            "watermark": False,
        },
    }


@pytest.mark.parametrize(
    ("size", "made"),
    [
        ("1024x1024", "1328*1328"),
        ("1024x1792", "928*1664"),
        ("1536x1024", "1472*1104"),
        ("1024x1536", "1104*1472"),
    ],
)
def test_the_nearest_size_is_made(size: str, made: str) -> None:
    (request,) = IMAGING.image_requests(ImageAsk("m", "x", size=size), "m", "a")
    assert orjson.loads(request.body)["parameters"]["size"] == made


def test_a_task_is_asked_about_at_its_own_path() -> None:
    body = orjson.dumps({"output": {"task_id": "t-1", "task_status": "PENDING"}})
    question = IMAGING.poll_request(200, {}, body)
    assert (question.method, question.path) == ("GET", "/tasks/t-1")
    assert question.body == b""


def test_a_task_that_was_not_begun_is_an_error() -> None:
    for body, kind in (
        (b'{"code":"DataInspectionFailed","message":"m"}', ContentRefused),
        (b'{"output":{"task_id":"../x"}}', UpstreamFailed),
        (b'{"output":[]}', UpstreamFailed),
    ):
        with pytest.raises(kind):
            IMAGING.poll_request(200, {}, body)
    with pytest.raises(UpstreamBilling):
        IMAGING.poll_request(400, {}, b'{"code":"Arrearage","message":"m"}')


def test_states() -> None:
    assert not any(IMAGING.is_over(200, {}, over(one)) for one in LIVE)
    assert all(IMAGING.is_over(200, {}, over(one)) for one in OVER)
    with pytest.raises(UpstreamFailed):
        IMAGING.is_over(200, {}, over("ODD"))


def test_what_succeeded_of_a_task_is_its_answer() -> None:
    good = {"url": "https://a.aliyuncs.com/x.png", "actual_prompt": "再写一遍"}
    bad = {"code": "DataInspectionFailed", "message": "m"}
    body = over("SUCCEEDED", results=[bad, good])
    (made,) = IMAGING.read_images(200, {}, body)
    assert (made.url, made.revised_prompt) == (good["url"], "再写一遍")


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (over("SUCCEEDED", results=[]), UpstreamFailed),
        (over("SUCCEEDED"), UpstreamFailed),
        (over("SUCCEEDED", results=[{"url": "x", "actual_prompt": 7}]), UpstreamFailed),
        (over("SUCCEEDED", results=[{"code": "DataInspectionFailed"}]), ContentRefused),
        (over("FAILED", code="DataInspectionFailed", message="m"), ContentRefused),
        (over("FAILED", code="Throttling.RateQuota"), UpstreamThrottled),
        (over("FAILED", code="InternalError.Algo"), UpstreamFailed),
        (over("CANCELED"), UpstreamFailed),
        (over("UNKNOWN"), UpstreamFailed),
    ],
)
def test_ends_without_images(body: bytes, kind) -> None:
    with pytest.raises(kind):
        IMAGING.read_images(200, {}, body)
