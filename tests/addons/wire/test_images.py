"""Images: the documented fields and defaults, and what a rate depends on."""

import orjson
import pytest

from addons.wire.errors import BadParameter
from addons.wire.images import (
    IMAGES_MAX,
    ImageAnswer,
    ImageAsk,
    image_of,
    images_body,
    media_type_of,
    read_image,
)
from config.settings import ImageRules
from tests.fakes.png import png

CAT = {"prompt": "一只可爱的橘猫"}


def test_the_defaults_are_those_of_the_document() -> None:
    assert image_of(CAT) == ImageAsk("dall-e-3", CAT["prompt"], 1, "1024x1024")
    nothing = dict.fromkeys(("model", "n", "size", "quality"))
    assert image_of({**CAT, **nothing}) == image_of(CAT)


def test_what_is_asked_decides_the_price() -> None:
    wide = {"n": 3, "size": "1792x1024", "quality": "hd", "style": "vivid"}
    ask = image_of({**CAT, **wide})
    assert ask.quantities == {"image": 3}
    assert ask.parameters == {"size": "1792x1024", "quality": "hd"}


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({"prompt": None}, "prompt", "missing_required_parameter"),
        ({"prompt": ""}, "prompt", "invalid_value"),
        ({"prompt": ["a"]}, "prompt", "invalid_type"),
        ({"model": 1}, "model", "invalid_type"),
        ({"n": 0}, "n", "invalid_value"),
        ({"n": IMAGES_MAX + 1}, "n", "invalid_value"),
        ({"n": True}, "n", "invalid_type"),
        ({"size": "big"}, "size", "invalid_value"),
        ({"size": "1024x99999"}, "size", "invalid_value"),
        ({"size": 1024}, "size", "invalid_type"),
        ({"quality": "best"}, "quality", "invalid_value"),
        ({"style": "x"}, "style", "invalid_value"),
        ({"response_format": "png"}, "response_format", "invalid_value"),
        ({"user": 1}, "user", "invalid_type"),
        ({"stream": True}, "stream", "unsupported_parameter"),
        ({"image": "https://a.example/cat.png"}, "image", "unsupported_parameter"),
        ({"mask": "aGk="}, "mask", "unsupported_parameter"),
    ],
)
def test_a_wrong_field_is_named(fields, param: str, code: str) -> None:
    with pytest.raises(BadParameter) as caught:
        image_of({**CAT, **fields})
    assert (caught.value.param, caught.value.code) == (param, code)


def test_a_body_is_read_whatever_else_it_has() -> None:
    more = {"user": "ann", "seed": 1, "stream": False, "x\r\ny": 2, "猫": None}
    ask = read_image(orjson.dumps({**CAT, **more}))
    assert ask.dropped == ("seed", "stream", "?")
    assert (ask.stream, ask.response_format) == (False, "url")
    assert not hasattr(ask, "user")


RULES = ImageRules(
    sizes=("1328x1328", "1024x1024"), qualities=("hd",), n_max=2, prompt_chars=9
)
BARE = ImageRules(sizes=("1024x1024",))


def test_what_was_not_said_is_the_models_own_default() -> None:
    ask = image_of(CAT).within(RULES)
    assert ask.parameters == {"size": "1328x1328", "quality": "hd"}
    assert ask.dropped == ()


def test_what_was_said_stays() -> None:
    ask = image_of({**CAT, "size": "1024x1024", "n": 2}).within(RULES)
    assert (ask.size, ask.n) == ("1024x1024", 2)


def test_what_a_model_does_not_know_is_dropped_and_costs_nothing() -> None:
    ask = image_of({**CAT, "quality": "hd", "style": "vivid"}).within(BARE)
    assert ask.dropped == ("quality", "style")
    assert (ask.parameters["quality"], ask.style) == ("standard", "")
    assert image_of(CAT).within(BARE).dropped == ()


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"size": "1792x1024"}, "size"),
        ({"quality": "standard"}, "quality"),
        ({"n": 3}, "n"),
        ({"prompt": "x" * 10}, "prompt"),
    ],
)
def test_what_a_model_does_not_make_is_named(fields, param: str) -> None:
    with pytest.raises(BadParameter) as caught:
        image_of({**CAT, **fields}).within(RULES)
    assert caught.value.param == param


def test_a_style_is_held_to_the_rules_too() -> None:
    rules = ImageRules(sizes=("1024x1024",), styles=("natural",))
    with pytest.raises(BadParameter):
        image_of({**CAT, "style": "vivid"}).within(rules)
    assert image_of({**CAT, "style": "natural"}).within(rules).style == "natural"


def test_the_answer_has_openais_shape_and_its_cost_digit_by_digit() -> None:
    body = images_body([{"url": "u"}, {"url": "v"}], 7, "0.080000000")
    assert body == (
        b'{"created":7,"data":[{"url":"u"},{"url":"v"}],'
        b'"usage":{"images":2,"cost":0.080000000}}'
    )


def test_only_what_is_shown_counts() -> None:
    assert ImageAnswer((), ({"url": "u"},)).quantities == {"image": 1}
    assert ImageAnswer(()).quantities == {"image": 0}


@pytest.mark.parametrize(
    ("data", "media_type"),
    [
        (png("x"), "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
        (b"RIFF\0\0\0\0WAVE", None),
        (b"<svg", None),
        (b"", None),
    ],
)
def test_an_image_is_what_its_first_bytes_say(data: bytes, media_type) -> None:
    assert media_type_of(data) == media_type
