"""Films: what a job is told as, in each of its states."""

from dataclasses import replace

import orjson
import pytest

from addons.films import (
    POLL_MS,
    answer_to_keep,
    completed_answer,
    failure_of,
    film_of,
    may_be_cancelled,
    ordered_answer,
    poll_fields,
    receipt_fields,
    situation_of,
    status_of,
    studios_of,
    waiting_answer,
)
from addons.wire.errors import (
    BadRequest,
    ContentRefused,
    InternalError,
    Unavailable,
    UpstreamFailed,
    UpstreamThrottled,
    VideoCancelled,
)
from addons.wire.videos import Order, creation_of, order_text, video_of
from config.prices import Situation
from storage.jobs import Job, JobState
from tests.fakes import exchanges
from tests.fakes.clock import START_NS

ASK = video_of({"prompt": "waves", "resolution": "1080p"}).within(exchanges.VIDEO_RULES)
ORDER = Order(ASK, "http://gateway.test", START_NS)
STUDIOS = studios_of(
    {
        name: exchanges.provider(name, dialect=name)
        for name in ("runway", "fal", "demo", "openai")
    }
)


def job(order: Order = ORDER, **changes) -> Job:
    made = Job(
        id="video_1",
        request_id="req_1",
        account_id=42,
        key_id=7,
        model="gen-2",
        state=JobState.QUEUED,
        version=1,
        ask=order_text(order),
        leg=0,
        provider="",
        upstream_model="",
        credential="",
        task=None,
        progress=0,
        upstream_state="",
        polls=0,
        faults=0,
        next_ns=0,
        deadline_ns=0,
        boot_id=None,
        trail=None,
        media=None,
        address=None,
        error_code=None,
        error_message=None,
        error_status=None,
        created_ns=START_NS + 5 * 10**9,
        submitted_ns=None,
        ended_ns=None,
        deleted_ns=None,
        cancel_ns=None,
    )
    return replace(made, **changes)


def failed(code: str, status: int, **changes) -> Job:
    return job(
        state=JobState.FAILED,
        error_code=code,
        error_message="This is why.",
        error_status=status,
        **changes,
    )


@pytest.mark.parametrize(
    ("state", "upstream_state", "status"),
    [
        (JobState.QUEUED, "", "queued"),
        (JobState.SUBMITTING, "", "queued"),
        (JobState.RUNNING, "", "in_progress"),
        (JobState.RUNNING, "queued", "queued"),
        (JobState.RUNNING, "running", "in_progress"),
        (JobState.STORING, "running", "in_progress"),
        (JobState.STORING, "queued", "in_progress"),
        (JobState.COMPLETED, "running", "completed"),
        (JobState.FAILED, "queued", "failed"),
        (JobState.CANCELLED, "", "failed"),
    ],
)
def test_each_state_is_one_of_openais(state, upstream_state, status: str) -> None:
    assert status_of(job(state=state, upstream_state=upstream_state)) == status


def test_a_film_says_what_was_asked_and_when() -> None:
    film = film_of(job(state=JobState.RUNNING, progress=40))
    assert (film.id, film.model, film.prompt) == ("video_1", "gen-2", "waves")
    assert film.request_id == "req_1"
    assert (film.seconds, film.aspect_ratio, film.size) == (10, "16:9", "1920x1080")
    assert (film.created, film.progress) == (START_NS // 10**9, 40)
    assert (film.completed, film.url, film.error) == (None, None, None)
    assert film.cost == "0.00"


def test_a_completed_one_has_an_address_and_its_moments() -> None:
    done = job(state=JobState.COMPLETED, ended_ns=START_NS + 60 * 10**9, progress=100)
    film = film_of(done, 150_000_000, "/media/a.mp4", 99)
    assert film.url == "http://gateway.test/media/a.mp4"
    assert (film.completed, film.expires) == (START_NS // 10**9 + 60, 99)
    assert (film.progress, film.cost) == (100, "0.15")


def test_who_does_not_wait_is_answered_by_its_surface() -> None:
    first = ordered_answer("video_1", "req_1", ORDER)
    assert (first.status, orjson.loads(first.body)["data"]) == (202, [])
    assert orjson.loads(first.body)["request_id"] == "req_1"
    other = Order(creation_of({"prompt": "waves"}).within(exchanges.VIDEO_RULES))
    second = ordered_answer("video_1", "req_1", other)
    assert (second.status, orjson.loads(second.body)["progress"]) == (200, 0)


def test_who_waited_in_vain_is_told_how_far_it_is() -> None:
    answer = waiting_answer(job(state=JobState.RUNNING))
    assert (answer.status, orjson.loads(answer.body)["status"]) == (202, "in_progress")


def test_the_answer_that_is_kept_is_the_one_that_is_given() -> None:
    before = job(state=JobState.STORING)
    write = answer_to_keep(before, "/media/a.mp4?x=y")
    assert write is not None
    after = job(
        state=JobState.COMPLETED,
        ended_ns=START_NS + 10**9,
        address="/media/a.mp4?x=y",
        progress=100,
    )
    given = completed_answer(after, "/media/a.mp4?x=y", 150_000_000)
    assert write(150_000_000) == given
    assert (given.status, orjson.loads(given.body)["status"]) == (200, "completed")


def test_who_had_an_answer_gets_no_other_kept() -> None:
    early = Order(replace(ASK, waits=False))
    assert answer_to_keep(job(early), "/media/a.mp4") is None


def test_a_job_is_charged_by_what_it_was_held_by() -> None:
    assert situation_of(job()) == Situation(START_NS, False, {"resolution": "1080p"})


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("content_policy_violation", 400, ContentRefused),
        ("content_policy_violation", 502, ContentRefused),
        ("invalid_value", 400, BadRequest),
        ("rate_limit_exceeded", 429, UpstreamThrottled),
        ("internal_error", 500, InternalError),
        ("upstream_error", 502, UpstreamFailed),
        ("upstream_auth", 502, UpstreamFailed),
        ("media_unavailable", 503, Unavailable),
        ("whatever", 418, UpstreamFailed),
    ],
)
def test_a_failure_is_the_error_that_it_was(code: str, status: int, kind) -> None:
    error = failure_of(failed(code, status))
    assert (type(error), error.code, error.message) == (kind, code, "This is why.")
    assert error.extra == {"video_id": "video_1"}


@pytest.mark.parametrize(
    ("status", "submitted_ns", "retry"),
    [(400, None, None), (429, None, None), (429, 1, False), (502, None, False)],
)
def test_what_may_have_begun_is_not_tried_again(status, submitted_ns, retry) -> None:
    error = failure_of(failed("x", status, submitted_ns=submitted_ns))
    assert error.should_retry is retry


def test_who_cancelled_is_told_so() -> None:
    cancelled = replace(failed("cancelled", 499), state=JobState.CANCELLED)
    assert type(failure_of(cancelled)) is VideoCancelled
    assert film_of(cancelled).error == ("cancelled", "This is why.")


@pytest.mark.parametrize(
    ("provider", "state", "milliseconds"),
    [
        ("runway", JobState.RUNNING, "5000"),
        ("", JobState.QUEUED, str(POLL_MS)),
        ("nobody", JobState.RUNNING, str(POLL_MS)),
        ("runway", JobState.COMPLETED, None),
        ("runway", JobState.FAILED, None),
    ],
)
def test_a_client_learns_when_to_ask_again(provider, state, milliseconds) -> None:
    fields = poll_fields(job(provider=provider, state=state), STUDIOS)
    assert fields.get("openai-poll-after-ms") == milliseconds


@pytest.mark.parametrize(
    ("provider", "state", "upstream_state", "may"),
    [
        ("", JobState.QUEUED, "", True),
        ("runway", JobState.SUBMITTING, "", True),
        ("runway", JobState.RUNNING, "", True),
        ("runway", JobState.RUNNING, "queued", True),
        ("runway", JobState.RUNNING, "running", False),
        ("runway", JobState.STORING, "queued", False),
        ("demo", JobState.RUNNING, "queued", False),
        ("nobody", JobState.RUNNING, "queued", False),
        ("runway", JobState.COMPLETED, "running", True),
        ("runway", JobState.FAILED, "", True),
    ],
)
def test_only_what_is_free_may_be_cancelled(
    provider: str, state: JobState, upstream_state: str, may: bool
) -> None:
    one = job(provider=provider, state=state, upstream_state=upstream_state)
    assert may_be_cancelled(one, STUDIOS) is may


def test_only_who_makes_videos_is_a_studio() -> None:
    assert set(STUDIOS) == {"runway", "fal", "demo"}
    strange = {"x": exchanges.provider("x", dialect="klingon")}
    assert studios_of(strange) == {}


def test_a_receipt_names_who_made_it() -> None:
    assert receipt_fields(job()) == {}
    assert receipt_fields(job(provider="runway", upstream_model="gen4.5")) == {
        "x-autolist-provider": "runway",
        "x-autolist-upstream-model": "gen4.5",
    }
