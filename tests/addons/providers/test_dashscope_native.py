"""DashScope's native images: one a call, by address, errors under any status."""

import orjson
import pytest

from addons.providers.dashscope_native import DASHSCOPE_NATIVE, rewritten
from addons.wire.errors import (
    ContentRefused,
    UpstreamBilling,
    UpstreamFailed,
    UpstreamThrottled,
)
from addons.wire.images import ImageAsk
from tests.fakes.dashscope_server import size_in

IMAGING = DASHSCOPE_NATIVE.imaging


def test_each_image_is_a_call_of_its_own() -> None:
    ask = ImageAsk("qwen-vl", "猫", n=3, size="1792x1024")
    requests = IMAGING.image_requests(ask, "qwen-image-2.0", "account-7")
    bodies = [orjson.loads(one.body) for one in requests]
    assert len(bodies) == 3
    assert all(size_in(body) == (1792, 1024) for body in bodies)
    assert b"account-7" not in requests[0].body


def test_an_image_comes_with_its_prompt_anew() -> None:
    content = [{"image": "https://a/1.png"}, {"text": "写"}]
    said = {"output": {"choices": [{"message": {"content": content}}]}}
    (made,) = IMAGING.read_images(200, {}, orjson.dumps(said))
    assert (made.url, made.revised_prompt) == ("https://a/1.png", "写")


@pytest.mark.parametrize(
    ("message", "prompt"),
    [
        ({"content": []}, None),
        ({"content": [{"text": ""}], "actual_prompt": "写"}, "写"),
        ({"content": [{"text": "写"}], "actual_prompt": "x"}, "写"),
    ],
)
def test_the_prompt_anew_stands_in_one_of_two_places(message, prompt) -> None:
    assert rewritten(message) == prompt


def test_a_prompt_that_is_no_text_is_no_answer() -> None:
    with pytest.raises(TypeError):
        rewritten({"content": [{"text": 7}]})


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("DataInspectionFailed", ContentRefused),
        ("Arrearage", UpstreamBilling),
        ("Throttling.RateQuota", UpstreamThrottled),
        ("InternalError.Algo", UpstreamFailed),
        ("Unheard", UpstreamFailed),
    ],
)
def test_an_error_under_status_200_is_what_its_code_says(code: str, kind) -> None:
    said = {"code": code, "message": "m", "request_id": "r"}
    with pytest.raises(kind) as caught:
        IMAGING.read_images(200, {}, orjson.dumps(said))
    assert type(caught.value) is kind
