"""Videos: two surfaces, one ask, what a model's rules make of it, and the answers."""

from typing import Any

import httpx
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from addons.wire.errors import BadForm, BadJson, BadParameter
from addons.wire.videos import (
    DURATION_SECONDS_MAX,
    GENERATIONS,
    MODEL_CHARS_MAX,
    PROMPT_CHARS_MAX,
    VIDEOS,
    Film,
    Order,
    VideoAsk,
    cancelling_body,
    creation_of,
    deleted_body,
    generation_body,
    order_of,
    order_text,
    pixels_of,
    read_creation,
    read_generation,
    video_body,
    video_of,
    videos_body,
)
from config.settings import VideoRules

WAVES = {"prompt": "海浪拍打沙滩"}
RULES = VideoRules(
    durations=(5, 10),
    aspect_ratios={"16:9": "1280x720", "9:16": "720x1280", "1:1": "720x720"},
    resolutions=("720p", "1080p"),
    prompt_chars=100,
)
SHORT = VideoRules(
    durations=tuple(range(2, 9)),
    duration=4,
    aspect_ratios={"1:1": "720x720"},
    resolutions=("720p",),
)
FILM = Film(
    id="video_1",
    request_id="req_1",
    status="completed",
    model="gen-2",
    prompt="海浪",
    seconds=10,
    aspect_ratio="16:9",
    size="1280x720",
    created=1_700_000_000,
    progress=100,
    completed=1_700_000_060,
    expires=1_700_086_460,
    url="http://gateway/media/a.mp4",
    cost="0.15",
)


# What is asked.


def test_the_defaults_are_those_of_the_document() -> None:
    assert video_of(WAVES) == VideoAsk(
        "gen-2", WAVES["prompt"], 10, "16:9", "720p", GENERATIONS, waits=True
    )
    nothing = dict.fromkeys(("model", "duration", "aspect_ratio", "resolution"))
    assert video_of({**WAVES, **nothing, "async": None}) == video_of(WAVES)


def test_openais_surface_asks_for_the_same() -> None:
    assert creation_of(WAVES) == VideoAsk(
        "gen-2", WAVES["prompt"], 10, "16:9", "720p", VIDEOS
    )
    ask = creation_of({**WAVES, "seconds": "8", "size": "720x1280", "model": "m"})
    assert (ask.duration_seconds, ask.size, ask.model) == (8, "720x1280", "m")
    assert creation_of({**WAVES, "seconds": 8}).duration_seconds == 8


def test_what_is_asked_decides_the_price() -> None:
    ask = video_of({**WAVES, "model": "pika-1.0", "duration": 5, "resolution": "1080p"})
    assert ask.quantities == {"generation": 1, "second": 5}
    assert ask.parameters == {"resolution": "1080p"}


@pytest.mark.parametrize(("said", "waits"), [(True, False), (False, True)])
def test_who_does_not_wait_says_so(said: bool, waits: bool) -> None:
    assert video_of({**WAVES, "async": said}).waits is waits


@pytest.mark.parametrize("read", [video_of, creation_of])
@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({"prompt": None}, "prompt", "missing_required_parameter"),
        ({"prompt": 1}, "prompt", "invalid_type"),
        ({"prompt": ""}, "prompt", "invalid_value"),
        ({"prompt": "x" * (PROMPT_CHARS_MAX + 1)}, "prompt", "invalid_value"),
        ({"model": ""}, "model", "invalid_value"),
        ({"model": "m" * (MODEL_CHARS_MAX + 1)}, "model", "invalid_value"),
        ({"user": 1}, "user", "invalid_type"),
        ({"input_reference": {"image_url": "x"}}, "input_reference",
         "unsupported_parameter"),
        ({"image_url": "x"}, "image_url", "unsupported_parameter"),
        ({"image": "x"}, "image", "unsupported_parameter"),
    ],
)
def test_a_wrong_field_is_named(read: Any, fields, param: str, code: str) -> None:
    with pytest.raises(BadParameter) as caught:
        read({**WAVES, **fields})
    assert (caught.value.param, caught.value.code) == (param, code)


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({"duration": 0}, "duration", "invalid_value"),
        ({"duration": -5}, "duration", "invalid_value"),
        ({"duration": DURATION_SECONDS_MAX + 1}, "duration", "invalid_value"),
        ({"duration": 2**63}, "duration", "invalid_value"),
        ({"duration": "10"}, "duration", "invalid_type"),
        ({"duration": 10.0}, "duration", "invalid_type"),
        ({"duration": True}, "duration", "invalid_type"),
        ({"duration": [10]}, "duration", "invalid_type"),
        ({"aspect_ratio": "16x9"}, "aspect_ratio", "invalid_value"),
        ({"aspect_ratio": 16}, "aspect_ratio", "invalid_type"),
        ({"resolution": "8k"}, "resolution", "invalid_value"),
        ({"async": "true"}, "async", "invalid_type"),
        ({"async": 1}, "async", "invalid_type"),
    ],
)
def test_a_wrong_field_of_the_document_is_named(fields, param: str, code: str) -> None:
    with pytest.raises(BadParameter) as caught:
        video_of({**WAVES, **fields})
    assert (caught.value.param, caught.value.code) == (param, code)


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({"seconds": "0"}, "seconds", "invalid_value"),
        ({"seconds": "08"}, "seconds", "invalid_value"),
        ({"seconds": "-8"}, "seconds", "invalid_value"),
        ({"seconds": "8.0"}, "seconds", "invalid_value"),
        ({"seconds": "８"}, "seconds", "invalid_value"),
        ({"seconds": "9" * 5000}, "seconds", "invalid_value"),
        ({"seconds": str(DURATION_SECONDS_MAX + 1)}, "seconds", "invalid_value"),
        ({"seconds": 8.0}, "seconds", "invalid_type"),
        ({"seconds": True}, "seconds", "invalid_type"),
        ({"size": "16:9"}, "size", "invalid_value"),
        ({"size": 720}, "size", "invalid_type"),
    ],
)
def test_a_wrong_field_of_openai_is_named(fields, param: str, code: str) -> None:
    with pytest.raises(BadParameter) as caught:
        creation_of({**WAVES, **fields})
    assert (caught.value.param, caught.value.code) == (param, code)


def test_what_is_not_sent_on_is_named() -> None:
    ask = video_of({**WAVES, "seed": 7, "size": "9x9", "seconds": "60", "n": 3})
    assert ask.dropped == ("seed", "size", "seconds", "n")
    ask = creation_of({**WAVES, "duration": 60, "resolution": "1080p", "user": "ann"})
    assert ask.dropped == ("duration", "resolution")
    assert (ask.duration_seconds, ask.resolution, ask.said) == (10, "720p", frozenset())


# How it is sent.


@pytest.mark.parametrize("raw", [b"", b"[]", b"prompt=waves"])
def test_the_document_sends_json(raw: bytes) -> None:
    with pytest.raises(BadJson):
        read_generation(raw)
    with pytest.raises(BadJson):
        read_creation("application/x-www-form-urlencoded", raw)


@pytest.mark.parametrize("content_type", ["application/json", "", "text/plain"])
def test_json_is_read_whatever_its_type(content_type: str) -> None:
    raw = orjson.dumps(WAVES)
    assert read_creation(content_type, raw) == creation_of(WAVES)


def form(fields: dict[str, str], **files: Any) -> tuple[str, bytes]:
    """As a client sends it; a form even without a file."""
    request = httpx.Request("POST", "http://a/", data=fields, files=files or {"": b""})
    return request.headers["content-type"], request.read()


def test_a_form_says_the_same() -> None:
    fields = {"prompt": WAVES["prompt"], "seconds": "8", "size": "720x1280"}
    content_type, raw = form(fields, extra=(None, "x"))
    assert read_creation(content_type, raw) == creation_of({**fields, "extra": "x"})
    content_type, raw = form({**WAVES, "model": "", "seconds": ""}, extra=(None, ""))
    assert read_creation(content_type, raw) == creation_of(WAVES)


def test_a_file_is_refused_by_its_name() -> None:
    with pytest.raises(BadParameter) as caught:
        read_creation(*form(WAVES, input_reference=("a.png", b"\x89PNG")))
    assert caught.value.param == "input_reference"
    with pytest.raises(BadParameter) as caught:
        read_creation(*form({"model": "m"}, prompt=("a.txt", b"")))
    assert caught.value.param == "prompt"


def test_what_is_no_form_is_refused() -> None:
    with pytest.raises(BadForm):
        read_creation("multipart/form-data; boundary=x", orjson.dumps(WAVES))


# By a model's rules.


def test_a_model_has_defaults_of_its_own() -> None:
    for read in (video_of, creation_of):
        ask = read(WAVES).within(SHORT)
        assert (ask.duration_seconds, ask.aspect_ratio) == (4, "1:1")
        assert (ask.resolution, ask.size) == ("720p", "720x720")
        ask = read(WAVES).within(RULES)
        assert (ask.duration_seconds, ask.aspect_ratio) == (10, "16:9")
        assert ask.size == "1280x720"


@pytest.mark.parametrize(
    ("fields", "param", "expected"),
    [
        ({"duration": 7}, "duration", "expected one of 5, 10, got 7."),
        ({"aspect_ratio": "21:9"}, "aspect_ratio", "expected one of 16:9, 9:16, 1:1"),
        ({"resolution": "4320p"}, "resolution", "expected one of 720p, 1080p"),
        ({"prompt": "x" * 101}, "prompt", "expected a text of 1 to 100 characters"),
    ],
)
def test_what_a_model_does_not_make_is_named(fields, param, expected: str) -> None:
    with pytest.raises(BadParameter) as caught:
        video_of({**WAVES, **fields}).within(RULES)
    assert caught.value.param == param
    assert expected in caught.value.message


def test_a_range_is_told_as_one() -> None:
    with pytest.raises(BadParameter, match="one of 2 to 8, got 9"):
        video_of({**WAVES, "duration": 9}).within(SHORT)
    with pytest.raises(BadParameter) as caught:
        creation_of({**WAVES, "seconds": "9"}).within(SHORT)
    assert caught.value.param == "seconds"


@pytest.mark.parametrize(
    ("size", "shape", "resolution", "made"),
    [
        ("1280x720", "16:9", "720p", "1280x720"),
        ("720x1280", "9:16", "720p", "720x1280"),
        ("1920x1080", "16:9", "1080p", "1920x1080"),
        ("1080x1080", "1:1", "1080p", "1080x1080"),
        # OpenAI's own, which nobody makes: the nearest, and it is said which.
        ("1792x1024", "16:9", "720p", "1280x720"),
        ("1024x1792", "9:16", "720p", "720x1280"),
    ],
)
def test_a_size_is_a_shape_and_a_resolution(size, shape, resolution, made) -> None:
    ask = creation_of({**WAVES, "size": size}).within(RULES)
    assert (ask.aspect_ratio, ask.resolution, ask.size) == (shape, resolution, made)


@pytest.mark.parametrize("size", ["1281x720", "9999x9999", "1024x1792", "1080x1080"])
def test_a_size_that_a_model_does_not_make_is_refused(size: str) -> None:
    with pytest.raises(BadParameter) as caught:
        creation_of({**WAVES, "size": size}).within(SHORT)
    assert caught.value.param == "size"


# It is quick, but not on a machine that has much else to do.
@settings(suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(
        st.sampled_from(
            ["duration", "seconds", "size", "aspect_ratio", "resolution", "n", "async"]
        ),
        st.one_of(
            st.none(),
            st.booleans(),
            st.integers(-(2**63), 2**63 - 1),
            st.floats(),
            st.text(max_size=8),
            st.sampled_from(["5", "10", "16:9", "1:1", "1080p", "1920x1080", 5, 10]),
        ),
    )
)
def test_whatever_is_asked_is_within_the_rules_or_refused(fields: Any) -> None:
    for read in (video_of, creation_of):
        try:
            ask = read({**WAVES, **fields}).within(RULES)
        except BadParameter as error:
            assert error.param in fields
            continue
        assert ask.duration_seconds in RULES.durations
        assert ask.resolution in RULES.resolutions
        assert ask.size == pixels_of(RULES, ask.aspect_ratio, ask.resolution)


def test_an_order_is_kept_and_read_again() -> None:
    asked = {**WAVES, "size": "1920x1080", "seconds": "5", "model": "pika-1.0"}
    ask = creation_of(asked).within(RULES)
    order = order_of("pika-1.0", order_text(Order(ask, "http://gateway", 7)))
    assert (order.base, order.moment_ns) == ("http://gateway", 7)
    assert order.ask == VideoAsk(
        "pika-1.0", WAVES["prompt"], 5, "16:9", "1080p", VIDEOS, size="1920x1080"
    )


# What is answered.


def test_the_answer_of_the_document() -> None:
    assert generation_body(FILM).decode() == (
        '{"id":"video_1","object":"video","status":"completed","model":"gen-2",'
        '"created":1700000000,"data":[{"url":"http://gateway/media/a.mp4"}],'
        '"duration":10,"aspect_ratio":"16:9","usage":{"cost":0.15},'
        '"request_id":"req_1"}'
    )


def test_a_video_that_is_not_ready_has_no_address() -> None:
    film = Film(
        "video_1", "req_1", "queued", "gen-2", "海浪", 10, "16:9", "1280x720", 1
    )
    answer = orjson.loads(generation_body(film))
    assert (answer["status"], answer["data"]) == ("queued", [])
    assert answer["usage"] == {"cost": 0}


def test_openais_resource_has_all_its_keys() -> None:
    shown = orjson.loads(video_body(FILM))
    # Those that the schema requires, in the words of OpenAI's types.
    required = {
        "id": "video_1",
        "object": "video",
        "model": "gen-2",
        "status": "completed",
        "progress": 100,
        "created_at": 1_700_000_000,
        "completed_at": 1_700_000_060,
        "expires_at": 1_700_086_460,
        "prompt": "海浪",
        "size": "1280x720",
        "seconds": "10",
        "remixed_from_video_id": None,
        "error": None,
    }
    assert shown.items() >= required.items()
    assert shown["data"] == [{"url": FILM.url}]
    assert shown["request_id"] == "req_1"


def test_a_failure_has_a_code_and_a_message() -> None:
    film = Film(
        "video_1",
        "req_1",
        "failed",
        "m",
        "p",
        5,
        "1:1",
        "9x9",
        1,
        error=("code", "Why."),
    )
    shown = orjson.loads(video_body(film))
    assert shown["error"] == {"code": "code", "message": "Why."}


def test_a_page_names_its_ends() -> None:
    other = Film("video_0", "req_0", "failed", "m", "p", 5, "1:1", "9x9", 1)
    page = orjson.loads(videos_body([FILM, other], True))
    assert [one["id"] for one in page["data"]] == ["video_1", "video_0"]
    assert (page["object"], page["has_more"]) == ("list", True)
    assert (page["first_id"], page["last_id"]) == ("video_1", "video_0")
    page = orjson.loads(videos_body([], False))
    assert (page["data"], page["first_id"], page["has_more"]) == ([], None, False)


def test_what_was_deleted_is_named() -> None:
    assert orjson.loads(deleted_body("video_1")) == {
        "id": "video_1",
        "object": "video.deleted",
        "deleted": True,
    }


def test_what_is_to_be_deleted_is_not_deleted_yet() -> None:
    assert orjson.loads(cancelling_body("video_1")) == {
        "id": "video_1",
        "object": "video.deleted",
        "deleted": False,
        "status": "cancelling",
    }
