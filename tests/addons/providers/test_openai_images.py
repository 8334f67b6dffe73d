"""OpenAI's images: today's words for the documented parameters."""

import orjson
import pytest

from addons.providers.openai_images import OPENAI_IMAGES, image_in
from addons.wire.images import ImageAsk
from tests.fakes.openai_images import check

CAT = ImageAsk("dall-e-3", "cat", n=2, size="1792x1024")


@pytest.mark.parametrize(
    ("quality", "sent"), [("standard", "medium"), ("hd", "high")]
)
def test_a_request_is_in_todays_words(quality: str, sent: str) -> None:
    ask = ImageAsk("dall-e-3", "cat", 2, "1792x1024", quality, "vivid", "b64_json")
    (request,) = OPENAI_IMAGES.image_requests(ask, "gpt-image", "account-7")
    body = orjson.loads(request.body)
    assert body == {
        "model": "gpt-image",
        "prompt": "cat",
        "n": 2,
        "size": "1792x1024",
        "quality": sent,
        "user": "account-7",
    }
    assert request.dropped == ("style",)
    check(body)


def test_an_older_model_s_words_are_read_too() -> None:
    made = image_in({"url": "https://a/b.png", "revised_prompt": "a cat"})
    assert (made.url, made.revised_prompt) == ("https://a/b.png", "a cat")


def test_a_prompt_that_is_no_text_is_no_answer() -> None:
    with pytest.raises(TypeError):
        image_in({"url": "u", "revised_prompt": 7})
