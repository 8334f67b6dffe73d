"""Imaging: the contract that every dialect with images keeps, and what they share."""

import base64
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from addons.providers import REGISTRY
from addons.providers.imaging import Imaging, answer_in, decoded, nearest
from addons.wire.errors import (
    ApiError,
    BadRequest,
    ContentRefused,
    UpstreamAuth,
    UpstreamBilling,
    UpstreamFailed,
    UpstreamModelGone,
    UpstreamOverloaded,
    UpstreamRefused,
    UpstreamThrottled,
)
from addons.wire.images import IMAGES_MAX, QUALITIES, ImageAsk
from tests.fakes.png import png

PAINTERS = {name: one.imaging for name, one in REGISTRY.items() if one.imaging}
every_painter = pytest.mark.parametrize("imaging", PAINTERS.values(), ids=PAINTERS)
CAT = ImageAsk("gateway-model", "一只猫")
PNG = png("cat")
# A good answer of each dialect: headers and body.
OPENAI_SAID = orjson.dumps({"data": [{"b64_json": base64.b64encode(PNG).decode()}]})
QWEN_SAID = {"content": [{"image": "https://a.aliyuncs.com/x.png"}]}
GOOD: Mapping[str, tuple[dict[str, str], bytes]] = {
    "openai": ({}, OPENAI_SAID),
    "demo": ({}, OPENAI_SAID),
    "stability": ({"Content-Type": "image/png", "Finish-Reason": "SUCCESS"}, PNG),
    "dashscope-native": (
        {},
        orjson.dumps({"output": {"choices": [{"message": QWEN_SAID}]}}),
    ),
    "dashscope-tasks": (
        {},
        orjson.dumps(
            {
                "output": {
                    "task_status": "SUCCEEDED",
                    "results": [{"url": "https://a.aliyuncs.com/x.png"}],
                }
            }
        ),
    ),
}


def test_every_painter_has_an_example() -> None:
    assert set(GOOD) == set(PAINTERS)


@every_painter
@pytest.mark.parametrize("n", range(1, IMAGES_MAX + 1))
def test_the_calls_together_ask_for_every_image(imaging: Imaging, n: int) -> None:
    requests = imaging.image_requests(replace(CAT, n=n), "upstream-1", "account-7")
    assert len(requests) == -(-n // imaging.images_a_call)
    counts = [
        orjson.loads(one.body).get("n") if one.body.startswith(b"{") else 1
        for one in requests
    ]
    asked = [1 if count is None else count for count in counts]
    if imaging.images_a_call > 1:
        assert sum(asked) == n
    for request in requests:
        assert (request.method, request.stream) == ("POST", False)
        assert request.path.startswith("/")
        assert b"upstream-1" in request.body
        assert CAT.prompt.encode() in request.body


def test_a_rest_is_a_call_of_its_own() -> None:
    imaging = replace(PAINTERS["openai"], images_a_call=4)
    requests = imaging.image_requests(replace(CAT, n=10), "m", "account-7")
    assert [orjson.loads(one.body)["n"] for one in requests] == [4, 4, 2]


@every_painter
@pytest.mark.parametrize("n", [1, 3, IMAGES_MAX])
@pytest.mark.parametrize("quality", QUALITIES)
def test_what_is_sold_is_what_was_asked_for(
    imaging: Imaging, n: int, quality: str
) -> None:
    ask = replace(CAT, n=n, quality=quality, size="1664x928")
    sold = [imaging.sold(one) for one in imaging.image_requests(ask, "m", "a")]
    assert sum(one.quantities["image"] for one in sold) == n
    for one in sold:
        assert set(one.quantities) == {"image"}
        # What is not sent cannot be told; what is told is what was asked for.
        assert one.parameters.items() <= ask.parameters.items()
        assert ("quality" in one.parameters) is imaging.qualities


@every_painter
def test_the_same_ask_gives_the_same_calls(imaging: Imaging) -> None:
    first, second = (imaging.image_requests(CAT, "m", "a") for _ in range(2))
    assert first == second


@every_painter
def test_a_style_that_is_not_sent_is_named(imaging: Imaging) -> None:
    (request,) = imaging.image_requests(replace(CAT, style="vivid"), "m", "a")
    assert (b"vivid" in request.body) is ("style" not in request.dropped)


@every_painter
def test_another_size_is_another_request(imaging: Imaging) -> None:
    (first,) = imaging.image_requests(CAT, "m", "a")
    (second,) = imaging.image_requests(replace(CAT, size="1792x1024"), "m", "a")
    assert first.body != second.body


@every_painter
def test_another_quality_is_another_request_where_it_is_obeyed(
    imaging: Imaging,
) -> None:
    (first,) = imaging.image_requests(CAT, "m", "a")
    (second,) = imaging.image_requests(replace(CAT, quality="hd"), "m", "a")
    assert (first.body != second.body) is imaging.qualities


@pytest.mark.parametrize("name", GOOD)
def test_a_good_answer_is_read(name: str) -> None:
    (made,) = PAINTERS[name].read_images(200, *GOOD[name])
    if made.data is None:
        assert made.url == QWEN_SAID["content"][0]["image"]
    else:
        assert (made.data, made.media_type) == (PNG, "image/png")


NOT_IMAGES = base64.b64encode(b"<html>").decode()
GARBAGE: list[bytes] = [
    b"",
    b"<html>502</html>",
    b"{",
    b"[]",
    b"null",
    b"{}",
    b'{"data":[]}',
    b'{"data":7}',
    b'{"data":[7]}',
    b'{"data":[{}]}',
    b'{"data":[{"b64_json":"?"}]}',
    b'{"data":[{"b64_json":7}]}',
    b'{"data":[{"url":7}]}',
    b'{"data":[{"url":""}]}',
    f'{{"data":[{{"b64_json":"{NOT_IMAGES}"}}]}}'.encode(),
    b'{"output":{}}',
    b'{"output":{"choices":[]}}',
    b'{"output":{"choices":[{"message":{"content":"x"}}]}}',
    b'{"output":{"choices":[{"message":{"content":[{"image":null}]}}]}}',
    b'{"image":"?","finish_reason":"SUCCESS"}',
    b'{"image":"","finish_reason":"SUCCESS"}',
    b'{"image":null,"finish_reason":"ODD"}',
    b"\xff\xfe",
]


@every_painter
@pytest.mark.parametrize("content_type", ["application/json", "image/png", ""])
def test_garbage_is_no_image(imaging: Imaging, content_type: str) -> None:
    for raw in GARBAGE:
        with pytest.raises(UpstreamFailed) as caught:
            imaging.read_images(200, {"content-type": content_type}, raw)
        assert caught.value.status == 502, raw


TASKS = {name: one for name, one in PAINTERS.items() if one.tasks}


def test_a_painter_without_tasks_is_never_asked_again() -> None:
    for name, imaging in PAINTERS.items():
        if name not in TASKS:
            assert imaging.poll_request(200, {}, b"") is None
            assert imaging.is_over(200, {}, b"")


@pytest.mark.parametrize("imaging", TASKS.values(), ids=TASKS)
def test_garbage_is_no_task_and_no_end_of_one(imaging: Imaging) -> None:
    for raw in GARBAGE:
        for read in (imaging.poll_request, imaging.is_over):
            with pytest.raises(UpstreamFailed):
                read(200, {}, raw)
            with pytest.raises(UpstreamThrottled):
                read(429, {}, raw)


@pytest.mark.parametrize("imaging", TASKS.values(), ids=TASKS)
@settings(max_examples=50)
@given(status=st.integers(100, 599), raw=st.binary(max_size=50))
def test_any_bytes_are_a_task_or_an_error(
    imaging: Imaging, status: int, raw: bytes
) -> None:
    for read in (imaging.poll_request, imaging.is_over):
        with pytest.raises(ApiError):
            read(status, {}, raw)


@pytest.mark.parametrize(
    ("size", "shape"),
    [("1024x1024", "2*2"), ("1792x1024", "3*2"), ("10x9999", "1*3"), ("2x2", "2*2")],
)
def test_the_nearest_shape_stands_for_a_size(size: str, shape: str) -> None:
    assert nearest(size, ("2*2", "3*2", "1*3", "4*4"), "*") == shape


@every_painter
@settings(max_examples=100)
@given(raw=st.binary(max_size=60), content_type=st.sampled_from(["", "image/png"]))
def test_an_answer_of_any_bytes_is_images_or_an_error(
    imaging: Imaging, raw: bytes, content_type: str
) -> None:
    try:
        assert imaging.read_images(200, {"content-type": content_type}, raw)
    except ApiError as error:
        assert isinstance(error, UpstreamFailed)


@every_painter
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, UpstreamRefused),
        (401, UpstreamAuth),
        (402, UpstreamBilling),
        (404, UpstreamModelGone),
        (422, UpstreamRefused),
        (429, UpstreamThrottled),
        (500, UpstreamFailed),
        (503, UpstreamOverloaded),
    ],
)
@pytest.mark.parametrize("raw", [b"", b"<html>", b'{"error":{"message":"m"}}', b"[]"])
def test_a_status_means_the_same_everywhere(
    imaging: Imaging, status: int, kind: type[ApiError], raw: bytes
) -> None:
    assert type(imaging.read_error(status, {}, raw)) is kind
    with pytest.raises(kind):
        imaging.read_images(status, {}, raw)


@every_painter
@settings(max_examples=50)
@given(status=st.integers(0, 999), raw=st.binary(max_size=50))
def test_an_error_is_read_from_anything(
    imaging: Imaging, status: int, raw: bytes
) -> None:
    assert isinstance(imaging.read_error(status, {}, raw), ApiError)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [({}, 60), ({"Retry-After": "7"}, 7), ({"retry-after": "9"}, 9)],
)
def test_a_wait_is_the_providers_where_it_names_one(headers, seconds: int) -> None:
    error = PAINTERS["stability"].read_error(429, headers, b"")
    assert error.retry_after == seconds


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ({"error": {"code": "moderation_blocked", "message": "m"}}, ContentRefused),
        ({"code": "insufficient_quota", "message": "m"}, UpstreamBilling),
        ({"error": {"type": "invalid_request_error", "message": "m"}}, BadRequest),
    ],
)
def test_an_error_under_status_200_is_an_error(said: dict[str, Any], kind) -> None:
    with pytest.raises(kind):
        answer_in(orjson.dumps(said), "data")


def test_base64_is_taken_strictly() -> None:
    assert decoded("AAE=") == b"\0\1"
    for wrong in ("AAE", "A A E=", "AAE=\n"):
        with pytest.raises(ValueError):
            decoded(wrong)
