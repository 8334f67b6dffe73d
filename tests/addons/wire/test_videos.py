"""Videos: the documented fields and defaults, and what a rate depends on."""

import pytest

from addons.wire.errors import BadParameter
from addons.wire.videos import DURATION_SECONDS_MAX, VideoAsk, video_of

WAVES = {"prompt": "海浪拍打沙滩"}


def test_the_defaults_are_those_of_the_document() -> None:
    assert video_of(WAVES) == VideoAsk("gen-2", WAVES["prompt"], 10, "16:9", "720p")
    nothing = dict.fromkeys(("model", "duration", "aspect_ratio", "resolution"))
    assert video_of({**WAVES, **nothing}) == video_of(WAVES)


def test_what_is_asked_decides_the_price() -> None:
    ask = video_of({**WAVES, "model": "pika-1.0", "duration": 5, "resolution": "1080p"})
    assert ask.quantities == {"generation": 1, "second": 5}
    assert ask.parameters == {"resolution": "1080p"}


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({"prompt": None}, "prompt", "missing_required_parameter"),
        ({"prompt": 1}, "prompt", "invalid_type"),
        ({"model": ""}, "model", "invalid_value"),
        ({"duration": 0}, "duration", "invalid_value"),
        ({"duration": DURATION_SECONDS_MAX + 1}, "duration", "invalid_value"),
        ({"duration": "10"}, "duration", "invalid_type"),
        ({"aspect_ratio": "16x9"}, "aspect_ratio", "invalid_value"),
        ({"resolution": "8k"}, "resolution", "invalid_value"),
    ],
)
def test_a_wrong_field_is_named(fields, param: str, code: str) -> None:
    with pytest.raises(BadParameter) as caught:
        video_of({**WAVES, **fields})
    assert (caught.value.param, caught.value.code) == (param, code)
