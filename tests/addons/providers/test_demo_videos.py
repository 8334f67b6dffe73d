"""Demo videos: a task that is remembered nowhere, and a film of its prompt's own."""

from dataclasses import replace

import orjson
import pytest

from addons.providers import REGISTRY
from addons.providers.demo import demo_reply
from addons.providers.demo_videos import (
    DEMO_VIDEOS,
    PICTURE_MS,
    PICTURES_A_SECOND,
    SHAPES,
    STAGES,
    draw,
    task_for,
)
from addons.providers.filming import Polled, Task
from addons.wire.videos import DURATION_SECONDS_MAX, VideoAsk
from tests.addons.providers.test_demo_mp4 import samples_of

CAT = VideoAsk("demo-video", "一只猫", 5)
BYTES_MAX = 200 * 1024


def said(request) -> bytes:
    return b"".join(piece for _, piece in demo_reply(orjson.loads(request.body)))


def begun(ask: VideoAsk = CAT) -> Task:
    request = DEMO_VIDEOS.submit_request(ask, "demo-video", "account-7")
    return DEMO_VIDEOS.read_submitted(200, {}, said(request), "http://demo.invalid")


def polled(task: Task, polls: int) -> Polled:
    request = DEMO_VIDEOS.poll_request(task, polls)
    return DEMO_VIDEOS.read_polled(200, {}, said(request))


def test_a_video_is_made_after_a_few_questions() -> None:
    task = begun()
    found = [polled(task, polls) for polls in range(4)]
    assert [one.state for one in found] == [*STAGES, "made", "made"]
    assert [one.progress for one in found] == [0, 50, 100, 100]
    request = DEMO_VIDEOS.result_request(task)
    made = DEMO_VIDEOS.read_result(200, {}, said(request))
    assert (made.state, made.url) == ("made", None)
    assert len(samples_of(made.data)) == 5 * PICTURES_A_SECOND


def test_the_same_prompt_is_the_same_film_and_another_is_another() -> None:
    first, again = begun(), begun()
    assert draw(first.id) == draw(again.id)
    others = [
        replace(CAT, prompt="一只狗"),
        replace(CAT, duration_seconds=6),
        replace(CAT, aspect_ratio="9:16"),
    ]
    films = {draw(begun(one).id) for one in (CAT, *others)}
    assert len(films) == 4


def test_it_stands_in_for_every_shape_that_others_make() -> None:
    crews = [one.filming for one in REGISTRY.values() if one.filming is not None]
    assert set(SHAPES) >= {shape for crew in crews for shape in crew.ratios}


def test_every_shape_has_its_own() -> None:
    for shape, (columns, rows) in SHAPES.items():
        across, down = map(int, shape.split(":"))
        assert columns * down == rows * across or shape == "21:9"


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("prompt", ["cat", "猫"])
def test_the_longest_film_is_small_and_as_long_as_asked(
    shape: str, prompt: str
) -> None:
    ask = replace(
        CAT, duration_seconds=DURATION_SECONDS_MAX, aspect_ratio=shape, prompt=prompt
    )
    data = draw(begun(ask).id)
    assert len(data) < BYTES_MAX
    assert len(samples_of(data)) * PICTURE_MS == DURATION_SECONDS_MAX * 1000


def test_a_name_that_is_none_of_ours_is_no_film() -> None:
    for name in ("", "demo-5-16x9-x", "demo-5-16x9-" + "g" * 32):
        with pytest.raises(ValueError):
            draw(name)


def test_a_prompt_of_any_letters_has_a_task() -> None:
    video = {"prompt": "\ud800" * 9, "duration": 5, "aspect_ratio": "16:9"}
    assert task_for(video).startswith("demo-5-16x9-")
