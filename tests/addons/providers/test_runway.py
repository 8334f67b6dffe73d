"""Runway: its version, its words for our shapes, and what its failures mean."""

from dataclasses import replace

import orjson
import pytest

from addons.providers.runway import RUNWAY
from addons.wire.errors import (
    BadParameter,
    ContentRefused,
    UpstreamBilling,
    UpstreamFailed,
    UpstreamRefused,
)
from addons.wire.videos import VideoAsk

FILMING = RUNWAY.filming
CAT = VideoAsk("gen-2", "一只猫", 5)
TASK = FILMING.read_submitted(200, {}, b'{"id":"t-1"}', "https://api.example")


def test_a_request_is_as_the_provider_wants_it() -> None:
    request = FILMING.submit_request(CAT, "gen4.5", "account-7")
    assert (request.method, request.path) == ("POST", "/v1/text_to_video")
    assert request.headers["X-Runway-Version"] == "2024-11-06"
    assert orjson.loads(request.body) == {
        "model": "gen4.5",
        "promptText": "一只猫",
        "ratio": "1280:720",
        "duration": 5,
    }
    assert RUNWAY.auth("key_x") == {"authorization": "Bearer key_x"}


@pytest.mark.parametrize(
    ("shape", "ratio"), [("16:9", "1280:720"), ("9:16", "720:1280")]
)
def test_a_shape_is_a_ratio_of_pixels(shape: str, ratio: str) -> None:
    ask = replace(CAT, aspect_ratio=shape)
    body = orjson.loads(FILMING.submit_request(ask, "gen4.5", "a").body)
    assert body["ratio"] == ratio


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"aspect_ratio": "1:1"}, "aspect_ratio"),
        ({"resolution": "1080p"}, "resolution"),
        ({"duration_seconds": 1}, "duration"),
        ({"duration_seconds": 11}, "duration"),
        ({"prompt": "a" * 1001}, "prompt"),
        ({"prompt": "😀" * 501}, "prompt"),
    ],
)
def test_what_it_does_not_make_is_refused_by_name(changes, param: str) -> None:
    with pytest.raises(BadParameter) as caught:
        FILMING.submit_request(replace(CAT, **changes), "gen4.5", "a")
    assert caught.value.param == param


@pytest.mark.parametrize(
    "changes",
    [
        {"duration_seconds": 2},
        {"duration_seconds": 10},
        {"prompt": "a" * 1000},
        {"prompt": "😀" * 500},
    ],
)
def test_what_is_at_its_limits_is_made(changes) -> None:
    FILMING.check(replace(CAT, **changes))


def test_calls_about_a_task() -> None:
    poll, result = FILMING.poll_request(TASK, 3), FILMING.result_request(TASK)
    assert (poll.method, poll.path, poll.body) == ("GET", "/v1/tasks/t-1", b"")
    # Asked again, it gives an address that is not dead.
    assert result == poll
    cancel = FILMING.cancel_request(TASK, "queued")
    assert (cancel.method, cancel.path) == ("DELETE", "/v1/tasks/t-1")
    assert cancel.headers["X-Runway-Version"] == "2024-11-06"


@pytest.mark.parametrize(
    ("said", "state", "progress"),
    [
        ({"status": "PENDING"}, "queued", 0),
        ({"status": "THROTTLED"}, "queued", 0),
        ({"status": "RUNNING"}, "running", None),
        ({"status": "RUNNING", "progress": 0.4}, "running", 40),
        ({"status": "RUNNING", "progress": "x"}, "running", None),
        ({"status": "SUCCEEDED", "output": ["https://a.example/?_jwt=x"]}, "made", 100),
        ({"status": "SUCCEEDED", "output": []}, "failed", None),
        ({"status": "SUCCEEDED"}, "failed", None),
        ({"status": "FAILED"}, "failed", None),
        ({"status": "CANCELLED"}, "failed", None),
    ],
)
def test_states(said, state: str, progress: int | None) -> None:
    polled = FILMING.read_polled(200, {}, orjson.dumps(said))
    assert (polled.state, polled.progress) == (state, progress)
    assert polled.url == ("https://a.example/?_jwt=x" if state == "made" else None)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("SAFETY.INPUT.TEXT", ContentRefused),
        ("SAFETY.OUTPUT.VIDEO", ContentRefused),
        ("SAFETY", ContentRefused),
        ("INTERNAL.BAD_OUTPUT.CODE01", UpstreamFailed),
        ("INTERNAL", UpstreamFailed),
        ("ASSET.INVALID", UpstreamFailed),
        ("UNSAFETY", UpstreamFailed),
        (None, UpstreamFailed),
        (7, UpstreamFailed),
    ],
)
def test_the_code_says_whether_it_was_the_content(code, kind) -> None:
    said = {"status": "FAILED", "failure": "a secret", "failureCode": code}
    failure = FILMING.read_polled(200, {}, orjson.dumps(said)).failure
    assert type(failure) is kind
    assert "secret" not in failure.message


@pytest.mark.parametrize(
    ("said", "kind", "message"),
    [
        ({"error": "Invalid parameter 'promptText'"}, UpstreamRefused, "promptText"),
        ({"error": "You do not have enough credits."}, UpstreamBilling, ""),
        ({"error": "no", "failureCode": "SAFETY.INPUT.TEXT"}, ContentRefused, ""),
    ],
)
def test_refused_submissions(said, kind, message: str) -> None:
    with pytest.raises(kind) as caught:
        FILMING.read_submitted(400, {}, orjson.dumps(said), "https://api.example")
    assert message in caught.value.message


@pytest.mark.parametrize(("headers", "seconds"), [({}, 60), ({"Retry-After": "7"}, 7)])
def test_a_cap_lasts(headers, seconds: int) -> None:
    said = b'{"error":"You have reached your daily limit."}'
    polled = FILMING.read_polled(429, headers, said)
    assert polled.transient and polled.failure.retry_after == seconds
