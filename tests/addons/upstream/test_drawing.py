"""Drawing: calls at the same time, what succeeded counts, and no second try."""

import asyncio
import base64
from collections.abc import Sequence

import orjson
import pytest

from addons.providers import REGISTRY
from addons.providers.base import UpstreamRequest
from addons.upstream.drawing import (
    CALL_BYTES_MIN,
    FAULTS_MAX,
    INLINE_BYTES,
    Drawn,
    Easel,
    draw_all,
    outcome_of,
    without_retry,
)
from addons.wire.errors import (
    ApiError,
    ContentRefused,
    UpstreamAuth,
    UpstreamBilling,
    UpstreamFailed,
    UpstreamModelGone,
    UpstreamOverloaded,
    UpstreamThrottled,
    UpstreamTimeout,
)
from addons.wire.images import ImageAsk, Made
from config.settings import Clocks
from tests.fakes.loop import leap
from tests.fakes.png import png
from tests.fakes.transport import STUCK, ScriptedReply, ScriptedTransport, passed

CLOCKS = Clocks(first_byte_seconds=20, idle_seconds=10, total_seconds=100)
REQUEST = UpstreamRequest("POST", "/images/generations", {}, b"{}", False)
IMAGE = Made(png("cat"), media_type="image/png")


class Slow:
    """A fetch that takes its time."""

    def __init__(self, seconds: float = 0) -> None:
        self.seconds = seconds

    async def fetched(self, made: Made, limit_bytes: int) -> Made:
        await passed(self.seconds)
        return made

    async def close(self) -> None:
        """Nothing is open."""


def nothing() -> None:
    """Nobody waits for the calls to be on their way."""


def said(count: int = 1) -> bytes:
    images = [{"b64_json": base64.b64encode(png("cat")).decode()}] * count
    return orjson.dumps({"data": images})


def good(count: int = 1, *before: float) -> ScriptedReply:
    return ScriptedReply([*before, said(count)], headers={"x-request-id": "theirs"})


def draw(
    *replies: ScriptedReply | Exception, fetch: Slow = Slow(), answer_bytes: int = 10**6
) -> tuple[list[Drawn], float]:
    """What becomes of a call for each reply, and how long it took."""
    imaging = REGISTRY["openai"].imaging
    assert imaging is not None
    transport = ScriptedTransport(*replies)
    easel = Easel(transport, fetch, imaging, CLOCKS, answer_bytes, nothing)

    async def story() -> tuple[list[Drawn], float]:
        results = await draw_all([REQUEST] * len(replies), easel)
        return results, asyncio.get_running_loop().time()

    return leap(story())


def codes(results: Sequence[Drawn]) -> list[str | None]:
    return [one.error and one.error.code for one in results]


def test_calls_run_at_the_same_time() -> None:
    results, seconds = draw(*(good(1, 15.0) for _ in range(10)))
    assert [len(one.made) for one in results] == [1] * 10
    assert seconds == pytest.approx(15)


def test_each_call_fails_by_itself() -> None:
    results, _ = draw(
        good(),
        ScriptedReply([b"{}"], status=500),
        UpstreamFailed(),
        ScriptedReply([b"{"]),
        good(2),
    )
    assert codes(results) == [None, *["upstream_error"] * 3, None]
    outcome = outcome_of(results)
    assert (len(outcome.made), outcome.error) == (3, None)
    assert (outcome.status, outcome.upstream_id) == (200, "theirs")


@pytest.mark.parametrize(
    ("reply", "fetch", "detail", "seconds"),
    [
        (ScriptedReply([STUCK]), Slow(), "first_byte clock", 20),
        (ScriptedReply([said()[:9], STUCK]), Slow(), "idle clock", 10),
        (ScriptedReply([said()]), Slow(50), "idle clock", 10),
    ],
)
def test_each_call_has_its_clocks(reply, fetch, detail: str, seconds: int) -> None:
    (result,), took = draw(reply, fetch=fetch)
    assert type(result.error) is UpstreamTimeout
    assert result.error.detail == detail
    assert took == pytest.approx(seconds)
    assert result.begun


def test_an_answer_above_the_limit_is_none() -> None:
    (result,), _ = draw(ScriptedReply([bytes(CALL_BYTES_MIN + 1)]), answer_bytes=1)
    assert result.error is not None and "too large" in result.error.message


def test_a_bug_in_one_call_is_that_calls_alone(caplog) -> None:
    """What the others make is billed, so the caller gets it."""
    results, _ = draw(ScriptedReply([KeyError("bug")]), good(1, 5.0), KeyError("bug"))
    assert codes(results) == ["internal_error", None, "internal_error"]
    # Only of the last one it is certain that nothing was begun.
    assert [one.begun for one in results] == [True, True, False]
    assert outcome_of(results).error is None
    assert caplog.text.count("an image could not be drawn") == 2


def test_a_bug_with_what_was_made_does_not_mean_that_nothing_was() -> None:
    class Broken(Slow):
        async def fetched(self, made: Made, limit_bytes: int) -> Made:
            raise KeyError("bug")

    (result,), _ = draw(good(), fetch=Broken())
    assert (codes([result]), result.begun) == (["internal_error"], True)


def test_whoever_cancels_ends_all_calls() -> None:
    replies = [ScriptedReply([STUCK]) for _ in range(3)]
    imaging = REGISTRY["openai"].imaging
    assert imaging is not None
    easel = Easel(ScriptedTransport(*replies), Slow(), imaging, CLOCKS, 10**6, nothing)

    async def story() -> None:
        async with asyncio.timeout(5):
            await draw_all([REQUEST] * 3, easel)

    with pytest.raises(TimeoutError):
        leap(story())
    assert all(reply.left for reply in replies)


@pytest.mark.parametrize(
    ("error", "status", "begun"),
    [
        (None, 200, True),
        (UpstreamFailed(), 0, True),
        (UpstreamTimeout(), 0, True),
        (UpstreamTimeout(), 200, True),
        (UpstreamFailed(), 500, True),
        (UpstreamTimeout(), 504, True),
        (UpstreamOverloaded(), 503, False),
        (UpstreamOverloaded(), 529, True),
        (UpstreamThrottled(), 429, False),
        (UpstreamThrottled(), 200, False),
        (UpstreamAuth(), 401, False),
        (UpstreamBilling(), 402, False),
        (UpstreamModelGone(), 404, False),
        (ContentRefused(), 400, False),
    ],
)
def test_what_may_have_been_begun(error, status: int, begun: bool) -> None:
    assert Drawn(sent=True, error=error, status=status).begun is begun
    assert not Drawn(error=error, status=status).begun
    # Whatever is said later, a task that was accepted is one.
    accepted = Drawn(sent=True, error=error, status=status, accepted=True)
    assert accepted.begun


TASK = {"task_id": "t-1", "task_status": "PENDING"}
PENDING = ScriptedReply([orjson.dumps({"output": TASK})], headers={"x-request-id": "i"})
BUSY = ScriptedReply([b"{}"], status=429)
NOT_READ = ScriptedReply([b"<html>"])
NO_LINE = UpstreamFailed()


def told(status: str, **output: object) -> ScriptedReply:
    body = orjson.dumps({"output": {"task_status": status, **output}})
    return ScriptedReply([body])


def made_by_task(count: int = 1) -> ScriptedReply:
    return told("SUCCEEDED", results=[{"url": "https://a.aliyuncs.com/x.png"}] * count)


def draw_by_task(
    *replies: ScriptedReply | Exception, clocks: Clocks = CLOCKS
) -> tuple[Drawn, float, ScriptedTransport]:
    """What becomes of a call that is a task, how long it took, and what was asked."""
    imaging = REGISTRY["dashscope-tasks"].imaging
    assert imaging is not None
    transport = ScriptedTransport(*replies)
    easel = Easel(
        transport,
        Slow(),
        imaging,
        clocks,
        10**6,
        nothing,
        {"authorization": "Bearer x"},
        passed,
    )
    (request,) = imaging.image_requests(ImageAsk("m", "cat"), "qwen-image", "a")

    async def story() -> tuple[Drawn, float]:
        (drawn,) = await draw_all([request], easel)
        return drawn, asyncio.get_running_loop().time()

    drawn, seconds = leap(story())
    return drawn, seconds, transport


def test_a_task_is_asked_about_until_it_is_over() -> None:
    drawn, seconds, transport = draw_by_task(
        PENDING, told("PENDING"), told("RUNNING"), made_by_task(2)
    )
    assert (len(drawn.made), drawn.error, drawn.upstream_id) == (2, None, "i")
    assert drawn.accepted and drawn.begun
    assert seconds == pytest.approx(3 * 2)
    submit, *questions = transport.requests
    assert submit.method == "POST"
    for question in questions:
        assert (question.method, question.path) == ("GET", "/tasks/t-1")
        assert question.headers["authorization"] == "Bearer x"


def test_a_task_is_submitted_once_whatever_its_questions_come_to() -> None:
    drawn, _, transport = draw_by_task(
        PENDING, BUSY, NOT_READ, NO_LINE, told("RUNNING"), BUSY, made_by_task()
    )
    assert drawn.error is None and len(drawn.made) == 1
    assert [one.method for one in transport.requests] == ["POST", *["GET"] * 6]


def test_a_wait_that_the_provider_names_is_kept() -> None:
    busy = ScriptedReply([b"{}"], status=429, headers={"retry-after": "30"})
    drawn, seconds, _ = draw_by_task(PENDING, busy, made_by_task())
    assert drawn.error is None
    assert seconds == pytest.approx(2 + 30)


def test_after_questions_that_only_fail_nothing_is_begun_again() -> None:
    drawn, _, transport = draw_by_task(PENDING, *[BUSY] * FAULTS_MAX)
    assert type(drawn.error) is UpstreamThrottled
    assert drawn.begun
    assert len(transport.requests) == 1 + FAULTS_MAX


@pytest.mark.parametrize(
    ("end", "kind"),
    [
        (told("UNKNOWN"), UpstreamFailed),
        (told("CANCELED"), UpstreamFailed),
        (told("FAILED", code="InternalError.Algo"), UpstreamFailed),
        (told("FAILED", code="DataInspectionFailed"), ContentRefused),
    ],
)
def test_a_task_may_end_badly(end: ScriptedReply, kind: type[ApiError]) -> None:
    drawn, _, transport = draw_by_task(PENDING, end)
    assert type(drawn.error) is kind
    assert drawn.begun and len(transport.requests) == 2


def test_a_submission_whose_fate_is_unknown_counts_as_begun() -> None:
    for reply in (NOT_READ, ScriptedReply([b"{}"], status=500), ScriptedReply([STUCK])):
        drawn, _, transport = draw_by_task(reply)
        assert drawn.begun and not drawn.accepted
        assert len(transport.requests) == 1


def test_a_submission_that_is_refused_begins_nothing() -> None:
    drawn, _, _ = draw_by_task(BUSY)
    assert type(drawn.error) is UpstreamThrottled and not drawn.begun


@pytest.mark.parametrize(
    ("clocks", "detail", "seconds"),
    [
        (CLOCKS, "total clock", 100),
        (Clocks(first_byte_seconds=5, idle_seconds=300, total_seconds=20),
         "total clock", 20),
    ],
)
def test_a_task_has_the_clocks_of_a_call(clocks, detail: str, seconds: int) -> None:
    running = [told("RUNNING")] * 60
    drawn, took, _ = draw_by_task(PENDING, *running, clocks=clocks)
    assert type(drawn.error) is UpstreamTimeout
    assert drawn.error.detail == detail
    assert took == pytest.approx(seconds)
    assert drawn.begun


def test_a_question_that_hangs_is_ended_by_the_idle_clock() -> None:
    drawn, took, _ = draw_by_task(PENDING, ScriptedReply([STUCK]))
    assert drawn.error is not None and drawn.error.detail == "idle clock"
    assert took == pytest.approx(2 + 10)


THROTTLED = Drawn(True, error=UpstreamThrottled(), status=429)
BROKEN = Drawn(True, error=UpstreamFailed(), status=500)
REFUSED = Drawn(True, error=ContentRefused(), status=400)
GOOD = Drawn(True, (IMAGE,), status=200)


@pytest.mark.parametrize(
    ("results", "decides"),
    [
        ([THROTTLED, THROTTLED], THROTTLED),
        ([THROTTLED, BROKEN], BROKEN),
        ([BROKEN, THROTTLED], BROKEN),
        ([THROTTLED, REFUSED], REFUSED),
        ([BROKEN, REFUSED], REFUSED),
    ],
)
def test_the_failure_that_decides_is_the_most_final(results, decides: Drawn) -> None:
    assert outcome_of(results) is decides


def test_one_image_makes_an_attempt_good() -> None:
    assert outcome_of([THROTTLED, GOOD, BROKEN]).made == (IMAGE,)


def test_a_program_is_told_not_to_try_again() -> None:
    error: ApiError = without_retry(UpstreamFailed())
    assert error.should_retry is False
    assert UpstreamFailed().should_retry is None


def test_a_large_answer_is_decoded_all_the_same() -> None:
    async def story() -> list[Drawn]:
        large = png("cat" * INLINE_BYTES)
        image = {"b64_json": base64.b64encode(large).decode()}
        reply = ScriptedReply([orjson.dumps({"data": [image]})])
        imaging = REGISTRY["openai"].imaging
        assert imaging is not None
        easel = Easel(ScriptedTransport(reply), Slow(), imaging, CLOCKS, 10**6, nothing)
        return await draw_all([REQUEST], easel)

    (result,) = asyncio.run(story())
    assert len(result.made) == 1
