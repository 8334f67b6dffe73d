"""Filming: the contract that every dialect with videos keeps, and what they share."""

import json
from collections.abc import Mapping
from dataclasses import FrozenInstanceError, replace
from itertools import product
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from addons.providers import REGISTRY, Dialect
from addons.providers.filming import (
    NAME_CHARS_MAX,
    Filming,
    Polled,
    Task,
    address,
    path_below,
    percent,
    task_name,
)
from addons.wire.errors import (
    ApiError,
    BadParameter,
    UpstreamAuth,
    UpstreamBilling,
    UpstreamFailed,
    UpstreamModelGone,
    UpstreamOverloaded,
    UpstreamRefused,
    UpstreamThrottled,
)
from addons.wire.videos import (
    DURATION_SECONDS,
    DURATION_SECONDS_MAX,
    RESOLUTIONS,
    VideoAsk,
)
from tests.fakes.mp4 import mp4

CREWS = {name: one.filming for name, one in REGISTRY.items() if one.filming}
ASPECT_RATIOS = sorted({shape for crew in CREWS.values() for shape in crew.ratios})
every_crew = pytest.mark.parametrize("filming", CREWS.values(), ids=CREWS)
BASE = "https://queue.example"
CAT = VideoAsk("gateway-model", "一只猫")
QUEUE = f"{BASE}/fal-ai/pika/requests/r-1"

# Of each dialect: a good answer to a submission, and one of each state.
BEGUN: Mapping[str, bytes] = {
    "runway": b'{"id":"t-1","estimatedCost":{"credits":60}}',
    "fal": orjson.dumps(
        {
            "status": "IN_QUEUE",
            "request_id": "r-1",
            "response_url": QUEUE,
            "status_url": QUEUE + "/status",
            "cancel_url": QUEUE + "/cancel",
        }
    ),
    "demo": b'{"id":"demo-5-16x9-0123456789abcdef0123456789abcdef"}',
}
STATES: Mapping[str, Mapping[str, bytes]] = {
    "runway": {
        "queued": b'{"id":"t-1","status":"THROTTLED"}',
        "running": b'{"id":"t-1","status":"RUNNING","progress":0.4}',
        "made": b'{"id":"t-1","status":"SUCCEEDED","output":["https://a.example/x"]}',
        "failed": b'{"id":"t-1","status":"FAILED","failureCode":"INTERNAL"}',
    },
    "fal": {
        "queued": b'{"status":"IN_QUEUE","queue_position":3}',
        "running": b'{"status":"IN_PROGRESS","logs":[]}',
        "made": b'{"status":"COMPLETED","error":"whatever"}',
    },
    "demo": {
        "queued": b'{"status":"queued","progress":0}',
        "running": b'{"status":"running","progress":0.5}',
        "made": b'{"status":"completed","progress":1}',
    },
}
RESULTS: Mapping[str, bytes] = {
    "runway": STATES["runway"]["made"],
    "fal": b'{"video":{"url":"https://a.example/x"}}',
    "demo": mp4("cat"),
}


def asks(filming: Filming) -> list[VideoAsk]:
    """One ask of everything that is made."""
    return [
        replace(CAT, duration_seconds=seconds, aspect_ratio=ratio, resolution=size)
        for seconds, ratio, size in product(
            filming.durations, filming.ratios, filming.resolutions
        )
    ]


def task_of(name: str) -> Task:
    filming = CREWS[name]
    return filming.read_submitted(200, {}, BEGUN[name], BASE)


def test_every_crew_has_examples() -> None:
    assert set(CREWS) == set(BEGUN) == set(STATES) == set(RESULTS)


@every_crew
def test_a_crew_cannot_be_changed(filming: Filming) -> None:
    with pytest.raises(FrozenInstanceError):
        filming.path = "/"  # type: ignore[misc]


@every_crew
def test_a_request_is_whole_but_for_address_and_credential(filming: Filming) -> None:
    for ask in asks(filming):
        request = filming.submit_request(ask, "up/stream-1", "account-7")
        assert (request.method, request.stream) == ("POST", False)
        assert request.path.startswith("/") and "{" not in request.path
        assert request.headers["content-type"] == "application/json"
        assert b"up/stream-1" in request.path.encode() + request.body
        assert CAT.prompt in request.body.decode()
        assert request == filming.submit_request(ask, "up/stream-1", "account-7")


@every_crew
def test_what_is_sold_is_what_was_asked_for(filming: Filming) -> None:
    for ask in asks(filming):
        sold = filming.sold(filming.submit_request(ask, "m", "a"))
        assert (sold.quantities, sold.parameters) == (ask.quantities, ask.parameters)


@every_crew
def test_another_ask_is_another_request(filming: Filming) -> None:
    bodies = [filming.submit_request(ask, "m", "a").body for ask in asks(filming)]
    assert len(set(bodies)) == len(bodies)


@every_crew
def test_the_documented_length_and_shape_are_made(filming: Filming) -> None:
    assert DURATION_SECONDS in filming.durations
    filming.check(CAT)


@every_crew
@settings(max_examples=100)
@given(
    seconds=st.integers(-1, DURATION_SECONDS_MAX + 1),
    ratio=st.sampled_from([*ASPECT_RATIOS, "7:1", ""]),
    resolution=st.sampled_from([*RESOLUTIONS, "4k", ""]),
)
def test_what_is_not_made_is_refused_by_name(
    filming: Filming, seconds: int, ratio: str, resolution: str
) -> None:
    ask = replace(
        CAT, duration_seconds=seconds, aspect_ratio=ratio, resolution=resolution
    )
    wrong = {
        "duration": seconds not in filming.durations,
        "aspect_ratio": ratio not in filming.ratios,
        "resolution": resolution not in filming.resolutions,
    }
    try:
        filming.submit_request(ask, "m", "a")
    except BadParameter as error:
        assert error.param is not None and wrong[error.param]
    else:
        assert not any(wrong.values())


@every_crew
@pytest.mark.parametrize("letter", ["猫", "😀", "\ud800"])
def test_a_prompt_is_measured_as_the_provider_measures_it(
    filming: Filming, letter: str
) -> None:
    units = len(letter.encode("utf-16-le", "surrogatepass")) // 2
    most = letter * (filming.prompt_units // units)
    filming.check(replace(CAT, prompt=most))
    for prompt in ("", most + letter):
        with pytest.raises(BadParameter) as caught:
            filming.check(replace(CAT, prompt=prompt))
        assert caught.value.param == "prompt"


@pytest.mark.parametrize("name", CREWS)
def test_a_task_outlives_the_process(name: str) -> None:
    task = task_of(name)
    assert task.id and Task.of(task.text()) == task
    found = task.with_media("https://a.example/x")
    assert Task.of(found.text()) == found != task


@pytest.mark.parametrize("name", CREWS)
def test_questions_go_to_the_provider_itself(name: str) -> None:
    filming, task = CREWS[name], task_of(name)
    requests = [
        filming.poll_request(task, 0),
        filming.result_request(task),
        *filter(
            None, [filming.cancel_request(task, one) for one in ("queued", "running")]
        ),
    ]
    for request in requests:
        assert request.path.startswith("/") and not request.stream
        assert "authorization" not in map(str.lower, request.headers)
        for header, value in filming.headers.items():
            assert request.headers[header] == value
    assert filming.poll_seconds >= 1


@pytest.mark.parametrize(
    ("name", "state"), [(name, state) for name in STATES for state in STATES[name]]
)
@pytest.mark.parametrize("status", [200, 202])
def test_every_state_is_read(name: str, state: str, status: int) -> None:
    polled = CREWS[name].read_polled(status, {}, STATES[name][state])
    assert polled.state == state and not polled.transient
    assert (polled.failure is not None) is (state == "failed")
    assert polled.progress is None or 0 <= polled.progress <= 100


@pytest.mark.parametrize("name", CREWS)
def test_a_result_is_an_address_or_the_video_itself(name: str) -> None:
    found = CREWS[name].read_result(200, {"Content-Type": "x"}, RESULTS[name])
    assert found.state == "made"
    assert (found.url == "https://a.example/x") is not (found.data == mp4("cat"))


GARBAGE: list[bytes] = [
    b"",
    b"<html>502</html>",
    b"{",
    b"[]",
    b"null",
    b"{}",
    b'"text"',
    b"\xff\xfe",
    b'{"id":null}',
    b'{"id":7}',
    b'{"id":""}',
    b'{"id":"../x"}',
    b'{"id":{}}',
    b'{"request_id":"r"}',
    b'{"status":null}',
    b'{"status":7}',
    b'{"status":{}}',
    b'{"status":[]}',
    b'{"status":"ODD"}',
    b'{"status":"SUCCEEDED","output":[7]}',
    b'{"status":"SUCCEEDED","output":[""]}',
    b'{"video":null}',
    b'{"video":{"url":7}}',
    b'{"video":{"url":""}}',
    b'{"video":[]}',
    *(body[:-1] for body in BEGUN.values()),
    *(body[:-1] for states in STATES.values() for body in states.values()),
]


@every_crew
def test_garbage_begins_nothing(filming: Filming) -> None:
    for raw in GARBAGE:
        with pytest.raises(UpstreamFailed):
            filming.read_submitted(200, {}, raw, BASE)


@every_crew
def test_garbage_says_nothing_of_a_task(filming: Filming) -> None:
    for raw in GARBAGE:
        for polled in (
            filming.read_polled(200, {}, raw), filming.read_result(200, {}, raw)
        ):
            assert polled.transient, raw
            assert isinstance(polled.failure, UpstreamFailed)
            assert (polled.url, polled.data) == (None, None)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            "id status progress output failureCode error code message detail type msg "
            "loc error_type video url request_id status_url response_url".split()
        ),
        inner,
        max_size=5,
    ),
    max_leaves=12,
)


@every_crew
@settings(max_examples=150)
@given(status=st.integers(100, 599), said=json_values, cut=st.integers(0, 3))
def test_any_json_is_a_task_a_state_or_an_error(
    filming: Filming, status: int, said: Any, cut: int
) -> None:
    raw = json.dumps(said).encode()
    held(filming, status, raw[: len(raw) - cut])


@every_crew
@settings(max_examples=50)
@given(status=st.integers(0, 999), raw=st.binary(max_size=50))
def test_any_bytes_are_a_task_a_state_or_an_error(
    filming: Filming, status: int, raw: bytes
) -> None:
    held(filming, status, raw)


def held(filming: Filming, status: int, raw: bytes) -> None:
    """What may never happen, whatever comes: a failure without a reason above all."""
    try:
        assert filming.read_submitted(status, {}, raw, BASE).id
    except ApiError as error:
        assert error.status >= 400
    for polled in (
        filming.read_polled(status, {}, raw), filming.read_result(status, {}, raw)
    ):
        assert isinstance(polled, Polled)
        bad = polled.state in ("failed", "unclear")
        assert isinstance(polled.failure, ApiError) is bad


@every_crew
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, UpstreamRefused),
        (401, UpstreamAuth),
        (402, UpstreamBilling),
        (403, UpstreamAuth),
        (404, UpstreamModelGone),
        (422, UpstreamRefused),
        (429, UpstreamThrottled),
        (500, UpstreamFailed),
        (503, UpstreamOverloaded),
    ],
)
@pytest.mark.parametrize("raw", [b"", b"<html>", b'{"error":{"message":"m"}}', b"[]"])
def test_a_refused_submission_means_the_same_everywhere(
    filming: Filming, status: int, kind: type[ApiError], raw: bytes
) -> None:
    with pytest.raises(ApiError) as caught:
        filming.read_submitted(status, {}, raw, BASE)
    assert type(caught.value) is kind


@every_crew
@pytest.mark.parametrize("status", [401, 403, 408, 409, 429, 500, 502, 503, 504, 302])
def test_a_question_that_is_not_answered_is_asked_again(
    filming: Filming, status: int
) -> None:
    polled = filming.read_polled(status, {"retry-after": "7"}, b"")
    assert polled.transient and polled.failure is not None
    if status == 429:
        assert polled.failure.retry_after == 7


@every_crew
@pytest.mark.parametrize("status", [400, 404, 405, 410])
def test_a_task_that_is_not_there_has_failed_and_nobody_is_to_blame(
    filming: Filming, status: int
) -> None:
    for polled in (
        filming.read_polled(status, {}, b'{"error":"m"}'),
        filming.read_result(status, {}, b'{"error":"m"}'),
    ):
        assert polled.state == "failed"
        assert type(polled.failure) is UpstreamFailed


@every_crew
def test_an_error_under_status_200_begins_nothing(filming: Filming) -> None:
    for said in ({"error": {"message": "m"}}, {"error": "m"}):
        with pytest.raises(UpstreamFailed):
            filming.read_submitted(200, {}, orjson.dumps(said), BASE)
        assert filming.read_polled(200, {}, orjson.dumps(said)).transient


@pytest.mark.parametrize("name", CREWS)
def test_what_runs_is_never_cancelled_for_nothing(name: str) -> None:
    filming, task = CREWS[name], task_of(name)
    assert filming.cancel_request(task, "running") is None
    waiting = filming.cancel_request(task, "queued")
    assert (waiting is not None) is (filming.cancel is not None)


@pytest.mark.parametrize(
    "url",
    [
        f"{BASE}/a",
        f"{BASE}/fal-ai/pika/requests/0-1/status",
        f"{BASE}/a.b/c?logs=1&x=y.z",
    ],
)
def test_an_address_below_the_base_is_a_path(url: str) -> None:
    assert BASE + path_below(BASE, url) == url


@pytest.mark.parametrize(
    "url",
    [
        None,
        7,
        "",
        BASE,
        f"{BASE}/",
        f"{BASE}.evil.example/a",
        f"{BASE}@evil.example/a",
        f"{BASE}:8080/a",
        f"{BASE}//evil.example/a",
        f"{BASE}/../a",
        f"{BASE}/a/../b",
        f"{BASE}/a/./b",
        f"{BASE}/%2e%2e/a",
        f"{BASE}/a b",
        f"{BASE}/a\n",
        f"{BASE}/a\\b",
        f"{BASE}/a#b",
        f"{BASE}/猫",
        "http://queue.example/a",
        "https://evil.example/a",
        f"{BASE}/{'a' * 4 * NAME_CHARS_MAX}",
    ],
)
def test_any_other_address_is_refused(url: object) -> None:
    with pytest.raises(ValueError):
        path_below(BASE, url)


@pytest.mark.parametrize(
    "value", [None, 7, "", "a/b", "..", ".a", "a b", "a?b", "a\n", "猫", "a" * 513]
)
def test_an_id_that_is_no_part_of_a_path_is_none(value: object) -> None:
    with pytest.raises(ValueError):
        task_name(value)
    assert task_name("a" * NAME_CHARS_MAX)


@pytest.mark.parametrize(
    ("fraction", "shown"),
    [(0, 0), (0.4, 40), (1, 100), (7.5, 100), (-1, 0), (None, None), ("1", None),
     (True, None)],
)
def test_progress_is_in_percent(fraction: object, shown: int | None) -> None:
    assert percent(fraction) == shown


def test_an_address_is_text() -> None:
    assert address("https://a.example/") == "https://a.example/"
    for wrong in ("", None, 7):
        with pytest.raises(ValueError):
            address(wrong)


@pytest.mark.parametrize("dialect", REGISTRY.values(), ids=list(REGISTRY))
def test_a_dialect_without_a_crew_makes_no_videos(dialect: Dialect) -> None:
    assert (dialect.filming is not None) is (dialect.name in CREWS)
