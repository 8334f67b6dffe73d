"""The fake images of OpenAI, without a server: what they are, what is refused."""

import base64

import pytest

from tests.fakes.openai_images import Images, check_size
from tests.fakes.openai_model import Refusal
from tests.fakes.png import comment

CAT = {"model": "gpt-image-2.5-flare", "prompt": "cat"}


def test_each_image_is_another() -> None:
    answer = Images().answer({**CAT, "n": 2}, 7)
    found = [base64.b64decode(one["b64_json"]) for one in answer["data"]]
    assert [comment(data) for data in found] == ["cat 7.0", "cat 7.1"]


def test_a_script_says_otherwise() -> None:
    made = Images(count=1, url="https://x/y.png", revised_prompt="a cat")
    (one,) = made.answer({**CAT, "n": 5}, 1)["data"]
    assert one == {"url": "https://x/y.png", "revised_prompt": "a cat"}


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"response_format": "url"}, "response_format"),
        ({"style": "vivid"}, "style"),
        ({"prompt": ""}, "prompt"),
        ({"n": 11}, "n"),
        ({"n": "1"}, "n"),
        ({"quality": "hd"}, "quality"),
        ({"size": "1000x1000"}, "size"),
        ({"size": "4096x1024"}, "size"),
        ({"size": "big"}, "size"),
    ],
)
def test_what_the_family_does_not_take_is_refused(fields, param: str) -> None:
    with pytest.raises(Refusal) as caught:
        Images().answer({**CAT, **fields}, 1)
    assert caught.value.param == param


@pytest.mark.parametrize("size", ["auto", "1024x1024", "1792x1024", "1024x1792"])
def test_the_documented_sizes_are_taken(size: str) -> None:
    check_size(size)
