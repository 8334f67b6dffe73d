"""Images: the documented fields and defaults, and what a rate depends on."""

import pytest

from addons.wire.errors import BadParameter
from addons.wire.images import IMAGES_MAX, ImageAsk, image_of

CAT = {"prompt": "一只可爱的橘猫"}


def test_the_defaults_are_those_of_the_document() -> None:
    assert image_of(CAT) == ImageAsk("dall-e-3", CAT["prompt"], 1, "1024x1024")
    nothing = dict.fromkeys(("model", "n", "size", "quality"))
    assert image_of({**CAT, **nothing}) == image_of(CAT)


def test_what_is_asked_decides_the_price() -> None:
    ask = image_of({**CAT, "n": 3, "size": "1792x1024", "quality": "hd", "style": "x"})
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
    ],
)
def test_a_wrong_field_is_named(fields, param: str, code: str) -> None:
    with pytest.raises(BadParameter) as caught:
        image_of({**CAT, **fields})
    assert (caught.value.param, caught.value.code) == (param, code)
