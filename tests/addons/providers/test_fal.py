"""fal: addresses that the queue names, a result that tells, and errors of two kinds."""

from dataclasses import replace

import orjson
import pytest

from addons.providers.fal import FAL, retell
from addons.wire.errors import (
    BadParameter,
    ContentRefused,
    UpstreamAuth,
    UpstreamBilling,
    UpstreamFailed,
    UpstreamOverloaded,
    UpstreamRefused,
    UpstreamTimeout,
)
from addons.wire.videos import VideoAsk

FILMING = FAL.filming
MODEL = "fal-ai/pika/v2.2/text-to-video"
BASE = "https://queue.fal.run"
PLACE = "/fal-ai/pika/requests/r-1"
CAT = VideoAsk("pika-1.0", "一只猫", 5)
BEGUN = {
    "request_id": "r-1",
    "response_url": BASE + PLACE,
    "status_url": BASE + PLACE + "/status",
    "cancel_url": BASE + PLACE + "/cancel",
}


def detail(kind: str, message: str = "m") -> bytes:
    one = {"loc": ["body", "prompt"], "msg": message, "type": kind}
    return orjson.dumps({"detail": [one]})


def test_a_request_is_as_the_provider_wants_it() -> None:
    request = FILMING.submit_request(
        replace(CAT, aspect_ratio="1:1", resolution="1080p"), MODEL, "account-7"
    )
    assert (request.method, request.path) == ("POST", f"/{MODEL}")
    assert orjson.loads(request.body) == {
        "prompt": "一只猫",
        "aspect_ratio": "1:1",
        "resolution": "1080p",
        "duration": 5,
    }
    assert FAL.auth("id:secret") == {"authorization": "Key id:secret"}


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"aspect_ratio": "21:9"}, "aspect_ratio"),
        ({"duration_seconds": 6}, "duration"),
        ({"duration_seconds": 15}, "duration"),
        ({"resolution": "4k"}, "resolution"),
    ],
)
def test_what_it_does_not_make_is_refused_by_name(changes, param: str) -> None:
    with pytest.raises(BadParameter) as caught:
        FILMING.submit_request(replace(CAT, **changes), MODEL, "a")
    assert caught.value.param == param


@pytest.mark.parametrize("base", [BASE, BASE + "/"])
def test_the_addresses_are_those_that_the_answer_names(base: str) -> None:
    task = FILMING.read_submitted(200, {}, orjson.dumps(BEGUN), base)
    assert task.id == "r-1"
    poll, result = FILMING.poll_request(task, 0), FILMING.result_request(task)
    assert (poll.method, poll.path) == ("GET", PLACE + "/status")
    assert (result.method, result.path) == ("GET", PLACE)
    cancel = FILMING.cancel_request(task, "queued")
    assert (cancel.method, cancel.path) == ("PUT", PLACE + "/cancel")


@pytest.mark.parametrize("name", ["response_url", "status_url", "cancel_url"])
@pytest.mark.parametrize("url", ["https://evil.example/a", None, "/a"])
def test_an_address_elsewhere_is_never_followed(name: str, url: object) -> None:
    with pytest.raises(UpstreamFailed):
        FILMING.read_submitted(200, {}, orjson.dumps({**BEGUN, name: url}), BASE)


@pytest.mark.parametrize(
    ("status", "state"),
    [("IN_QUEUE", "queued"), ("IN_PROGRESS", "running"), ("COMPLETED", "made")],
)
def test_states(status: str, state: str) -> None:
    polled = FILMING.read_polled(202, {}, orjson.dumps({"status": status}))
    assert (polled.state, polled.url) == (state, None)


@pytest.mark.parametrize(
    ("status", "body", "state", "kind"),
    [
        (422, detail("content_policy_violation"), "failed", ContentRefused),
        (400, detail("content_policy_violation"), "failed", ContentRefused),
        (422, detail("value_error"), "failed", UpstreamRefused),
        (422, detail("no_media_generated"), "failed", UpstreamFailed),
        (400, detail("downstream_service_error"), "failed", UpstreamFailed),
        (404, b'{"detail":"Not found"}', "failed", UpstreamFailed),
        (500, detail("internal_server_error"), "unclear", UpstreamFailed),
        (504, detail("generation_timeout"), "unclear", UpstreamTimeout),
    ],
)
def test_the_result_tells_how_it_ended(status, body, state: str, kind) -> None:
    found = FILMING.read_result(status, {}, body)
    assert (found.state, type(found.failure)) == (state, kind)


@pytest.mark.parametrize(
    ("status", "said", "kind"),
    [
        (403, {"detail": "Locked. Reason: Exhausted balance."}, UpstreamBilling),
        (403, {"detail": "User is locked."}, UpstreamAuth),
        (503, {"detail": "x", "error_type": "runner_disconnected"}, UpstreamOverloaded),
        (504, {"detail": "x", "error_type": "startup_timeout"}, UpstreamTimeout),
    ],
)
def test_errors_of_the_queue(status: int, said, kind) -> None:
    error = FILMING.read_error(status, {}, orjson.dumps(said))
    assert type(error) is kind


def test_a_wrong_input_is_told_by_name() -> None:
    error = FILMING.read_error(422, {}, detail("value_error", "It is too long."))
    assert (error.message, error.param) == ("It is too long.", "prompt")


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b'{"detail":[]}', b'{"detail":[7]}', b'{"detail":[{}]}'],
)
def test_what_is_no_error_of_theirs_stays_as_it_is(body: bytes) -> None:
    assert retell(body) == body
